package inspect_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
)

// A thread that sleeps uninterruptibly does not keep a process from being looked
// at, nor does Delve wait for it; the process goes on as ever when it wakes.
func TestAProcessWithAThreadThatDoesNotWake(t *testing.T) {
	exe := target.Build(t, target.Spec{Program: "asleep", Cgo: true})
	for _, tt := range []struct {
		name, refusal string
		o             inspect.Options
	}{
		{"capture", "", inspect.Options{}},
		{"stopped", "sleeps uninterruptibly", inspect.Options{Stop: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := target.Start(t, exe, target.Options{})
			p, err := inspect.Attach(t.Context(), r.PID, tt.o)
			switch {
			case tt.refusal == "" && err != nil:
				target.Missing(t, "attach: %v", err)
			case tt.refusal == "":
				if err := p.Close(); err != nil {
					t.Fatal(err)
				}
			case err == nil || !strings.Contains(err.Error(), tt.refusal) || !strings.Contains(err.Error(), r.Vars.String(t, "thread")):
				t.Fatalf("%v, want thread %s and %q", err, r.Vars.String(t, "thread"), tt.refusal)
			}
			endsWell(t, r)
		})
	}
}

// endsWell wakes the thread, and fails the test unless the process runs on then.
func endsWell(t *testing.T, r *target.Running) {
	t.Helper()
	if err := syscall.Kill(int(r.Vars.Int(t, "child")), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := r.AwaitEnd(); err != nil {
		state, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.PID))
		t.Fatalf("%v: %s", err, state)
	}
}

// Who attaches as Delve does and is killed before the thread has woken leaves a
// SIGSTOP behind. The guard takes it away.
func TestTheGuardTakesAwayAStopThatIsStillToCome(t *testing.T) {
	r := target.Start(t, target.Build(t, target.Spec{Program: "asleep", Cgo: true}), target.Options{})
	in, rtdbgDies := io.Pipe()
	ready, said := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- inspect.Guard(r.PID, in, said) }()
	if line := make([]byte, 16); func() bool { n, err := ready.Read(line); return err != nil || !bytes.HasSuffix(line[:n], []byte("\n")) }() {
		t.Fatalf("the guard says %q", line)
	}
	attachAndDie(t, int(r.Vars.Int(t, "thread")))
	rtdbgDies.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	endsWell(t, r)
}

// attachAndDie attaches to a thread from one of this process that ends then.
func attachAndDie(t *testing.T, tid int) {
	t.Helper()
	done := make(chan error)
	var attach func()
	attach = func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() { // this one does not end
			defer runtime.UnlockOSThread()
			inner := make(chan struct{})
			go func() { defer close(inner); attach() }()
			<-inner
			return
		}
		done <- unix.PtraceAttach(tid)
	}
	go attach()
	if err := <-done; err != nil {
		target.Missing(t, "attach: %v", err)
	}
	for {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "TracerPid:\t0\n") {
			return
		}
	}
}
