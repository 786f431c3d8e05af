package target

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// delvePackage is the program dlv, of the module version that rtdbg embeds.
const delvePackage = "github.com/go-delve/delve/cmd/dlv"

// Delve returns the path of dlv, built from the module version that rtdbg
// itself is built with.
func Delve(tb testing.TB) string {
	tb.Helper()
	root := moduleRoot(tb)
	tc := findToolchain(tb, "")
	h := sha256.New()
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			tb.Fatal(err)
		}
		h.Write(text)
	}
	dir, err := cached("exe", "dlv-"+tc.version+"-"+hex.EncodeToString(h.Sum(nil)[:8]), func(dir string) error {
		_, err := tc.run(root, append(tc.env(), "CGO_ENABLED=0"), "build", "-buildvcs=false", "-o", filepath.Join(dir, "dlv"), delvePackage)
		return err
	})
	if err != nil {
		tb.Fatalf("build dlv: %v", err)
	}
	return filepath.Join(dir, "dlv")
}

// ServeDelve starts "dlv ARGS --headless --accept-multiclient" and returns the
// address on which it listens. The server is killed when the test ends.
func ServeDelve(tb testing.TB, args ...string) string {
	tb.Helper()
	return ServeDelveAt(tb, "127.0.0.1", args...)
}

// ServeDelveAt is ServeDelve on another address of this host.
func ServeDelveAt(tb testing.TB, host string, args ...string) string {
	tb.Helper()
	cmd := exec.Command(Delve(tb), append(args, "--headless", "--accept-multiclient", "--listen="+net.JoinHostPort(host, "0"), "--check-go-version=false")...)
	cmd.Env = delveEnv(tb)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadString('\n')
		if _, addr, ok := strings.Cut(strings.TrimSpace(line), "server listening at: "); ok {
			go io.Copy(io.Discard, lines)
			return addr
		}
		if err != nil {
			_ = cmd.Wait()
			Missing(tb, "dlv %s: %s", strings.Join(args, " "), bytes.TrimSpace(stderr.Bytes()))
		}
	}
}

// delveEnv is an environment in which dlv has no configuration and no history
// of a user, and a terminal that knows no escape sequences. The go command, which dlv
// runs, counts nothing there: it does so in the background, when the test may have
// ended.
func delveEnv(tb testing.TB) []string {
	tb.Helper()
	home := tb.TempDir()
	telemetry := filepath.Join(home, "go", "telemetry")
	if err := errors.Join(os.MkdirAll(telemetry, 0o700), os.WriteFile(filepath.Join(telemetry, "mode"), []byte("off"), 0o600)); err != nil {
		tb.Fatal(err)
	}
	return append(plainEnv(), "HOME="+home, "XDG_CONFIG_HOME="+home, "TERM=dumb")
}

// Terminal is a program on a pseudo-terminal. What the program prints is
// expected in the order in which it comes.
type Terminal struct {
	tb   testing.TB
	cmd  *exec.Cmd
	file *os.File

	mu   sync.Mutex
	seen []byte
	// at is up to where what was seen has been expected.
	at    int
	more  chan struct{}
	ended chan struct{}
}

// terminalLimit ends a test whose program does not print what is expected.
const terminalLimit = 2 * time.Minute

// prompt is dlv's.
const prompt = "(dlv) "

// DelveTerminal starts "dlv ARGS" on a pseudo-terminal and waits for its
// prompt. It is killed when the test ends.
func DelveTerminal(tb testing.TB, args ...string) *Terminal {
	tb.Helper()
	t := OnTerminal(tb, exec.Command(Delve(tb), args...), delveEnv(tb))
	t.Expect(prompt)
	return t
}

// OnTerminal starts a command on a pseudo-terminal. It is killed when the test
// ends.
func OnTerminal(tb testing.TB, cmd *exec.Cmd, env []string) *Terminal {
	tb.Helper()
	file, tty, err := pty.Open()
	if err != nil {
		Missing(tb, "no pseudo-terminals here: %v", err)
	}
	if err := pty.Setsize(file, &pty.Winsize{Rows: 1000, Cols: 500}); err != nil {
		tb.Fatal(err)
	}
	t := &Terminal{tb: tb, cmd: cmd, file: file, more: make(chan struct{}, 1), ended: make(chan struct{})}
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tty.Close()
	go t.read()
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-t.ended
		file.Close()
		_ = cmd.Wait()
	})
	return t
}

// read keeps what the program prints until it ends.
func (t *Terminal) read() {
	defer close(t.ended)
	b := make([]byte, 4096)
	for {
		n, err := t.file.Read(b)
		t.mu.Lock()
		t.seen = append(t.seen, b[:n]...)
		t.mu.Unlock()
		select {
		case t.more <- struct{}{}:
		default:
		}
		if err != nil {
			return // EIO: the program has ended
		}
	}
}

// Send types text, in which "\n" ends a line.
func (t *Terminal) Send(text string) {
	t.tb.Helper()
	if _, err := t.file.WriteString(text); err != nil {
		t.tb.Fatalf("type %q: %v", text, err)
	}
}

// Expect waits until want is printed and returns what came before it, with
// lines that end in "\n".
func (t *Terminal) Expect(want string) string {
	t.tb.Helper()
	limit := time.After(terminalLimit)
	for {
		if before, ok := t.take(want); ok {
			return before
		}
		select {
		case <-t.more:
		case <-t.ended:
			if before, ok := t.take(want); ok {
				return before
			}
			t.tb.Fatalf("the program ended without printing %q; it printed:\n%s", want, t.seen)
		case <-limit:
			t.mu.Lock()
			defer t.mu.Unlock()
			t.tb.Fatalf("%q was not printed; the terminal shows:\n%s", want, t.seen)
		}
	}
}

func (t *Terminal) take(want string) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := bytes.Index(t.seen[t.at:], []byte(want))
	if i < 0 {
		return "", false
	}
	before := string(t.seen[t.at : t.at+i])
	t.at += i + len(want)
	return strings.ReplaceAll(before, "\r\n", "\n"), true
}

// Command types a line at dlv's prompt, waits for the next prompt and returns
// what was printed meanwhile.
func (t *Terminal) Command(line string) string {
	t.tb.Helper()
	t.Send(line + "\n")
	_, out, _ := strings.Cut(t.Expect(prompt), "\n") // without the echo
	return out
}

// Wait waits until the program has ended.
func (t *Terminal) Wait() error {
	t.tb.Helper()
	select {
	case <-t.ended:
	case <-time.After(terminalLimit):
		t.tb.Fatalf("the program does not end; the terminal shows:\n%s", t.seen)
	}
	if err := t.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(t.cmd.Path), err)
	}
	return nil
}

// Resume has dlv resume the target of its server.
func (t *Terminal) Resume() {
	t.tb.Helper()
	t.Send("continue\n")
}

// Halt has dlv, which has resumed the target, halt it.
func (t *Terminal) Halt() {
	t.tb.Helper()
	t.Send("\x03")
	t.Expect("[p/q]? ")
	t.Send("p\n")
	t.Expect(prompt)
}

// PID is the program's process id.
func (t *Terminal) PID() int { return t.cmd.Process.Pid }

// Kill kills the program and waits for its end.
func (t *Terminal) Kill() {
	t.tb.Helper()
	if err := t.cmd.Process.Kill(); err != nil {
		t.tb.Fatal(err)
	}
	_ = t.Wait()
}
