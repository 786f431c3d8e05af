package tracee

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Thread is a stopped thread and its registers, each block as the kernel gives
// it (PTRACE_GETREGSET), nil where it does not.
type Thread struct {
	TID int
	// General are the general registers (NT_PRSTATUS), what elf_prstatus.pr_reg
	// holds in a core; nil for a thread that sleeps in the kernel and could not
	// be stopped before it returns from there.
	General []byte
	// Float are the floating-point registers (NT_PRFPREG), Extended those of
	// amd64 as XSAVE stores them (NT_X86_XSTATE), TLS the thread pointer of
	// arm64 (NT_ARM_TLS).
	Float, Extended, TLS []byte
}

// Stopped is a process whose threads are all stopped. While it lasts nothing in
// the process runs. Should the process that stopped it end in whatever way, the
// kernel lets it run on: the threads are seized (PTRACE_SEIZE), which leaves no
// signal behind, and nothing is written to them.
type Stopped struct {
	pid int
	// Since is when the first thread was told to stop.
	Since time.Time
	// threads are the ids, ascending, with what each of them was stopped by.
	threads []stop
	// calls are served by the thread that traces, the only one that the kernel
	// lets do so; nil where that is the caller's.
	calls    chan func()
	served   chan struct{}
	released bool
}

// stop is a thread that was told to stop.
type stop struct {
	tid int
	// arrived says that it stands; a thread in an uninterruptible sleep does
	// not, but does not get back to its program either.
	arrived bool
	// ended says that it is no more.
	ended bool
	// signal is the signal in whose delivery it was caught, 0 for none. It is
	// delivered when the thread is let go.
	signal int
}

// How long threads may take to stop before those that sleep uninterruptibly are
// given up, and before all are; and between two looks at them.
const (
	sleeperPatience = 5 * time.Millisecond
	stopPatience    = 2 * time.Second
	stopStep        = 50 * time.Microsecond
)

// Stop stops all threads of a process, also those that begin meanwhile. It
// fails, and lets go those that it has stopped, if the process ends, may not be
// traced, or a thread does not stop.
func Stop(ctx context.Context, pid int) (*Stopped, error) {
	s := &Stopped{pid: pid, calls: make(chan func()), served: make(chan struct{})}
	go func() {
		defer close(s.served)
		OnThread(Hurry, func() {
			for f := range s.calls {
				f()
			}
		})
	}()
	return s.begin(ctx)
}

// StopHere is Stop where the calling thread traces: nothing has to be scheduled while
// the process stands, which can take long on a busy machine. It is for use in
// OnThread, and so is what it returns. A thread that did not stop, because it sleeps,
// is let go when the caller's thread ends.
func StopHere(ctx context.Context, pid int) (*Stopped, error) {
	return (&Stopped{pid: pid}).begin(ctx)
}

// begin stops the threads.
func (s *Stopped) begin(ctx context.Context) (*Stopped, error) {
	var err error
	s.do(func() { err = s.stop(ctx) })
	if err != nil {
		s.Release()
		return nil, err
	}
	return s, nil
}

// OnThread runs f on a thread of its own, which ends with f; pace, Hurry or Yield, sets
// how urgent it is. The calling goroutine must not be locked to its thread.
func OnThread(pace, f func()) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			// The main thread does not end before the process: another one traces.
			// This one is held meanwhile, so that the other is not it.
			defer runtime.UnlockOSThread()
			defer close(done)
			OnThread(pace, f)
			return
		}
		defer close(done)
		pace()
		f()
	}()
	<-done
}

// Hurry has the calling thread run before others of this machine, where that is
// permitted: while it works a process stands still. The caller has locked its
// goroutine to the thread and lets it end with it.
func Hurry() {
	rr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1, Flags: unix.SCHED_FLAG_RESET_ON_FORK}
	if unix.SchedSetAttr(0, &rr, 0) != nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), -20)
	}
}

// Yield has the calling thread, of which the same holds, run after others.
func Yield() { _ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 10) }

// do runs f on the thread that traces.
func (s *Stopped) do(f func()) {
	if s.calls == nil {
		f()
		return
	}
	done := make(chan struct{})
	s.calls <- func() {
		defer close(done)
		f()
	}
	<-done
}

// stop runs on the thread that traces.
func (s *Stopped) stop(ctx context.Context) error {
	s.Since = time.Now()
	for {
		n, err := s.seizeAll()
		if err != nil {
			return err
		}
		if err := s.await(ctx); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		// A thread that ran until now may have begun another one.
	}
}

// seizeAll seizes the threads that are not known yet, tells them to stop and
// returns how many there were.
func (s *Stopped) seizeAll() (n int, err error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", s.pid))
	if err != nil {
		return 0, s.explain(err)
	}
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		i, known := slices.BinarySearchFunc(s.threads, tid, func(t stop, tid int) int { return t.tid - tid })
		if known {
			continue
		}
		switch err := seize(tid); {
		case err == unix.ESRCH: // it has ended
			continue
		case err != nil && dead(s.pid, tid): // EPERM is what a zombie gives
			continue
		case err != nil:
			return n, s.explain(err)
		}
		s.threads = slices.Insert(s.threads, i, stop{tid: tid})
		n++
	}
	if len(s.threads) == 0 {
		return 0, s.explain(unix.ESRCH)
	}
	return n, nil
}

