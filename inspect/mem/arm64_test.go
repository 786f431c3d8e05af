package mem

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"rtdbg/inspect/internal/target"
)

// The cores of arm64 programs here are written by QEMU's user-mode emulation
// (linux-user/elfload.c). They have NT_PRSTATUS, NT_PRPSINFO and NT_AUXV, but
// no NT_FILE; the general registers, but no NT_ARM_TLS; all that is mapped,
// except executable mappings that begin with an ELF header.

// emulatedCore builds the target for arm64 and has QEMU run it and write its
// core.
func emulatedCore(t *testing.T, cgo bool, build ...string) capture {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH == "arm64" {
		t.Skip("arm64 programs need no emulation on this host")
	}
	qemu, err := exec.LookPath("qemu-aarch64")
	if err != nil {
		target.Missing(t, "arm64 programs: %v", err)
	}
	if _, err := exec.LookPath(crossCC); cgo && err != nil {
		target.Missing(t, "cgo for arm64: %v", err)
	}
	const sysroot = "/usr/aarch64-linux-gnu"
	if _, err := os.Stat(sysroot); slices.Contains(build, "-buildmode=pie") && err != nil {
		target.Missing(t, "dynamic linker for arm64: %v", err)
	}
	s := capture{exe: buildTargetFor(t, "arm64", cgo, build...)}
	r := startCommand(t, t.TempDir(), qemu, "-L", sysroot, s.exe)
	s.cells, s.pid = r.cells, r.cmd.Process.Pid
	if r.noCore {
		target.Missing(t, "RLIMIT_CORE does not allow cores here")
	}
	if err := r.cmd.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	_ = r.cmd.Wait()
	cores, _ := filepath.Glob(filepath.Join(r.cmd.Dir, "qemu_*.core"))
	if len(cores) != 1 {
		t.Fatalf("core files: %v (%v)", cores, r.cmd.ProcessState)
	}
	s.core = cores[0]
	return s
}

func TestArm64CoreReadsWhatTheTargetSaw(t *testing.T) {
	for _, tt := range []struct {
		name  string
		cgo   bool
		build []string
		// moved says that it is not loaded where it was linked to.
		moved bool
		check Verdict
	}{
		{"plain", false, nil, false, Match},
		{"stripped", false, []string{"-ldflags=-s -w"}, false, Match},
		// QEMU finds the address free that Go's own linker gave it.
		{"pie", false, []string{"-buildmode=pie"}, false, Match},
		// GNU ld puts read-only data behind the ELF header and the code, in
		// the mapping that QEMU leaves out.
		{"cgo pie", true, []string{"-buildmode=pie"}, true, Undecided},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := emulatedCore(t, tt.cgo, tt.build...)
			c := openCore(t, s.core, s.exe)
			s.cells = slices.DeleteFunc(s.cells, func(x cell) bool {
				// Code of a library: without NT_FILE nothing tells which
				// file has it.
				_, err := c.View(x.addr, len(x.want))
				return x.name == "libc" && errors.Is(err, ErrMissing)
			})
			checkCells(t, c, s.cells)
			if check := c.CheckExecutable(); check.Verdict != tt.check {
				t.Errorf("CheckExecutable = %v: %s; want %v", check.Verdict, check.Reason, tt.check)
			}
			if bias, err := c.LoadBias(); err != nil || (bias != 0) != tt.moved {
				t.Errorf("LoadBias = %#x, %v", bias, err)
			}
			if c.PID() != s.pid || c.Name() != filepath.Base(s.exe) {
				t.Errorf("PID = %d, Name = %q, want %d and %q", c.PID(), c.Name(), s.pid, filepath.Base(s.exe))
			}
			if sig, ok := c.Signal(); !ok || sig.Number != int(syscall.SIGABRT) {
				t.Errorf("Signal = %+v, %v, want SIGABRT", sig, ok)
			}
			if missing, ranges, truncated := c.Truncated(); truncated {
				t.Errorf("Truncated = %d bytes, %v", missing, ranges)
			}
			checkThreads(t, c)
		})
	}
}

// checkThreads checks that the threads have ids and registers of their own.
func checkThreads(t *testing.T, c *Core) {
	t.Helper()
	tids, stacks := make(map[int]bool), make(map[uint64]bool)
	for _, th := range c.Threads() {
		tids[th.TID], stacks[th.Regs.SP] = true, true
		if _, err := c.View(Addr(th.Regs.SP), 8); err != nil {
			t.Errorf("thread %d: stack: %v", th.TID, err)
		}
		if _, err := c.View(Addr(th.Regs.PC), 4); err != nil {
			t.Errorf("thread %d: PC: %v", th.TID, err)
		}
	}
	if n := len(c.Threads()); n < 2 || len(tids) != n || len(stacks) != n || !tids[c.PID()] {
		t.Errorf("%d threads have the ids %v and %d stacks; the process is %d", n, tids, len(stacks), c.PID())
	}
}

// The first page, with the build ids, is in no such core: entry point, build
// information and read-only data tell builds apart.
func TestArm64CheckExecutableTellsBuildsApart(t *testing.T) {
	s := emulatedCore(t, false)
	for _, tt := range []struct {
		name string
		path string
		why  string
	}{
		{"a changed constant", rebuildFor(t, "arm64", "a string constant", "a String constant"), ""},
		{"more code", rebuildFor(t, "arm64", "data[0] = 'I'", "data[0] = 'I'; println(len(data))"), ""},
		{"other build settings", buildTargetFor(t, "arm64", false, "-tags=other"), "build information"},
		{"the same source as PIE", buildTargetFor(t, "arm64", false, "-buildmode=pie"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := openCore(t, s.core, tt.path)
			check := c.CheckExecutable()
			if check.Verdict != Mismatch || !strings.Contains(check.Reason, tt.why) {
				t.Errorf("CheckExecutable = %v: %s; want a mismatch: %s", check.Verdict, check.Reason, tt.why)
			}
			for _, cell := range s.cells {
				if _, err := c.View(cell.addr, len(cell.want)); cell.name == "text" && !errors.Is(err, ErrMissing) || cell.name != "text" && err != nil {
					t.Errorf("%s: View = %v", cell.name, err)
				}
			}
		})
	}
	t.Run("the same file", func(t *testing.T) {
		check := openCore(t, s.core, s.exe).CheckExecutable()
		if check.Verdict != Match || !strings.Contains(check.Reason, "no build id") {
			t.Errorf("CheckExecutable = %v: %s", check.Verdict, check.Reason)
		}
	})
	t.Run("for amd64", func(t *testing.T) {
		path := buildTargetFor(t, "amd64", false)
		if _, err := OpenCore(s.core, openExe(t, path)); err == nil || !strings.Contains(err.Error(), "arm64") {
			t.Errorf("OpenCore = %v", err)
		}
	})
}
