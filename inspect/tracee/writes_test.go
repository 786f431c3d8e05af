package tracee

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"rtdbg/inspect/internal/target"
)

// Writes into one process are refused, and into others not, from whichever thread.
func TestRefuseWrites(t *testing.T) {
	allow, err := RefuseWrites(os.Getpid())
	if err != nil {
		target.Missing(t, "%v", err)
	}
	allow()
	kept, other := traceChild(t), traceChild(t)
	want := func(v *victim, want error) {
		t.Helper()
		for name, write := range map[string]func() error{"ptrace": v.poke, "process_vm_writev": v.copyTo} {
			if got := write(); got != want {
				t.Errorf("%s to process %d: %v, want %v", name, v.pid, got, want)
			}
		}
	}
	want(kept, nil)
	first, err := RefuseWrites(kept.pid)
	if err != nil {
		t.Fatal(err)
	}
	second, err := RefuseWrites(kept.pid)
	if err != nil {
		t.Fatal(err)
	}
	want(kept, unix.EPERM)
	want(other, nil)
	first()
	first()
	want(kept, unix.EPERM)
	second()
	want(kept, nil)
}

// victim is a child that a thread of its own traces.
type victim struct {
	pid int
	// sp is an address in its stack.
	sp uintptr
	do chan func()
}

func traceChild(t *testing.T) *victim {
	t.Helper()
	v := &victim{do: make(chan func())}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		cmd := exec.Command("sleep", "60")
		cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL}
		err := cmd.Start()
		if err == nil {
			v.pid = cmd.Process.Pid
			_, err = syscall.Wait4(v.pid, nil, 0, nil)
		}
		started <- err
		for f := range v.do {
			f()
		}
		if err == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}()
	t.Cleanup(func() { close(v.do) })
	if err := <-started; err != nil {
		target.Missing(t, "trace a child: %v", err)
	}
	v.sp = stackOf(t, v.pid)
	return v
}

// stackOf is an address in the stack of a process, by the kernel.
func stackOf(t *testing.T, pid int) uintptr {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)-([0-9a-f]+) rw.*\[stack\]$`).FindSubmatch(maps)
	if m == nil {
		t.Fatalf("no stack: %s", maps)
	}
	end, err := strconv.ParseUint(string(m[1]), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return uintptr(end - 64)
}

// poke writes what is there by ptrace.
func (v *victim) poke() error {
	result := make(chan error, 1)
	v.do <- func() {
		b := make([]byte, 8)
		_, err := syscall.PtracePeekData(v.pid, v.sp, b)
		if err == nil {
			_, err = syscall.PtracePokeData(v.pid, v.sp, b)
		}
		result <- err
	}
	return <-result
}

// copyTo writes what is there by process_vm_writev.
func (v *victim) copyTo() error {
	b := make([]byte, 8)
	local := []unix.Iovec{{Base: &b[0], Len: 8}}
	remote := []unix.RemoteIovec{{Base: v.sp, Len: 8}}
	if _, err := unix.ProcessVMReadv(v.pid, local, remote, 0); err != nil {
		return err
	}
	_, err := unix.ProcessVMWritev(v.pid, local, remote, 0)
	return err
}
