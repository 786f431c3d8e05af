package repl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
	"rtdbg/inspect/repl/repltest"
	"rtdbg/inspect/star"
)

// newConsole is a console without a terminal; what it prints goes to out.
func newConsole(t *testing.T, out *strings.Builder) (*console, []int64) {
	t.Helper()
	c := repltest.Pool(t)
	p, err := inspect.OpenCore(t.Context(), c.Exe, c.Core, inspect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	scripts, _, err := star.Commands()
	if err != nil {
		t.Fatal(err)
	}
	screen := newScreen(out, Terminal{})
	s := newSession(p, Request{Format: render.Formats()[0], Out: screen})
	n, err := count(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return &console{goroutines: n, session: s, p: p, scripts: scripts, term: Terminal{Err: out}, screen: screen, interrupts: make(chan os.Signal, 1), target: free()}, c.Vars.Ints(t, "worker.goids")
}

func TestCompletion(t *testing.T) {
	c, workers := newConsole(t, &strings.Builder{})
	if _, err := c.in.Eval(t.Context(), "", "1"); err != nil {
		t.Fatal(err)
	}
	c.line(t.Context(), "myvar = g(1)")
	c.line(t.Context(), "hidden = g")
	worker := fmt.Sprint(workers[0])
	tests := []struct {
		line string
		head string
		// want must be among the words, or the only one if it ends with "!".
		want string
	}{
		{"wak", "", "wakers!"},
		{"gorout", "", "goroutines!"},
		{"myv", "", "myvar!"},
		{"x = myv", "x = ", "myvar!"},
		{"x = why", "x = ", "why!"},
		{"x = gorout", "x = ", ""},
		{"myvar.wait_re", "myvar.", "wait_reason!"},
		{"print(myvar.", "print(myvar.", "goid"},
		{"myvar.frames.", "myvar.frames.", "append"},
		{"myvar.none.", "myvar.none.", ""},
		{"g(1).", "g(1).", ""},
		{"g(", "g(", worker},
		{"g(" + worker, "g(", worker},
		{"x = stack(", "x = stack(", worker},
		{"eval(\"x\", g=", "eval(\"x\", g=", worker},
		{"eval(\"x\", fr", "eval(\"x\", ", "frame=!"},
		{"gs(al", "gs(", "all=!"},
		{"[h for h in g", "[h for h in ", "gs"},
		{"wakers ", "wakers ", worker},
		{"wakers go", "wakers ", "goid=!"},
		{"wakers goid=", "wakers goid=", worker},
		{"waiters ", "waiters ", "x=!"},
		{"goroutines b", "goroutines ", "brief=!"},
		{"goroutines --", "goroutines ", "--all"},
		{"wakers --", "wakers ", ""},
		{"help wa", "help ", "waiters"},
		{"goto " + worker, "goto ", worker},
		{"dlv goroutine", "dlv ", "goroutines"},
		{"dlv contin", "dlv ", "continue!"},
		{"dlv help bre", "dlv help ", "breakpoints"},
		{"dlv goroutine ", "dlv goroutine ", worker},
		{"dlv goroutine 1 bt", "dlv goroutine 1 ", "bt!"},
		{"dlv print ", "dlv print ", ""},
		{"dlv(", "dlv(", "command=!"},
		{"refr", "", "refresh!"},
		{"help", "", "help!"},
		{"", "", "why"},
		{"é = wak", "é = ", "wakers!"},
		{"1 + ", "1 + ", ""},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			head, words, tail := completion{c}.complete(tt.line+"tail", len([]rune(tt.line)))
			want, only := strings.CutSuffix(tt.want, "!")
			switch {
			case head != tt.head || tail != "tail":
				t.Errorf("head %q, tail %q", head, tail)
			case want == "" && len(words) > 0:
				t.Errorf("got %q, want nothing", words)
			case want != "" && !slices.Contains(words, want), only && len(words) != 1:
				t.Errorf("got %q, want %q", words, want)
			}
		})
	}
}

func TestLinesAreCommandsOrStarlark(t *testing.T) {
	var out strings.Builder
	c, workers := newConsole(t, &out)
	script := filepath.Join(t.TempDir(), "x.star")
	if err := os.WriteFile(script, []byte("def main(n = 1):\n  return n * 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ line, want string }{
		{"1 + 1", "2\n"},
		{"'a'", "\"a\"\n"},
		{"x = 3", ""},
		{"x == 3", "True\n"},
		{"_", "True\n"},
		{"why().summary", " goroutines on "},
		{"wakers", "goroutine "},
		{fmt.Sprintf("wakers %d", workers[0]), "chan main.job"},
		{fmt.Sprintf("wakers(%d).verdict", workers[0]), "\""},
		{script + " 4", "8\n"},
		{script + " n='5'", "10\n"},
		{"goroutines --brief", "GOID"},
		{"goroutines --short", "error: goroutines has no parameter \"short\": it has all, brief\n"},
		{"waiters 'x", "error: a quote is not closed\n"},
		{"help", "Commands (help NAME for more):"},
		{"help help", "help(name=None)"},
		{"help none", "error: no help on \"none\""},
		{"help(x)", "error: 1:5: help: no help on a value of type int\n"},
		{"help(g(1))", "G: a goroutine"},
		{"dir(g(1))[0]", "\"addr\"\n"},
		{"hex(g(1).addr)", "\"0x"},
		{"g(1).addr", " (0x"},
		{"refresh", "error: this target does not change: there is nothing to refresh\n"},
		{"refresh now", "error: usage: refresh\n"},
		{"help refresh", "read the target again, as it stands now"},
		{"goto 0", "has no goroutine 0\n"},
		{"goto", "error: usage: goto GOID, a goroutine id\n"},
		{"goto 1", ""},
		{"g().goid", "1\n"},
		{"dlv help bt", "Print stack trace."},
		{"dlv goroutines", "* Goroutine 1 "},
		{"type(dlv('goroutines'))", "\"string\"\n"},
		{"dlv = 3", "note: dlv hides the builtin until you type: forget dlv\n"},
		{"dlv", "3\n"},
		{"forget dlv", ""},
		{"why = 3", "note: why hides the builtin until you type: forget why\n"},
		{"why = 4", ""},
		{"why", "4\n"},
		{"forget why", ""},
		{"forget why", "error: why was not defined here\n"},
		{"why", " are stuck"},
		{"g(1).nothing", "error: 1:5: G has no .nothing field or method\n"},
		{"print('a\x1bb')", "a\x1bb\n"},
	}
	for _, tt := range tests {
		out.Reset()
		if c.line(t.Context(), tt.line) {
			t.Errorf("%s ends the session", tt.line)
		}
		got := out.String()
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) || strings.HasSuffix(tt.want, "\n") && !strings.HasSuffix(got, tt.want) {
			t.Errorf("%s prints %q, want %q", tt.line, got, tt.want)
		}
	}
	for _, line := range []string{"exit", " quit "} {
		if !c.line(t.Context(), line) {
			t.Errorf("%s does not end the session", line)
		}
	}
}

