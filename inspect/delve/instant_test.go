package delve

import (
	"context"
	"errors"
	"testing"

	"rtdbg/inspect/mem"
)

// The kernel of this host tells for certain, registers and counters of the
// target tell where it is elsewhere.
func TestInstantsDifferOnceTheTargetRan(t *testing.T) {
	for _, tt := range []struct {
		name string
		here bool
	}{{"here", true}, {"elsewhere", false}} {
		t.Run(tt.name, func(t *testing.T) {
			c := start(t, "dwarf")
			addr := headless(t, c, true, "tcp")
			s := connect(t, addr, ConnectOptions{})
			ctx := testContext(t)
			if !s.OnThisHost(ctx) {
				t.Fatal("the child is not known to be a process of this host")
			}
			s.here = tt.here
			words := []mem.Addr{c.addr("pattern")}
			first, err := s.Instant(ctx, words)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := s.Instant(ctx, words); err != nil || again != first {
				t.Errorf("the instant of a target that stands still changes (%v)", err)
			}
			if other, err := s.Instant(ctx, nil); err != nil || !other.SameThreads(first) || (other == first) != tt.here {
				t.Errorf("without words it is the same: %v (%v)", other == first, err)
			}
			other, stopped := running(t, c, addr)
			if _, err := s.Instant(ctx, words); !errors.Is(err, ErrRunning) {
				t.Errorf("of a running target: %v", err)
			}
			if _, err := other.Halt(); err != nil {
				t.Fatal(err)
			}
			<-stopped
			if now, err := s.Instant(ctx, words); err != nil || now == first || now.SameThreads(first) {
				t.Errorf("the instant is the same after the target ran (%v)", err)
			}
		})
	}
}

func TestReadsOfARunningTargetDoNotWaitForItsStop(t *testing.T) {
	c := start(t, "dwarf")
	addr := headless(t, c, true, "tcp")
	s := connect(t, addr, ConnectOptions{})
	running(t, c, addr)
	// The session has seen a stopped target and does not know better.
	if err := s.ReadMemory(context.Background(), make([]byte, 8), c.addr("jobs")); !errors.Is(err, ErrRunning) {
		t.Errorf("ReadMemory = %v, want ErrRunning", err)
	}
	if !s.Busy() {
		t.Error("the server is said not to work on the call that was given up")
	}
	if err := s.Halt(testContext(t)); err != nil {
		t.Fatalf("Halt behind a read that waits: %v", err)
	}
	if err := s.ReadMemory(testContext(t), make([]byte, 8), c.addr("jobs")); err != nil {
		t.Errorf("after Halt: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.mustRun()
}

func TestInterruptedReadsAreNotWaitedFor(t *testing.T) {
	c := start(t, "dwarf")
	addr := headless(t, c, true, "tcp")
	s := connect(t, addr, ConnectOptions{})
	running(t, c, addr)
	read := make(chan error, 1)
	go func() { read <- s.ReadMemory(context.Background(), make([]byte, 8), c.addr("jobs")) }()
	s.Interrupt()
	if err := <-read; !errors.Is(err, context.Canceled) {
		t.Errorf("ReadMemory = %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	c.mustRun()
}

func TestCloseDoesNotResumeWhatAnotherClientHolds(t *testing.T) {
	c := start(t, "dwarf")
	addr := headless(t, c, true, "tcp")
	other, stopped := running(t, c, addr)
	s := connect(t, addr, ConnectOptions{Stop: true})
	<-stopped
	states := other.Continue()
	c.mustRun()
	if _, err := other.Halt(); err != nil {
		t.Fatal(err)
	}
	<-states
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if state, err := connect(t, addr, ConnectOptions{}).State(testContext(t)); err != nil || state != StateStopped || c.state() != "t" {
		t.Errorf("after Close the target is %v (%s), %v", state, c.state(), err)
	}
}
