package delve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// colours are what Delve's terminal prints to colour text.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// command runs a line of Delve's terminal and returns what it prints, without
// colours.
func command(t *testing.T, s *Session, line string) (string, error) {
	t.Helper()
	var out strings.Builder
	err := s.Command(testContext(t), &out, line)
	return colours.ReplaceAllString(out.String(), ""), err
}

// mustPrint checks that a line of Delve's terminal prints what is wanted.
func mustPrint(t *testing.T, s *Session, line string, want ...string) {
	t.Helper()
	got, err := command(t, s, line)
	if err != nil {
		t.Errorf("%s: %v", line, err)
	}
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s prints %q, want %q in it", line, got, w)
		}
	}
}

// coreOf dumps a child and opens the core.
func coreOf(t *testing.T, c *child) *Session {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.core")
	s := attach(t, c)
	if err := s.Dump(testContext(t), path, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	core, err := OpenCore(testContext(t), c.cmd.Path, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = core.Close() })
	return core
}

func TestCommandIsDelvesOwnTerminal(t *testing.T) {
	c := start(t, "dwarf")
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	script := filepath.Join(t.TempDir(), "x.star")
	if err := os.WriteFile(script, []byte("def command_twice(n):\n  print(n * 2, time.now().year > 2000)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*Session{"core": coreOf(t, c), "process": attach(t, c)} {
		t.Run(name, func(t *testing.T) {
			mustPrint(t, s, "goroutines", "Goroutine "+c.vars["goid"]+" ")
			mustPrint(t, s, "goroutine "+c.vars["goid"], "to "+c.vars["goid"]+" ")
			if got, err := s.SelectedGoroutine(testContext(t)); err != nil || fmt.Sprint(got) != c.vars["goid"] {
				t.Errorf("selected: %d, %v; want %s", got, err, c.vars["goid"])
			}
			mustPrint(t, s, "bt", "main.park", "runtime.chanrecv1")
			mustPrint(t, s, "up 3", "Frame 3: ", "func park")
			mustPrint(t, s, "print local", "chan string", "* Goroutine "+c.vars["goid"]+" ")
			mustPrint(t, s, "print main.text", "a string of the child")
			mustPrint(t, s, "list main.park", "func park")
			mustPrint(t, s, "help goroutines", "-t")
			mustPrint(t, s, "config alias print pp")
			mustPrint(t, s, "pp main.text", "a string of the child")
			mustPrint(t, s, "source "+script)
			mustPrint(t, s, "twice 21", "42 True")
			if s.Moved() != 0 {
				t.Error("reading has moved the target")
			}
		})
	}
	if left, err := os.ReadDir(config); err != nil || len(left) > 0 {
		t.Errorf("the configuration directory has %v, %v", left, err)
	}
}

func TestTranscriptsAreWrittenInTheEnd(t *testing.T) {
	s := attach(t, start(t, "dwarf"))
	file := filepath.Join(t.TempDir(), "transcript")
	mustPrint(t, s, "transcript "+file)
	mustPrint(t, s, "print main.text", "a string of the child")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "a string of the child") {
		t.Errorf("the transcript is %q, %v", text, err)
	}
}

