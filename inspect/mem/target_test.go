package mem

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rtdbg/inspect/exe"
)

// cell is a piece of the target's memory as the target itself printed it.
type cell struct {
	name string
	addr Addr
	want []byte
}

// needLinux skips where the target, a linux/amd64 program, cannot run.
func needLinux(t testing.TB) {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the target runs on linux/amd64 only")
	}
}

// needGCC skips where no C compiler is.
func needGCC(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("gcc is not installed")
	}
}

// crossCC is the C compiler for arm64 on other hosts.
const crossCC = "aarch64-linux-gnu-gcc"

// built holds the executables that buildTarget made, by their arguments.
var built struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rtdbg-mem-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built.dir, built.paths = dir, make(map[string]string)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// buildTarget builds testdata/target and returns the path of the executable,
// which is shared by all tests that build it in the same way.
func buildTarget(t testing.TB, cgo bool, args ...string) string {
	t.Helper()
	return buildTargetFor(t, "amd64", cgo, args...)
}

func buildTargetFor(t testing.TB, goarch string, cgo bool, args ...string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	key := fmt.Sprint(goarch, cgo, args)
	if path, ok := built.paths[key]; ok {
		return path
	}
	src, err := filepath.Abs("testdata/target")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(built.dir, fmt.Sprintf("target%d", len(built.paths)))
	cmd := exec.Command("go", append(append([]string{"build", "-o", out}, args...), ".")...)
	cmd.Dir = src
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch, "GOFLAGS=")
	if cgo {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=1")
	}
	if cgo && goarch != runtime.GOARCH {
		cmd.Env = append(cmd.Env, "CC="+crossCC)
	}
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build target: %v\n%s", err, b)
	}
	built.paths[key] = out
	return out
}

// running is a started target that waits for input.
type running struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	cells []cell
	// noCore says that the process may not dump core.
	noCore bool
}

// startTarget starts the target in dir and reads what it prints.
func startTarget(t testing.TB, path, dir string) *running {
	t.Helper()
	return startCommand(t, dir, path)
}

// startCommand starts the target by a command.
func startCommand(t testing.TB, dir, name string, args ...string) *running {
	t.Helper()
	r := &running{cmd: exec.Command(name, args...)}
	r.cmd.Dir = dir
	r.cmd.Env = append(os.Environ(), "GOTRACEBACK=crash")
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if r.stdin, err = r.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Skipf("the target does not start here: %v", err)
	}
	t.Cleanup(func() { _ = r.cmd.Process.Kill(); _ = r.cmd.Wait() })
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("target stopped: %v", err)
		}
		switch f := strings.Fields(line); {
		case f[0] == "ready":
			return r
		case f[0] == "nocore":
			r.noCore = true
		default:
			r.cells = append(r.cells, parseCell(t, f))
		}
	}
}

func parseCell(t testing.TB, fields []string) cell {
	t.Helper()
	if len(fields) != 3 {
		t.Fatalf("target printed %q", fields)
	}
	addr, err := strconv.ParseUint(fields[1], 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(fields[2])
	if err != nil {
		t.Fatal(err)
	}
	return cell{fields[0], Addr(addr), want}
}

// kernelCore makes the kernel dump the target's core and returns its path.
func (r *running) kernelCore(t testing.TB) string {
	t.Helper()
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil {
		t.Skipf("no core_pattern: %v", err)
	}
	if p := strings.TrimSpace(string(pattern)); strings.ContainsAny(p, "|/@") || !strings.HasPrefix(p, "core") {
		t.Skipf("kernel cores do not go to the working directory here (core_pattern %q)", p)
	}
	if r.noCore {
		t.Skip("RLIMIT_CORE does not allow cores here")
	}
	if err := r.cmd.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	_ = r.cmd.Wait()
	status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.CoreDump() {
		t.Skipf("the kernel dumped no core (%v)", r.cmd.ProcessState)
	}
	cores, _ := filepath.Glob(filepath.Join(r.cmd.Dir, "core*"))
	if len(cores) != 1 {
		t.Fatalf("core files: %v", cores)
	}
	return cores[0]
}

// gcore makes gdb write a core of the running target and returns its path.
func (r *running) gcore(t testing.TB) string {
	t.Helper()
	gdb, err := exec.LookPath("gdb")
	if err != nil {
		t.Skip("gdb is not installed")
	}
	core := filepath.Join(t.TempDir(), "core.gdb")
	cmd := exec.Command(gdb, "-nx", "-batch", "-p", strconv.Itoa(r.cmd.Process.Pid), "-ex", "gcore "+core)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("gdb cannot dump a core here: %v\n%s", err, b)
	}
	if _, err := os.Stat(core); err != nil {
		t.Skip("gdb wrote no core")
	}
	return core
}

func openExe(t testing.TB, path string) *exe.File {
	t.Helper()
	f, err := exe.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func openCore(t testing.TB, core, executable string) *Core {
	t.Helper()
	c, err := OpenCore(core, openExe(t, executable))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func openProcess(t testing.TB, pid int) *Process {
	t.Helper()
	p, err := OpenProcess(pid)
	if err != nil {
		t.Skipf("cannot read the target: %v", err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// checkCells compares m with what the target printed.
func checkCells(t *testing.T, m Memory, cells []cell) {
	t.Helper()
	if len(cells) < 6 {
		t.Errorf("the target printed %d cells", len(cells))
	}
	for _, c := range cells {
		got := make([]byte, len(c.want))
		if err := m.ReadAt(got, c.addr); err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if !bytes.Equal(got, c.want) {
			t.Errorf("%s at %v: ReadAt = %s, want %s", c.name, c.addr, brief(got), brief(c.want))
		}
		view, err := m.View(c.addr, len(c.want))
		if err != nil || !bytes.Equal(view, c.want) {
			t.Errorf("%s at %v: View = %s, %v, want %s", c.name, c.addr, brief(view), err, brief(c.want))
		}
	}
}

func brief(b []byte) string { return fmt.Sprintf("%.64x", b) }

// capture is a kernel core of a target.
type capture struct {
	exe, core string
	cells     []cell
	pid       int
	// the capture happened between these
	before, after time.Time
}

// makeCore builds and starts a target and makes the kernel dump it.
func makeCore(t testing.TB, cgo bool, buildArgs ...string) capture {
	t.Helper()
	s := capture{exe: buildTarget(t, cgo, buildArgs...)}
	r := startTarget(t, s.exe, t.TempDir())
	s.cells, s.pid = r.cells, r.cmd.Process.Pid
	s.before = time.Now()
	s.core = r.kernelCore(t)
	s.after = time.Now()
	return s
}
