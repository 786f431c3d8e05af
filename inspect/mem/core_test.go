package mem

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestKernelCoreReadsWhatTheTargetSaw(t *testing.T) {
	needLinux(t)
	for _, tt := range []struct {
		name  string
		cgo   bool
		build []string
	}{
		{"plain", false, nil},
		{"stripped", false, []string{"-ldflags=-s -w"}},
		{"pie", false, []string{"-buildmode=pie"}},
		{"cgo", true, nil},
		{"cgo pie", true, []string{"-buildmode=pie"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.cgo {
				needGCC(t)
			}
			s := makeCore(t, tt.cgo, tt.build...)
			c := openCore(t, s.core, s.exe)
			checkCells(t, c, s.cells)
			if check := c.CheckExecutable(); check.Verdict != Match {
				t.Errorf("CheckExecutable = %v: %s", check.Verdict, check.Reason)
			}
			if c.PID() != s.pid {
				t.Errorf("PID = %d, want %d", c.PID(), s.pid)
			}
			if sig, ok := c.Signal(); !ok || sig.Number != int(syscall.SIGABRT) {
				t.Errorf("Signal = %+v, %v, want SIGABRT", sig, ok)
			}
			if missing, ranges, truncated := c.Truncated(); truncated {
				t.Errorf("Truncated = %d bytes, %v", missing, ranges)
			}
			// File systems stamp with a coarse clock.
			if at := c.CaptureTime(); at.Before(s.before.Add(-time.Second)) || at.After(s.after.Add(time.Second)) {
				t.Errorf("CaptureTime = %v, not within %v and %v", at, s.before, s.after)
			}
			if c.ExePath() != s.exe {
				t.Errorf("ExePath = %q, want %q", c.ExePath(), s.exe)
			}
		})
	}
}

func TestGdbCoreReadsWhatTheTargetSaw(t *testing.T) {
	needLinux(t)
	if testing.Short() {
		t.Skip("gdb takes its time over the address space of a Go program")
	}
	for _, tt := range []struct {
		name  string
		build []string
	}{
		{"plain", nil},
		{"pie", []string{"-buildmode=pie"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := buildTarget(t, false, tt.build...)
			r := startTarget(t, path, t.TempDir())
			c := openCore(t, r.gcore(t), path)
			checkCells(t, c, r.cells)
			if check := c.CheckExecutable(); check.Verdict != Match {
				t.Errorf("CheckExecutable = %v: %s", check.Verdict, check.Reason)
			}
			if c.PID() != r.cmd.Process.Pid {
				t.Errorf("PID = %d, want %d", c.PID(), r.cmd.Process.Pid)
			}
		})
	}
}

// Whatever coredump_filter leaves out, a page that reads must read as it did
// in the live process. The oracle is /proc/PID/mem before the crash; only
// mappings that the crash does not change are compared.
func TestPagesReadAsInTheLiveProcessOrNotAtAll(t *testing.T) {
	needLinux(t)
	for _, filter := range []string{"0x33", "0x23", "0x10", "0x7f"} {
		for _, tt := range []struct {
			name  string
			cgo   bool
			build []string
		}{
			{"plain", false, nil},
			{"pie", false, []string{"-buildmode=pie"}},
			{"cgo pie", true, []string{"-buildmode=pie"}},
		} {
			t.Run(tt.name+" "+filter, func(t *testing.T) {
				if tt.cgo {
					needGCC(t)
				}
				path := buildTarget(t, tt.cgo, tt.build...)
				r := startTarget(t, path, t.TempDir())
				pid := r.cmd.Process.Pid
				if err := os.WriteFile(fmt.Sprintf("/proc/%d/coredump_filter", pid), []byte(filter), 0); err != nil {
					t.Skipf("coredump_filter: %v", err)
				}
				live := snapshot(t, pid)
				c := openCore(t, r.kernelCore(t), path)
				compared := comparePages(t, c, live)
				if check := c.CheckExecutable(); check.Verdict == Mismatch {
					t.Errorf("CheckExecutable = %v: %s", check.Verdict, check.Reason)
				}
				if compared < 100 {
					t.Errorf("only %d pages were compared", compared)
				}
			})
		}
	}
}

// snapshot returns the contents of a process's read-only file mappings.
func snapshot(t *testing.T, pid int) map[Addr][]byte {
	t.Helper()
	p, err := OpenProcess(pid)
	if err != nil {
		t.Skipf("cannot read the target: %v", err)
	}
	defer p.Close()
	live := make(map[Addr][]byte)
	for _, r := range p.Ranges() {
		if r.File == "" || r.Perm&PermWrite != 0 {
			continue
		}
		if b, err := p.View(r.Start, int(r.Size())); err == nil {
			live[r.Start] = b
		}
	}
	return live
}

func comparePages(t *testing.T, c *Core, live map[Addr][]byte) (compared int) {
	t.Helper()
	for start, want := range live {
		for off := 0; off < len(want); off += defaultPageSize {
			a := start + Addr(off)
			got, err := c.View(a, defaultPageSize)
			if err != nil {
				if !errors.Is(err, ErrMissing) {
					t.Fatalf("page %v: %v", a, err)
				}
				continue
			}
			compared++
			if !bytes.Equal(got, want[off:off+defaultPageSize]) {
				t.Fatalf("page %v differs from the live process", a)
			}
		}
	}
	return compared
}

func TestReadsOutsideTheCoreFault(t *testing.T) {
	needLinux(t)
	s := makeCore(t, false)
	c := openCore(t, s.core, s.exe)
	last := c.Ranges()[len(c.Ranges())-1]
	for _, tt := range []struct {
		name string
		addr Addr
		n    int
		want error
	}{
		{"null", 0, 8, ErrUnmapped},
		{"top", ^Addr(0), 8, ErrUnmapped},
		{"past the last range", last.End, 1, ErrUnmapped},
		{"across the last end", last.End - 4, 8, nil},
		{"negative", last.Start, -1, ErrUnmapped},
		{"huge", c.Present()[0].Start, 1 << 60, nil},
	} {
		_, err := c.View(tt.addr, tt.n)
		var fault *Fault
		if !errors.As(err, &fault) || fault.Addr != tt.addr || fault.Len != tt.n {
			t.Errorf("%s: View = %v, want a fault", tt.name, err)
		}
		if tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: View = %v, want %v", tt.name, err, tt.want)
		}
	}
}
