package tracee

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rtdbg/inspect/internal/target"
)

// asleep makes the test executable a program of which one thread is in an
// uninterruptible sleep.
const asleep = "RTDBG_TEST_ASLEEP"

func TestMain(m *testing.M) {
	if os.Getenv(asleep) != "" {
		sleepUninterruptibly()
	}
	os.Exit(m.Run())
}

// sleepUninterruptibly has a thread wait in vfork(2) for a child that does
// nothing for a while.
func sleepUninterruptibly() {
	go func() {
		runtime.LockOSThread()
		pause := unix.Timespec{Sec: 60}
		pid, _, _ := syscall.RawSyscall(syscall.SYS_CLONE, uintptr(unix.CLONE_VFORK|unix.SIGCHLD), 0, 0)
		if pid == 0 {
			// The child has the memory of its own copy and this thread only.
			for {
				syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(pointer(&pause)), 0, 0)
			}
		}
	}()
	fmt.Println("ready")
	time.Sleep(time.Minute)
	os.Exit(0)
}

// states returns the states of the threads of a process, as letters.
func states(t *testing.T, pid int) string {
	t.Helper()
	dirs, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	for _, dir := range dirs {
		tid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			t.Fatal(err)
		}
		if st, err := ReadStatus(tid); err == nil {
			list.WriteByte(st.State)
		}
	}
	return list.String()
}

// awaitStates waits until the states of the threads are as wanted.
func awaitStates(t *testing.T, pid int, what string, ok func(states string) bool) {
	t.Helper()
	var last string
	for begin := time.Now(); time.Since(begin) < 10*time.Second; time.Sleep(time.Millisecond) {
		if last = states(t, pid); ok(last) {
			return
		}
	}
	t.Fatalf("the threads are %q, want %s", last, what)
}

func running(s string) bool { return s != "" && !strings.ContainsAny(s, "tT") }

// stopOrMissing stops a process; it skips the test where nobody may.
func stopOrMissing(t *testing.T, pid int) *Stopped {
	t.Helper()
	s, err := Stop(t.Context(), pid)
	if errors.Is(err, unix.EPERM) {
		target.Missing(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// All threads stand, also of a program that starts and ends some all the time,
// and run on afterwards. The caller's thread traces, or one of its own.
func TestStopHoldsEveryThread(t *testing.T) {
	r := target.Start(t, target.Build(t, target.Spec{Program: "heartbeat"}), target.Options{Args: []string{"-churn"}})
	stopOrMissing(t, r.PID).Release()
	for range 50 {
		everyThreadStands(t, r.PID, Stop)
		awaitStates(t, r.PID, "running", running)
		OnThread(Hurry, func() { everyThreadStands(t, r.PID, StopHere) })
		awaitStates(t, r.PID, "running", running)
	}
}

// everyThreadStands stops the process in the given way and lets it go. It may be
// called on a goroutine that is not the test's.
func everyThreadStands(t *testing.T, pid int, stop func(context.Context, int) (*Stopped, error)) {
	s, err := stop(t.Context(), pid)
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Release() // once more is no harm
	if got := states(t, pid); strings.Trim(got, "t") != "" {
		t.Errorf("the threads of a stopped process are %q", got)
	}
	threads := s.Threads()
	if len(threads) == 0 || threads[0].TID != pid {
		t.Errorf("%d threads, the first is not the main thread", len(threads))
	}
	for _, th := range threads {
		if len(th.General) == 0 {
			t.Errorf("thread %d has no registers", th.TID)
		}
	}
	s.Release()
}

// Who was stopped by a signal before stays so.
func TestReleaseLeavesAStoppedProcessStopped(t *testing.T) {
	r := target.Start(t, target.Build(t, target.Spec{Program: "heartbeat"}), target.Options{})
	if err := syscall.Kill(r.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	all := func(s string) bool { return s != "" && strings.Trim(s, "T") == "" }
	awaitStates(t, r.PID, "stopped", all)
	stopOrMissing(t, r.PID).Release()
	for range 20 {
		awaitStates(t, r.PID, "stopped", all)
		time.Sleep(time.Millisecond)
	}
	if err := syscall.Kill(r.PID, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	awaitStates(t, r.PID, "running", running)
}

// A thread that cannot be stopped because it sleeps uninterruptibly does not run
// either: the others are held, it has no registers, and nobody waits for it.
func TestASleeperDoesNotHoldUpTheOthers(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asleep+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait() // killed
	}()
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	awaitStates(t, pid, "one of them D", func(s string) bool { return strings.Contains(s, "D") })
	s := stopOrMissing(t, pid)
	without := 0
	for _, th := range s.Threads() {
		if th.General == nil {
			without++
		}
	}
	if got := states(t, pid); without != 1 || strings.Trim(got, "t") != "D" {
		t.Errorf("the threads are %q, %d of them without registers, want one", got, without)
	}
	s.Release()
	awaitStates(t, pid, "running", running)
}

// What cannot be stopped is explained in one line.
func TestStopExplains(t *testing.T) {
	traced := target.Start(t, target.Build(t, target.Spec{Program: "heartbeat"}), target.Options{})
	defer stopOrMissing(t, traced.PID).Release()
	ended := exec.Command("true")
	if err := ended.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := ended.Process.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, says string
		pid        int
	}{
		{"a process that has ended", "no such process", ended.Process.Pid},
		{"a process that is traced", "already traces it", traced.PID},
	} {
		_, err := Stop(t.Context(), c.pid)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
