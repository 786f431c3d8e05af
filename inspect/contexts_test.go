package inspect_test

import (
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// onChan returns what the goroutine of the target's wait NAME says of the
// channel NAME.
func onChan(t *testing.T, c *target.Capture, p *inspect.Process, name string) *wait.On {
	t.Helper()
	on := goroutine(t, p, c.Vars.Int(t, name+".goid")).WaitsOn()
	for i := range on {
		if on[i].Addr != nil && uint64(*on[i].Addr) == c.Vars.Addr(t, name) {
			return &on[i]
		}
	}
	t.Fatalf("%s waits on %s, want channel %#x", name, toJSON(t, on), c.Vars.Addr(t, name))
	return nil
}

// A goroutine that waits for a context names it: its type, its children, the
// contexts above it, and when its deadline is.
func TestContextsAreThoseOfTheTarget(t *testing.T) {
	names := []string{"cancel", "timeout", "value", "parent", "select", "held", "heldchild"}
	take(t, "contexts", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		if minor(t, p.Info().Go) >= 21 {
			names := append(names[:len(names):len(names)], "without", "afterfunc")
			checkContexts(t, c, p, names)
			return
		}
		checkContexts(t, c, p, names)
	})
}

func checkContexts(t *testing.T, c *target.Capture, p *inspect.Process, names []string) {
	t.Helper()
	for _, name := range names {
		ctx := onChan(t, c, p, name).Context
		if ctx == nil {
			t.Errorf("%s: no context found", name)
			continue
		}
		var parents []string
		for _, l := range ctx.Parents {
			parents = append(parents, l.Type)
		}
		if ctx.Type != c.Vars.String(t, name+".type") || ctx.Children != int(c.Vars.Int(t, name+".children")) ||
			strings.Join(parents, ",") != c.Vars.String(t, name+".parents") || ctx.Canceled {
			t.Errorf("%s: %s", name, toJSON(t, ctx))
		}
		// In Go 1.20 a context with a deadline points to its cancelCtx.
		if minor(t, p.Info().Go) != 20 || ctx.Type == "*context.cancelCtx" {
			if uint64(ctx.Addr) != c.Vars.Addr(t, name+".ctx") {
				t.Errorf("%s: context at %v, want %#x", name, ctx.Addr, c.Vars.Addr(t, name+".ctx"))
			}
		}
		if name == "timeout" {
			lo, hi := c.Vars.Int(t, name+".due.min"), c.Vars.Int(t, name+".due.max")
			if ctx.WhenNS == nil || *ctx.WhenNS < lo || *ctx.WhenNS > hi {
				t.Errorf("%s: %s, due between %d and %d", name, toJSON(t, ctx), lo, hi)
			}
		}
	}
}

// The goroutine that holds the function which cancels a context is named for it,
// and for the contexts that were made from it; those who have the context alone
// come after it, if at all. The deadline of a context ends that alone.
func TestWhoHoldsTheCancelFunctionIsNamed(t *testing.T) {
	take(t, "contexts", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		for name, timers := range map[string]int{"held": 0, "heldchild": 1} {
			a := answer(t, p, c.Vars.Int(t, name+".goid"))
			at := func(key string) int {
				id := uint64(c.Vars.Int(t, key))
				return slices.IndexFunc(a.Wakers, func(w wake.Waker) bool { return w.Goid == id || slices.Contains(w.Goids, id) })
			}
			by := at("held.canceller")
			if by != timers || a.Wakers[by].How != "close" || !strings.Contains(a.Wakers[by].Evidence[0], " holds context.WithCancel.func") {
				t.Errorf("%s: who holds the cancel function is number %d of %s", name, by, toJSON(t, a))
			}
			for i, w := range a.Wakers {
				if (w.By == wake.Timer) != (i < timers) || w.Certainty != wake.Possible {
					t.Errorf("%s: %s", name, toJSON(t, w))
				}
			}
			for _, key := range []string{"held.onlooker", "heldchild.onlooker"} {
				if i := at(key); i >= 0 && i < by {
					t.Errorf("%s: %s is number %d of %s", name, key, i, toJSON(t, a))
				}
			}
		}
	})
}

// A channel that is not that of a context is not taken for one.
func TestOtherChannelsAreNoContexts(t *testing.T) {
	take(t, "contexts", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		for _, name := range []string{"foreign", "notify"} {
			if ctx := onChan(t, c, p, name).Context; ctx != nil {
				t.Errorf("%s: %s", name, toJSON(t, ctx))
			}
		}
	})
}

// What a lock says of itself agrees with those that hold it and wait for it.
func TestLocksAreInTheStateOfTheTarget(t *testing.T) {
	take(t, "locks", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		state := func(goid int64) *wait.LockState {
			t.Helper()
			on := goroutine(t, p, goid).WaitsOn()
			if len(on) != 1 || on[0].Lock == nil {
				t.Fatalf("goroutine %d waits on %s", goid, toJSON(t, on))
			}
			return on[0].Lock
		}
		for _, key := range []string{"abba.a", "abba.b", "mutex", "collide0", "collide1", "collide3", "cycle0", "once"} {
			waiters := c.Vars.Ints(t, key+".waiters")
			s := state(waiters[0])
			if !s.Locked || s.HandOff || s.Waiters != len(waiters) || s.Once != (key == "once") || s.Done {
				t.Errorf("%s: %s, want %d waiters", key, s, len(waiters))
			}
		}
		holders, writers, behind := c.Vars.Ints(t, "rwread.holders"), c.Vars.Ints(t, "rwread.writers"), c.Vars.Ints(t, "rwread.readers")
		for _, goid := range []int64{c.Vars.Int(t, "rwread.writer"), writers[0], behind[0]} {
			if s := state(goid); !s.Writer || !s.Pending || s.Readers != len(holders) || s.Behind != len(behind) || s.Waiters != len(writers) {
				t.Errorf("rwread, as seen by %d: %s", goid, s)
			}
		}
		writers, behind = c.Vars.Ints(t, "rwwrite.writers"), c.Vars.Ints(t, "rwwrite.readers")
		for _, goid := range []int64{writers[0], behind[0]} {
			if s := state(goid); !s.Writer || s.Pending || s.Readers != 0 || s.Behind != len(behind) || s.Waiters != len(writers) {
				t.Errorf("rwwrite, as seen by %d: %s", goid, s)
			}
		}
		waiters := c.Vars.Ints(t, "waitgroup.waiters")
		if s := state(waiters[0]); s.Counter != 1 || s.Waiters != len(waiters) {
			t.Errorf("waitgroup: %s", s)
		}
		waiters = c.Vars.Ints(t, "cond.waiters")
		if s := state(waiters[0]); s.Waiters != len(waiters) {
			t.Errorf("cond: %s", s)
		}
	})
}

// A program without symbols and DWARF tells as much: contexts are found by their
// types, the handlers of signals by their shape.
func TestContextsOfStrippedPrograms(t *testing.T) {
	for _, version := range answered() {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			spec := target.Spec{Program: "contexts", Go: version, Ldflags: "-s -w"}
			c := target.Take(t, spec, target.Options{}, target.Kernel)
			p := open(t, c)
			checkContexts(t, c, p, []string{"cancel", "timeout", "value", "parent", "select"})
			if got := strings.Join(onChan(t, c, p, "notify").Signals, " "); got != "SIGHUP SIGUSR2" {
				t.Errorf("notify: signals %q", got)
			}
		})
	}
}