// seize becomes the tracer of a thread and tells it to stop.
func seize(tid int) error {
	if err := ptrace(unix.PTRACE_SEIZE, tid, 0, 0); err != nil {
		return err
	}
	return ptrace(unix.PTRACE_INTERRUPT, tid, 0, 0)
}

// dead reports whether a thread has ended and only waits to be forgotten.
func dead(pid, tid int) bool {
	st, err := ReadStatus(tid)
	return err != nil || st.Dead() || st.tgid != pid
}

// await waits until all threads stand. One that ends meanwhile is forgotten.
func (s *Stopped) await(ctx context.Context) error {
	begin := time.Now()
	for {
		missing := 0
		s.threads = slices.DeleteFunc(s.threads, func(t stop) bool { return t.ended })
		for i := range s.threads {
			if t := &s.threads[i]; !t.arrived && !t.look() && !t.ended {
				missing++
			}
		}
		waited := time.Since(begin)
		switch {
		case missing == 0:
			return s.gone()
		case ctx.Err() != nil:
			return fmt.Errorf("stop process %d: %w", s.pid, context.Cause(ctx))
		case waited > sleeperPatience && s.onlySleepers():
			return nil
		case waited > stopPatience:
			return s.stuck()
		}
		Nap(stopStep)
	}
}

// Nap has the calling thread sleep. The scheduler, which would have another one wake
// it, is not asked.
func Nap(d time.Duration) {
	ts := unix.NsecToTimespec(d.Nanoseconds())
	_ = unix.Nanosleep(&ts, nil) // a signal may end it early
}

// gone returns an error if all threads have ended.
func (s *Stopped) gone() error {
	if slices.ContainsFunc(s.threads, func(t stop) bool { return !t.ended }) {
		return nil
	}
	return s.explain(unix.ESRCH)
}

// look reports whether the thread stands by now, and notes if it has ended.
func (t *stop) look() bool {
	var ws unix.WaitStatus
	got, err := unix.Wait4(t.tid, &ws, unix.WALL|unix.WNOHANG, nil)
	switch {
	case err == unix.ECHILD, got == t.tid && (ws.Exited() || ws.Signaled()):
		t.ended = true
	case got == t.tid && ws.Stopped():
		t.arrived = true
		// Other stops than that for a signal carry an event in the third byte.
		if int(ws)>>16 == 0 {
			t.signal = int(ws.StopSignal())
		}
	}
	return t.arrived
}

// onlySleepers reports whether all threads that do not stand yet are in an
// uninterruptible sleep: they run no instruction of their program before they
// have stopped. A main thread that has ended before the others never stops.
func (s *Stopped) onlySleepers() bool {
	for _, t := range s.threads {
		if t.arrived || t.ended {
			continue
		}
		if st, err := ReadStatus(t.tid); err == nil && st.State != 'D' && !st.Dead() {
			return false
		}
	}
	return true
}

// stuck says which thread does not stop.
func (s *Stopped) stuck() error {
	for _, t := range s.threads {
		if !t.arrived {
			st, _ := ReadStatus(t.tid)
			return fmt.Errorf("stop process %d: thread %d (state %c) did not stop within %v; the process runs on", s.pid, t.tid, st.State, stopPatience)
		}
	}
	return fmt.Errorf("stop process %d: it did not stop", s.pid)
}

// explain says why the process cannot be stopped.
func (s *Stopped) explain(err error) error {
	st, serr := Check(s.pid)
	switch {
	case serr != nil && (len(s.threads) == 0 || st.TracerProcess() != os.Getpid()):
		return serr
	case errors.Is(err, unix.EPERM):
		return NotPermitted(s.pid, st)
	}
	return fmt.Errorf("stop process %d: %w", s.pid, err)
}

// Threads returns the threads with their registers.
func (s *Stopped) Threads() []Thread {
	list := make([]Thread, len(s.threads))
	s.do(func() {
		for i, t := range s.threads {
			list[i].TID = t.tid
			if t.arrived {
				list[i].read()
			}
		}
	})
	// The kernel puts the main thread first where none died.
	if i := slices.IndexFunc(list, func(t Thread) bool { return t.TID == s.pid }); i > 0 {
		main := list[i]
		copy(list[1:i+1], list[:i])
		list[0] = main
	}
	return list
}

// Release lets the process run on. It may be called more than once.
func (s *Stopped) Release() {
	if s.released {
		return
	}
	s.released = true
	s.do(func() {
		for _, t := range s.threads {
			if t.arrived {
				// One that was killed meanwhile is gone: no error.
				_ = ptrace(unix.PTRACE_DETACH, t.tid, 0, uintptr(t.signal))
			}
		}
	})
	if s.calls == nil {
		return
	}
	close(s.calls)
	// The thread's end lets go of those that had not stopped.
	<-s.served
}