func TestNoScriptHasTheNameOfACommandOfThePrompt(t *testing.T) {
	var names []string
	for _, o := range ownCommands() {
		names = append(names, o.name)
	}
	slices.Sort(names)
	if !slices.Equal(names, star.PromptCommands()) {
		t.Errorf("the prompt has %q, scripts may not have %q", names, star.PromptCommands())
	}
}

func TestHistoryKeepsWhatIsFitToBeTyped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config", "rtdbg", "history")
	h, err := openHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2*historyLines + 5 {
		h.add(fmt.Sprint("line ", i))
	}
	h.add("  ")
	h.add(strings.Repeat("x", maxHistoryLine+1))
	h.close()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if h, err = openHistory(path); err != nil {
		t.Fatal(err)
	}
	h.close()
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	if n := len(h.lines); n != historyLines || h.lines[n-1] != fmt.Sprint("line ", 2*historyLines+4) {
		t.Errorf("%d lines, the last %q", n, h.lines[n-1])
	}
	if err := os.WriteFile(path, []byte("good\n\xff\xfe\n"+strings.Repeat("y", 70000)+"\nlast"), 0o600); err != nil {
		t.Fatal(err)
	}
	if h, err = openHistory(path); err != nil || !slices.Equal(h.lines, []string{"good", "last"}) {
		t.Errorf("of a damaged file: %q, %v", h.lines, err)
	}
	h.close()
	if _, err := openHistory("/dev/null/x"); err == nil {
		t.Error("a history below a device was opened")
	}
}

// TestHistoriesSideBySide has two sessions type lines in turn while a third
// shortens the file.
func TestHistoriesSideBySide(t *testing.T) {
	old := unix.Umask(0)
	defer unix.Umask(old)
	path := filepath.Join(t.TempDir(), "rtdbg", "history")
	open := func() *history {
		t.Helper()
		h, err := openHistory(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.close)
		return h
	}
	a, b := open(), open()
	for i := range historyLines {
		a.add(fmt.Sprint("a", i))
		b.add(fmt.Sprint("b", i))
	}
	a.add("a before")
	if c := open(); len(c.lines) != historyLines {
		t.Errorf("%d lines after shortening, want %d", len(c.lines), historyLines)
	}
	a.add("a after")
	b.add("b after")
	lines := open().lines
	if got := lines[len(lines)-3:]; !slices.Equal(got, []string{"a before", "a after", "b after"}) {
		t.Errorf("the last lines are %q", got)
	}
	for path, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v", path, st.Mode(), err)
		}
	}
}

func TestAHistoryIsARegularFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, dir, "/dev/null"} {
		if _, err := openHistory(path); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestAPanicCostsOneAnswer(t *testing.T) {
	var out strings.Builder
	c, _ := newConsole(t, &out)
	c.req.Out = nil // a mistake of the caller: writing to it panics
	c.line(t.Context(), "1 + 1")
	if got := out.String(); !strings.HasPrefix(got, "error: internal error: ") || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q", got)
	}
	c.req.Out = c.screen
	out.Reset()
	c.line(t.Context(), "1 + 2")
	if out.String() != "3\n" {
		t.Errorf("the next answer is %q", out.String())
	}
}

// TestWhatDoesNotNoticeAnInterruptIsLeftBehind interrupts an evaluation that
// looks at no context: the user has the prompt at once, and the next evaluation
// begins when that one has ended.
func TestWhatDoesNotNoticeAnInterruptIsLeftBehind(t *testing.T) {
	c, _ := newConsole(t, &strings.Builder{})
	entered, release := make(chan struct{}), make(chan struct{})
	ended := false
	go func() {
		<-entered
		c.interrupts <- os.Interrupt
	}()
	err := c.evaluate(t.Context(), false, func(context.Context) error {
		close(entered)
		<-release
		ended = true
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	if _, words, _ := (completion{c}).complete("wak", 3); words != nil {
		t.Errorf("completion reads the target beside an evaluation: %q", words)
	}
	time.AfterFunc(10*time.Millisecond, func() { close(release) })
	err = c.evaluate(t.Context(), false, func(context.Context) error {
		if !ended {
			return errors.New("it began beside the one before")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	c.end()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.evaluate(ctx, false, func(context.Context) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}