func TestCommandReadsTheConfigurationOfDelve(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	file := filepath.Join(dir, "dlv", "config.yml")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	const text = "aliases:\n  print: [\"show\"]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := attach(t, start(t, "dwarf"))
	mustPrint(t, s, "show main.text", "a string of the child")
	if _, err := command(t, s, "config  -save"); err == nil {
		t.Error("config -save is not refused")
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != text {
		t.Errorf("the configuration is now %q, %v", got, err)
	}
}

func TestCommandRefusals(t *testing.T) {
	s := coreOf(t, start(t, "dwarf"))
	for _, tt := range []struct{ line, want string }{
		{"exit", "leave with exit or Ctrl-D"},
		{"quit -d", "leave with exit or Ctrl-D"},
		{"nonsense", "command not available"},
		{"print nothing", "nothing"},
		{"continue", "core"},
		{"next", "core"},
		{"frame", "not enough arguments"},
	} {
		_, err := command(t, s, tt.line)
		wantOneLine(t, err, tt.want)
	}
	mustPrint(t, s, "print main.text", "a string of the child")
	if s.Moved() != 0 {
		t.Error("a core has moved")
	}
}

func TestInterruptedContinueHaltsTheTarget(t *testing.T) {
	for name, open := range map[string]func(*testing.T, *child) *Session{
		"process": attach,
		"server": func(t *testing.T, c *child) *Session {
			return connect(t, headless(t, c, false, "tcp"), ConnectOptions{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, "dwarf")
			s := open(t, c)
			ctx, cancel := context.WithCancel(testContext(t))
			go func() {
				c.mustRun() // the target runs: it is told by what it does
				cancel()
			}()
			var out strings.Builder
			if err := s.Command(ctx, &out, "continue"); err != nil {
				t.Errorf("continue: %v", err)
			}
			if s.Moved() == 0 {
				t.Error("the target ran, and Moved does not tell")
			}
			mustPrint(t, s, "print main.text", "a string of the child")
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBreakpointsGoWithTheSession(t *testing.T) {
	c := start(t, "dwarf")
	s := attach(t, c)
	mustPrint(t, s, "break fmt.Println", "Breakpoint 1 set")
	mustPrint(t, s, "continue", "fmt.Println")
	mustPrint(t, s, "stepout", "main.main")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.mustRun()
}

func TestInterruptedCommandEnds(t *testing.T) {
	s := attach(t, start(t, "dwarf"))
	for _, line := range []string{"goroutines", "funcs", "print main.text"} {
		ctx, cancel := context.WithCancel(testContext(t))
		cancel()
		if err := s.Command(ctx, io.Discard, line); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", line, err)
		}
	}
	mustPrint(t, s, "print main.text", "a string of the child")
	if err := s.Command(testContext(t), refusing{}, "funcs"); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("to a writer that takes nothing: %v", err)
	}
}

// TestInterruptedScriptsOfDelveEnd interrupts scripts that never end once they
// have printed something: one asks the server again and again, one does not.
func TestInterruptedScriptsOfDelveEnd(t *testing.T) {
	s := attach(t, start(t, "dwarf"))
	for name, src := range map[string]string{
		"asks":  "def main():\n  while True:\n    dlv_command('print main.text')\n",
		"spins": "def main():\n  print('begun')\n  while True:\n    pass\n",
	} {
		script := filepath.Join(t.TempDir(), name+".star")
		if err := os.WriteFile(script, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(testContext(t))
		if err := s.Command(ctx, calling(cancel), "source "+script); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mustPrint(t, s, "print main.text", "a string of the child")
}

// calling is a writer that calls a function.
type calling func()

func (c calling) Write(p []byte) (int, error) {
	c()
	return len(p), nil
}

// refusing is a writer whose reader has left.
type refusing struct{}

func (refusing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestCommandsAreThoseOfDelve(t *testing.T) {
	for _, tt := range []struct {
		name        string
		known, runs bool
	}{
		{"bt", true, false}, {"stack", true, false}, {"goroutines", true, false}, {"grs", true, false}, {"frame", true, false},
		{"list", true, false}, {"x", true, false}, {"break", true, false},
		{"continue", true, true}, {"c", true, true}, {"next", true, true}, {"n", true, true}, {"rev", true, true},
		{"nonsense", false, false}, {"Running", false, false}, {"Commands", false, false},
	} {
		if got := slices.Contains(Commands(), tt.name); got != tt.known {
			t.Errorf("%s is a command: %t", tt.name, got)
		}
		if got := slices.Contains(Resuming(), tt.name); got != tt.runs {
			t.Errorf("%s lets the target run: %t", tt.name, got)
		}
	}
}
