package target

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// readyLimit ends a target that does not become ready. It is a safety
	// net, generous for a busy machine.
	readyLimit = 2 * time.Minute
	// deathLimit ends a target that does not die of its signal. The runtime
	// itself waits up to 10 s for each thread.
	deathLimit = 3 * time.Minute
	// baseDebug makes the runtime print labels also where that is not the
	// default (Go 1.26).
	baseDebug = "GODEBUG=tracebacklabels=1"
	// emulatorVar tells a target that starts itself anew what runs it.
	emulatorVar = "TARGET_EMULATOR"
)

// Options say how to start a target.
type Options struct {
	Args []string
	// Env adds KEY=value pairs to the environment. GOTRACEBACK is crash and
	// GODEBUG is tracebacklabels=1 unless Env says otherwise.
	Env []string
	// Namespace has the target be the first process of a PID namespace of its
	// own, which needs CAP_SYS_ADMIN. PID is the id in that of the test.
	Namespace bool
}

// Running is a target that said it is ready.
type Running struct {
	// Exe is the path of the executable.
	Exe string
	// PID is the process's id.
	PID int
	// Vars is what the target says is true of it.
	Vars Vars
	// Dir is the directory in which the target runs.
	Dir string

	tb       testing.TB
	emulator string // the command with flags that runs the target, "" for the kernel
	cmd      *exec.Cmd
	stderr   *os.File
	lines    []string
	exited   chan struct{}
	err      error // of Wait, once exited is closed
}

// Start starts an executable and returns when it printed "ready". The target
// is killed when the test ends.
func Start(tb testing.TB, exe string, o Options) *Running {
	tb.Helper()
	r, err := start(exe, tb.TempDir(), o)
	if errors.Is(err, errNoOracle) {
		Missing(tb, "start %s: %v", filepath.Base(exe), err)
	}
	if err != nil {
		tb.Fatalf("start %s: %v", filepath.Base(exe), err)
	}
	r.tb = tb
	tb.Cleanup(r.Kill)
	return r
}

func start(exe, dir string, o Options) (*Running, error) {
	emulator, err := emulator(exe)
	if err != nil {
		return nil, err
	}
	stderr, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		return nil, err
	}
	r := &Running{Exe: exe, Dir: dir, emulator: emulator, stderr: stderr, exited: make(chan struct{})}
	r.cmd = r.command(o.Args)
	r.cmd.Dir = dir
	r.cmd.Env = append(plainEnv(), "GOTRACEBACK=crash", baseDebug, emulatorVar+"="+r.emulator)
	r.cmd.Env = append(r.cmd.Env, o.Env...)
	r.cmd.Stderr = stderr
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if o.Namespace {
		r.cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID
	}
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		stderr.Close()
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		stderr.Close()
		if o.Namespace && errors.Is(err, syscall.EPERM) {
			err = fmt.Errorf("%w: a PID namespace: %w", errNoOracle, err)
		}
		return nil, err
	}
	r.PID = r.cmd.Process.Pid
	if err := r.awaitReady(stdout); err != nil {
		r.Kill()
		return nil, fmt.Errorf("%w; stderr: %s", err, clip(r.text(), 2000))
	}
	return r, nil
}

// command is how the target is started, without its environment.
func (r *Running) command(args []string) *exec.Cmd {
	argv := append(strings.Fields(r.emulator), r.Exe)
	argv = append(argv, args...)
	return exec.Command(argv[0], argv[1:]...)
}

// plainEnv is the process's environment without what steers a Go runtime.
func plainEnv() []string {
	env := os.Environ()[:0:0]
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		switch name {
		case "GOTRACEBACK", "GODEBUG", "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GORACE", "PWD":
			continue
		}
		env = append(env, kv)
	}
	return env
}

