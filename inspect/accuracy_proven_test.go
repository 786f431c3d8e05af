package inspect_test

import (
	"slices"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wake"
)

// heldLocks are what the target locks says of its locks: by key, the keys of
// those that will end the waits and of those that wait.
var heldLocks = []struct{ lock, owners, waiters string }{
	{"abba.a", "abba.a.holder", "abba.a.waiters"},
	{"abba.b", "abba.b.holder", "abba.b.waiters"},
	{"mutex", "mutex.holder", "mutex.waiters"},
	{"collide0", "collide0.holder", "collide0.waiters"},
	{"collide3", "collide3.holder", "collide3.waiters"},
	{"rwread: writer", "rwread.holders", "rwread.writer"},
	{"rwread: writers", "rwread.writer", "rwread.writers"},
	{"rwread: readers", "rwread.writer", "rwread.readers"},
	{"rwwrite: writers", "rwwrite.holder", "rwwrite.writers"},
	{"rwwrite: readers", "rwwrite.holder", "rwwrite.readers"},
	{"waitgroup", "waitgroup.owing", "waitgroup.waiters"},
	{"cond", "", "cond.waiters"},
	{"once", "once.holder", "once.waiters"},
	{"cycle0", "cycle0.holder", "cycle0.waiters"},
	{"cycle1", "cycle1.holder", "cycle1.waiters"},
	{"cycle2", "cycle2.holder", "cycle2.waiters"},
}

// What is proven, and what is inferred, of the locks of the target locks is
// what the target says.
func TestSureOwnersAreTheTargets(t *testing.T) {
	take(t, "locks", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		for _, x := range heldLocks {
			o := ownership{lock: x.lock}
			if x.owners != "" {
				o.owners = c.Vars.Ints(t, x.owners)
			}
			for _, waiter := range c.Vars.Ints(t, x.waiters) {
				o.answer = answer(t, p, waiter)
				if !o.named() {
					t.Errorf("%s: goroutine %d waits for %v, who are not all named: %s", x.lock, waiter, o.owners, toJSON(t, o.answer))
				}
				if o.falselyProven() != nil || o.falselyInferred() {
					t.Errorf("%s: goroutine %d waits for %v, and others are sure to end that: %s", x.lock, waiter, o.owners, toJSON(t, o.answer))
				}
			}
		}
	})
}

// nestedLocks are the shapes of the target wakes in which goroutines hold
// locks while they wait for others.
const nestedLocks = "-only=philosophers,transfer,two-locks,hand-over-hand,lock-,mutex,rwmutex,keyed,cond,once"

// Goroutines that hold locks while they wait for others look like a deadlock
// at many an instant. Those that were woken later were in none.
func TestHealthyLocksAreNotAccused(t *testing.T) {
	for _, version := range newest {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			const cores = 8
			c := target.TakeTraced(t, target.Spec{Program: "wakes", Go: version}, target.Options{Args: []string{nestedLocks, "-times=4"}}, cores)
			h, err := readHistory(c.Trace)
			if err != nil {
				t.Fatal(err)
			}
			all := allForetold(t, h, c)
			t.Logf("\n%s", tableOf(all))
			if n := tally(all).of(existing).wakes; n < 1000 {
				t.Errorf("only %d wakes by goroutines", n)
			}
			for _, f := range all {
				if wrong := f.refuted(); wrong != "" {
					t.Errorf("%s, in %s", wrong, f.report())
				}
			}
		})
	}
}

// Nobody who can run is proven to wake a goroutine that has leaked, as the
// runtime's leak detector sees it (Go 1.27).
func TestNobodyAliveIsProvenToWakeTheLeaked(t *testing.T) {
	c := target.Take(t, target.Spec{Program: "leaks", Go: "go1.27.3"}, target.Options{}, target.Kernel)
	p := open(t, c)
	var leaked []int64
	for _, g := range goroutines(t, p) {
		if g.Status() == rt.Leaked {
			leaked = append(leaked, int64(g.Goid))
		}
	}
	if len(leaked) < 15 {
		t.Errorf("only %d goroutines are leaked", len(leaked))
	}
	for _, id := range leaked {
		// Those that leak together may well wait for each other.
		o := ownership{owners: leaked, answer: answer(t, p, id)}
		if slices.ContainsFunc(o.answer.Wakers, func(w wake.Waker) bool {
			_, only := o.owner(w)
			return !only && w.Certainty == wake.Proven
		}) {
			t.Errorf("goroutine %d has leaked, and is proven to be woken: %s", id, toJSON(t, o.answer))
		}
	}
}
