package inspect_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/delve"
	"rtdbg/inspect/internal/target"
)

// served is a target in the hands of a real dlv server, with a dlv at work on
// it.
type served struct {
	*target.Running
	addr string
	dlv  *target.Terminal
}

func serveBeside(t *testing.T) served {
	t.Helper()
	return serveBesideAt(t, "127.0.0.1")
}

func serveBesideAt(t *testing.T, host string) served {
	t.Helper()
	r := target.Start(t, target.Build(t, target.Spec{Program: "beside"}), target.Options{})
	s := served{Running: r, addr: target.ServeDelveAt(t, host, "attach", strconv.Itoa(r.PID))}
	s.dlv = target.DelveTerminal(t, "connect", s.addr)
	return s
}

// connectTo opens the target of a server beside other clients.
func connectTo(t *testing.T, addr string, o inspect.Options) *inspect.Process {
	t.Helper()
	p, err := inspect.Connect(t.Context(), addr, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// outward is an address of this host at which a server counts as one elsewhere.
func outward(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	target.Missing(t, "this host has no address but that of itself")
	return ""
}

// deeds are what another client does meanwhile, and whether that moves the
// target on.
var deeds = []struct {
	name  string
	other func(s served)
	moved bool
}{
	{"looked at", func(s served) { s.dlv.Command("goroutines") }, false},
	{"another goroutine selected", func(s served) { s.dlv.Command("goroutine 1") }, false},
	{"resumed", func(s served) { s.dlv.Resume(); s.AwaitBeats() }, true},
	{"resumed and halted", func(s served) { s.dlv.Resume(); s.AwaitBeats(); s.dlv.Halt() }, true},
	{"ended", func(s served) { _ = syscall.Kill(s.PID, syscall.SIGKILL); s.dlv.Command("continue") }, true},
}

func TestAtInstantNoticesThatAnotherClientRanTheTarget(t *testing.T) {
	for _, where := range []string{"here", "elsewhere"} {
		for _, d := range deeds {
			t.Run(where+"/"+d.name, func(t *testing.T) {
				host := "127.0.0.1"
				if where == "elsewhere" {
					host = outward(t)
				}
				s := serveBesideAt(t, host)
				p := connectTo(t, s.addr, inspect.Options{})
				if err := p.AtInstant(t.Context()); err != nil || !p.Moves() {
					t.Fatalf("before: %v", err)
				}
				d.other(s)
				err := p.AtInstant(t.Context())
				if d.moved && !errors.Is(err, inspect.ErrMovedOn) || !d.moved && err != nil {
					t.Errorf("AtInstant = %v", err)
				}
			})
		}
	}
}

func TestACoreStandsStill(t *testing.T) {
	c := target.Take(t, target.Spec{Program: "locks"}, target.Options{}, target.Kernel)
	addr := target.ServeDelve(t, "core", c.Exe, c.Core)
	d := target.DelveTerminal(t, "connect", addr)
	p := connectTo(t, addr, inspect.Options{})
	d.Command("continue")
	checkLocks(t, p, c.Vars)
	if err := p.AtInstant(t.Context()); err != nil || p.Moves() {
		t.Errorf("AtInstant = %v, Moves = %v", err, p.Moves())
	}
}

// What reads while another client resumes the target comes to an end, and its
// answer is known to be none.
func TestReadsEndWhenAnotherClientResumesTheTarget(t *testing.T) {
	s := serveBeside(t)
	p := connectTo(t, s.addr, inspect.Options{})
	s.dlv.Resume()
	s.AwaitBeats()
	if v, err := p.Eval(t.Context(), "main.turns", 0, 0); !errors.Is(err, delve.ErrRunning) {
		t.Errorf("of a running target: %v, %v", v, err)
	}
	if err := p.AtInstant(t.Context()); !errors.Is(err, inspect.ErrMovedOn) {
		t.Errorf("AtInstant = %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	s.AwaitBeats()
	s.dlv.Halt()
	q := connectTo(t, s.addr, inspect.Options{})
	if w := waiters(t, q, s.Vars.Addr(t, "jobs")); len(w.Waiters) != 3 {
		t.Errorf("after it was halted: %s", toJSON(t, w))
	}
}

// Whoever ends the work need not wait for the server.
func TestInterruptEndsReads(t *testing.T) {
	s := serveBeside(t)
	p := connectTo(t, s.addr, inspect.Options{})
	p.Interrupt()
	if v, err := p.Eval(context.WithoutCancel(t.Context()), "main.turns", 0, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("after Interrupt: %v, %v", v, err)
	}
}

func TestStopHaltsAndCloseLetsRunOn(t *testing.T) {
	s := serveBeside(t)
	s.dlv.Resume()
	s.AwaitBeats()
	if _, err := inspect.Connect(t.Context(), s.addr, inspect.Options{}); err == nil {
		t.Fatal("a running target was opened without being allowed to stop it")
	}
	p := connectTo(t, s.addr, inspect.Options{Stop: true})
	s.AwaitStop()
	s.dlv.Expect("(dlv) ") // continue has returned
	if w := waiters(t, p, s.Vars.Addr(t, "jobs")); len(w.Waiters) != 3 {
		t.Errorf("waiters: %s", toJSON(t, w))
	}
	if err := p.AtInstant(t.Context()); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	s.AwaitBeats()
}

// What another client resumed and halted since is its own: it stays halted.
func TestCloseLeavesTheTargetToWhoTookItOver(t *testing.T) {
	s := serveBeside(t)
	s.dlv.Resume()
	s.AwaitBeats()
	p := connectTo(t, s.addr, inspect.Options{Stop: true})
	s.dlv.Expect("(dlv) ")
	s.dlv.Resume()
	s.AwaitBeats()
	s.dlv.Halt()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if q := connectTo(t, s.addr, inspect.Options{}); q.AtInstant(t.Context()) != nil {
		t.Error("it moves")
	}
	s.AwaitStop()
}
