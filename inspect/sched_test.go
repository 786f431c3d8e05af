package inspect_test

import (
	"context"
	"slices"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
)

// The scheduler of a program that spins on both Ps: who runs is what the target
// says, each thread is one of the kernel's, and one of them is sysmon.
func TestSchedOfATargetThatSpins(t *testing.T) {
	take(t, "runq", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		s, err := p.Sched(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		runnable := len(c.Vars.Ints(t, "runnable.goids")) + systemRunnable(t, p)
		if s.Note != "" || s.GoMaxProcs != len(s.Ps) || s.Goroutines[rt.Runnable] != runnable {
			t.Errorf("%s", toJSON(t, s))
		}
		queued := int(s.RunQSize)
		for _, pp := range s.Ps {
			queued += *pp.RunQSize
			if pp.RunNext != nil {
				queued++
			}
		}
		if queued != runnable {
			t.Errorf("%d goroutines in the queues, want %d: %s", queued, runnable, toJSON(t, s))
		}
		for _, id := range []int64{c.Vars.Int(t, "main.goid"), c.Vars.Int(t, "other.goid")} {
			i := slices.IndexFunc(s.Ms, func(m inspect.SchedM) bool { return m.Goid != nil && *m.Goid == uint64(id) })
			if i < 0 || s.Ms[i].Does != "runs a goroutine" || s.Ms[i].P == nil {
				t.Errorf("goroutine %d spins on no thread: %s", id, toJSON(t, s.Ms))
			}
		}
		sysmons := 0
		threads := map[uint64]bool{}
		for _, m := range s.Ms {
			if m.Does == "is sysmon" {
				sysmons++
			}
			if m.Thread == nil || threads[*m.Thread] {
				t.Errorf("m %d has no thread of its own", m.ID)
				continue
			}
			threads[*m.Thread] = true
		}
		if sysmons != 1 {
			t.Errorf("%d threads are sysmon: %s", sysmons, toJSON(t, s.Ms))
		}
	})
}

// What is counted by status alone is what the goroutines say.
func TestCountIsThatOfTheGoroutines(t *testing.T) {
	take(t, "waits", func(t *testing.T, _ *target.Capture, p *inspect.Process) {
		count, err := p.Count(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		want, alive := map[rt.Status]int{}, 0
		for _, g := range goroutines(t, p) {
			want[g.Status()]++
			if !g.Dead() {
				alive++
			}
		}
		n, err := p.RT.Descriptors()
		if err != nil || n != count.All() || count.Alive() != alive {
			t.Errorf("%d descriptors (%v), %d counted, %d alive, want %d", n, err, count.All(), count.Alive(), alive)
		}
		for status, k := range want {
			if count.By[status] != k {
				t.Errorf("%s: %d, want %d", status, count.By[status], k)
			}
		}
	})
}

// systemRunnable counts the runtime's own goroutines that are to run: sysmon
// makes them so when it likes.
func systemRunnable(t *testing.T, p *inspect.Process) int {
	t.Helper()
	gs, err := p.Goroutines(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range gs {
		if g.Status() == rt.Runnable && g.System() {
			n++
		}
	}
	return n
}