// awaitReady reads what the target says up to the line "ready", and leaves a
// goroutine behind that reaps it.
func (r *Running) awaitReady(stdout io.Reader) error {
	said := make(chan error, 1)
	go func() {
		in := bufio.NewReader(stdout)
		said <- r.readVars(in)
		io.Copy(io.Discard, in)
		r.err = r.cmd.Wait()
		close(r.exited)
	}()
	select {
	case err := <-said:
		return err
	case <-time.After(readyLimit):
		return fmt.Errorf("not ready after %v", readyLimit)
	}
}

func (r *Running) readVars(in *bufio.Reader) error {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return fmt.Errorf("ended without being ready: %w", err)
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "ready" {
			break
		}
		r.lines = append(r.lines, line)
	}
	var err error
	r.Vars, err = parseVars(r.lines)
	return err
}

// Kill kills the target and what it started, and waits for its end.
func (r *Running) Kill() {
	select {
	case <-r.exited:
	default:
		unix.Kill(-r.PID, unix.SIGKILL)
		<-r.exited
	}
	r.stderr.Close()
}

// AwaitEnd waits until the target has ended, and returns how.
func (r *Running) AwaitEnd() error {
	select {
	case <-r.exited:
		return r.err
	case <-time.After(readyLimit):
		return fmt.Errorf("alive after %v", readyLimit)
	}
}

// abort sends SIGABRT and waits for the target's death by it. It
// reports whether the kernel says that it dumped core.
func (r *Running) abort() (core bool, err error) {
	if err := unix.Kill(r.PID, unix.SIGABRT); err != nil {
		return false, fmt.Errorf("abort: %w", err)
	}
	return r.awaitAbort()
}

// awaitAbort waits for the target's death by SIGABRT and reports whether the kernel
// says that it dumped core.
func (r *Running) awaitAbort() (core bool, err error) {
	select {
	case <-r.exited:
	case <-time.After(deathLimit):
		return false, fmt.Errorf("alive %v after SIGABRT", deathLimit)
	}
	var exit *exec.ExitError
	if !errors.As(r.err, &exit) {
		return false, fmt.Errorf("ended with %v, not by SIGABRT", r.err)
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGABRT {
		return false, fmt.Errorf("ended with %v, not by SIGABRT", r.err)
	}
	// Whatever it started must not outlive it.
	unix.Kill(-r.PID, unix.SIGKILL)
	return status.CoreDump(), nil
}

// text returns what the target has printed on standard error.
func (r *Running) text() string {
	b, err := os.ReadFile(r.stderr.Name())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Vars are a target's statements, by key.
type Vars map[string]string

func parseVars(lines []string) (Vars, error) {
	v := make(Vars, len(lines))
	for _, line := range lines {
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("line %q is not key=value", line)
		}
		if _, twice := v[key]; twice {
			return nil, fmt.Errorf("key %s is said twice", key)
		}
		v[key] = value
	}
	return v, nil
}

// String returns the value of key; it fails the test if there is none.
func (v Vars) String(tb testing.TB, key string) string {
	tb.Helper()
	s, ok := v[key]
	if !ok {
		tb.Fatalf("the target does not say %s", key)
	}
	return s
}

// Addr returns the address that the target printed as key.addr.
func (v Vars) Addr(tb testing.TB, key string) uint64 {
	tb.Helper()
	n, err := strconv.ParseUint(v.String(tb, key+".addr"), 0, 64)
	if err != nil {
		tb.Fatalf("%s.addr: %v", key, err)
	}
	return n
}

// Int returns the integer that the target printed as key.
func (v Vars) Int(tb testing.TB, key string) int64 {
	tb.Helper()
	n, err := strconv.ParseInt(v.String(tb, key), 0, 64)
	if err != nil {
		tb.Fatalf("%s: %v", key, err)
	}
	return n
}

// Ints returns the comma-separated integers that the target printed as key.
func (v Vars) Ints(tb testing.TB, key string) []int64 {
	tb.Helper()
	var list []int64
	for _, s := range strings.Split(v.String(tb, key), ",") {
		if s == "" {
			continue
		}
		n, err := strconv.ParseInt(s, 0, 64)
		if err != nil {
			tb.Fatalf("%s: %v", key, err)
		}
		list = append(list, n)
	}
	return list
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
