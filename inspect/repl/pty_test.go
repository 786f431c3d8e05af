package repl_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/repl/repltest"
)

// patience is how long the terminal may stay without what is expected.
const patience = 60 * time.Second

// scratch holds rtdbg itself; build makes it when first asked.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "rtdbg-repl-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(scratch)
	os.Exit(status)
}

// build returns the path of rtdbg itself.
func build(t *testing.T) string {
	t.Helper()
	exe := filepath.Join(scratch, "rtdbg")
	if _, err := os.Stat(exe); err == nil {
		return exe
	}
	if out, err := exec.Command("go", "build", "-o", exe, "rtdbg/cmd/rtdbg").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return exe
}

// console is rtdbg on a pseudo-terminal.
type console struct {
	t    *testing.T
	cmd  *exec.Cmd
	file *os.File
	tty  *os.File
	mode unix.Termios

	mu   sync.Mutex
	seen bytes.Buffer
	// at is up to where what was seen has been expected.
	at   int
	more chan struct{}
	done chan error
}

// start opens the capture on a terminal of the given kind, in a REPL unless the
// arguments ask for something.
func start(t *testing.T, exe, config, term string, c *target.Capture, args ...string) *console {
	t.Helper()
	env := []string{"TERM=" + term, "XDG_CONFIG_HOME=" + config, "PAGER="}
	return run(t, exe, env, append([]string{"core", c.Exe, c.Core}, args...)...)
}

// run runs rtdbg on a terminal, with further variables in its environment.
func run(t *testing.T, exe string, env []string, args ...string) *console {
	t.Helper()
	return runIn(t, exe, append(os.Environ(), env...), args...)
}

// runIn runs rtdbg on a terminal of 50 rows and 200 columns.
func runIn(t *testing.T, exe string, env []string, args ...string) *console {
	t.Helper()
	file, tty, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	if err := pty.Setsize(file, &pty.Winsize{Rows: 50, Cols: 200}); err != nil {
		t.Fatal(err)
	}
	k := &console{t: t, file: file, tty: tty, more: make(chan struct{}, 1), done: make(chan error, 1)}
	k.mode = k.termios()
	k.cmd = exec.Command(exe, args...)
	k.cmd.Env = env
	k.cmd.Stdin, k.cmd.Stdout, k.cmd.Stderr = tty, tty, tty
	k.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go k.read()
	go func() { k.done <- k.cmd.Wait() }()
	t.Cleanup(func() {
		k.cmd.Process.Kill()
		file.Close()
		tty.Close()
	})
	return k
}

// text is all that the terminal has shown, without what moves the cursor.
func (k *console) text() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return escapes.ReplaceAllString(k.seen.String(), "")
}

func (k *console) termios() unix.Termios {
	k.t.Helper()
	m, err := unix.IoctlGetTermios(int(k.tty.Fd()), unix.TCGETS)
	if err != nil {
		k.t.Fatal(err)
	}
	return *m
}

func (k *console) read() {
	b := make([]byte, 4096)
	for {
		n, err := k.file.Read(b)
		k.mu.Lock()
		k.seen.Write(b[:n])
		k.mu.Unlock()
		select {
		case k.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// escapes are what the line editor sends to move the cursor.
var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// expect waits until the terminal shows what, behind what was expected before.
func (k *console) expect(what string) {
	k.t.Helper()
	deadline := time.After(patience)
	for {
		text := k.text()
		if i := strings.Index(text[min(k.at, len(text)):], what); i >= 0 {
			k.at += i + len(what)
			return
		}
		select {
		case <-k.more:
		case <-deadline:
			k.t.Fatalf("the terminal does not show %q; it shows\n%q\n%s", what, text[min(k.at, len(text)):], k.autopsy())
		}
	}
}

// autopsy says what rtdbg does instead of what was expected: the state of the
// process, whether Ctrl-C is a signal on the terminal, and where its goroutines
// are.
func (k *console) autopsy() string {
	state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", k.cmd.Process.Pid))
	if err != nil {
		state = []byte(err.Error())
	}
	mode := k.termios()
	k.mu.Lock()
	from := k.seen.Len()
	k.mu.Unlock()
	_ = k.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-k.done:
	case <-time.After(5 * time.Second):
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return fmt.Sprintf("stat: %.60s\nCtrl-C is a signal: %t\n%.20000s", state, mode.Lflag&unix.ISIG != 0, k.seen.String()[from:])
}

func (k *console) typ(s string) {
	k.t.Helper()
	if _, err := k.file.WriteString(s); err != nil {
		k.t.Fatal(err)
	}
}

// say types a line and waits for its answer and for the next prompt.
func (k *console) say(line, answer string) {
	k.t.Helper()
	k.typ(line + "\r")
	k.expect(answer)
	k.prompt()
}

func (k *console) prompt() {
	k.t.Helper()
	k.expect(" goroutines)> ")
}

// ends waits for the end of rtdbg and checks that the terminal is as it was.
func (k *console) ends(status int) {
	k.t.Helper()
	select {
	case err := <-k.done:
		var exit *exec.ExitError
		if got := k.cmd.ProcessState.ExitCode(); got != status || err != nil && !errors.As(err, &exit) {
			k.t.Errorf("exit status %d (%v), want %d", got, err, status)
		}
	case <-time.After(patience):
		k.t.Fatal("rtdbg does not end")
	}
	if now := k.termios(); now != k.mode {
		k.t.Errorf("the terminal was left in another mode: %+v, was %+v", now, k.mode)
	}
}

func TestREPLOnATerminal(t *testing.T) {
	c, exe, config := repltest.Pool(t), build(t), t.TempDir()
	k := start(t, exe, config, "xterm", c)
	k.expect("core ")
	k.prompt()
	k.say("1+1", "2\r\n")
	k.say(`"a" + "b"`, "\"ab\"\r\n")
	k.statements()
	k.completion(c.Vars.Ints(t, "worker.goids")[0])
	k.commands(c.Vars.String(t, "jobs.addr"))
	k.mistakes()
	k.interrupts()
	k.say("3*3", "9\r\n")
	k.typ("\x04")
	k.ends(0)
	checkHistory(t, filepath.Join(config, "rtdbg"))

	// A second session recalls the lines of the first.
	k = start(t, exe, config, "xterm", c)
	k.prompt()
	k.typ("\x1b[A")
	k.expect("3*3")
	k.say("", "9\r\n")
	k.say("6*7", "42\r\n")
	k.typ("exit\r")
	k.ends(0)
}

// statements types statements of several lines.
func (k *console) statements() {
	k.t.Helper()
	k.typ("def answer(x):\r")
	k.expect("... ")
	k.typ("  return x * 21\r")
	k.expect("... ")
	k.say("", "")
	k.say("answer(2)", "42\r\n")
	k.say("[1,\r2][1]", "2\r\n")
}

// completion completes a builtin, an attribute, a goroutine id.
func (k *console) completion(worker int64) {
	k.t.Helper()
	k.typ("wak\t")
	k.expect("wakers")
	k.typ("\x03")
	k.prompt()
	k.say(fmt.Sprintf("w = g(%d)", worker), "")
	k.say("w.wait_re\t", "\"chan receive\"\r\n")
	k.typ("g(\t\t")
	k.expect(fmt.Sprint(worker))
	k.typ("\x03")
	k.prompt()
}

// commands calls scripts by their bare names.
func (k *console) commands(jobs string) {
	k.t.Helper()
	k.say("waiters "+jobs, ": 3 waiters\r\n")
	k.say("wakers goid=1", "goroutine 1 ")
	k.say("help waiters", "an address 0x")
	k.say("help gs", "gs(all=False)")
	k.say("why", " are stuck")
}

func (k *console) mistakes() {
	k.t.Helper()
	k.say("w.wait_raeson", "error: 1:2: G has no .wait_raeson field or method (did you mean .wait_reason?)\r\n")
	k.say("waiters", "error: waiters needs X")
	k.say("1 +* 2", "error: 1:4: got '*', want primary expression")
}

// interrupts leaves an unfinished statement and stops what runs.
func (k *console) interrupts() {
	k.t.Helper()
	k.typ("w = (\r")
	k.expect("... ")
	k.typ("\x03")
	k.prompt()
	k.typ("def spin():\r  print('spin' + 'ning')\r  while True:\r    pass\r\r")
	k.prompt()
	k.typ("spin()\r")
	k.expect("spinning\r\n")
	k.typ("\x03")
	k.expect("interrupted\r\n")
	k.prompt()
}

// checkHistory looks at what a session left in the configuration directory.
func checkHistory(t *testing.T, dir string) {
	t.Helper()
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "history"): 0o600} {
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := st.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
	lines, err := os.ReadFile(filepath.Join(dir, "history"))
	if err != nil || !strings.HasPrefix(string(lines), "1+1\n") || !strings.HasSuffix(string(lines), "\n3*3\n") {
		t.Errorf("history: %q, %v", lines, err)
	}
}

func TestREPLWithoutCursorMovement(t *testing.T) {
	c, exe := repltest.Pool(t), build(t)
	k := start(t, exe, t.TempDir(), "dumb", c)
	k.prompt()
	k.say("1+1", "2\r\n")
	k.typ("x = (\r")
	k.expect("... ")
	k.typ("\x03")
	k.prompt()
	k.say("2+2", "4\r\n")
	k.typ("\x03")
	k.prompt()
	k.typ("\x04")
	k.ends(0)
}

func TestTheTerminalIsRestoredAfterASignal(t *testing.T) {
	c, exe := repltest.Pool(t), build(t)
	k := start(t, exe, t.TempDir(), "xterm", c)
	k.prompt()
	if err := k.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	k.ends(128 + int(syscall.SIGTERM))
}

func TestCtrlCEndsACommand(t *testing.T) {
	c, exe := repltest.Pool(t), build(t)
	spin := filepath.Join(t.TempDir(), "spin.star")
	if err := os.WriteFile(spin, []byte("def main():\n  print('spin' + 'ning')\n  while True:\n    pass\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := start(t, exe, t.TempDir(), "xterm", c, spin)
	k.expect("spinning\r\n")
	k.typ("\x03")
	k.expect("rtdbg: interrupted\r\n")
	k.ends(128 + int(syscall.SIGINT))
}
