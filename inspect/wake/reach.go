package wake

import (
	"context"
	"errors"
	"fmt"

	"rtdbg/inspect/heap"
	"rtdbg/inspect/mem"
)

// reach finds the goroutines that stay stuck for certain: nothing that can run
// can even reach what they wait on. It is the rule by which Go's own leak
// detector works (runtime/mgc.go, isMaybeRunnable; since Go 1.26): whoever can
// run, and all package-level variables, reach objects; a goroutine that waits
// on one of them may be woken and reach more; to the fixpoint. It knows better
// than that rule where the owner of a lock is known, and where nobody is left
// who could use a variable.
func (a *Analyzer) reach(ctx context.Context) error {
	if !a.anyStuck() {
		return nil
	}
	if a.heap == nil || a.unreadable > 0 {
		a.unsettle(func(*object) bool { return true })
		return nil
	}
	var words []mem.Addr
	a.stacks.SystemWords(func(w mem.Addr) { words = append(words, w) })
	if len(words) == 0 && a.nobodyRuns() {
		return nil
	}
	m := a.heap.NewMark()
	m.SkipAll(a.books)
	a.addPs(m)
	for _, w := range words {
		m.Pointer(w)
	}
	if err := m.Roots(ctx); err != nil {
		a.limit(ctx, err)
	}
	added := make([]bool, len(a.info))
	for {
		for i := range a.info {
			if added[i] || a.info[i].state == stuck || a.info[i].state == gone {
				continue
			}
			added[i] = true
			if err := a.addStack(m, i); err != nil {
				a.limit(ctx, fmt.Errorf("the stack of goroutine %d: %w", a.gs[i].Goid, err))
			}
		}
		if err := m.Spread(ctx); err != nil {
			return err
		}
		if !a.unsettle(func(o *object) bool { return a.nodes[o.node].global || m.Reached(o.addr) }) {
			break
		}
	}
	if err := m.Unread(); err != nil {
		a.limit(ctx, err)
	}
	return ctx.Err()
}

// limit notes that memory is missing: then nobody is stuck for certain.
func (a *Analyzer) limit(ctx context.Context, err error) {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return
	}
	if !a.limited {
		a.notes = append(a.notes, "memory is incomplete: "+err.Error())
	}
	a.limited = true
	a.unsettle(func(*object) bool { return true })
}

func (a *Analyzer) anyStuck() bool {
	for i := range a.info {
		if a.info[i].state == stuck {
			return true
		}
	}
	return false
}

// addStack adds all that goroutine i refers to. Where its frames cannot be
// followed to the end every word of its stack counts.
func (a *Analyzer) addStack(m *heap.Mark, i int) error {
	for _, s := range a.slotsOf(i) {
		m.Pointer(s.value())
	}
	if !a.info[i].loose {
		return nil
	}
	g := &a.gs[i]
	return m.Range(g.StackLo, g.StackHi)
}

// addPs adds what the Ps hold: timers, deferred functions. They are objects of
// the heap, but not all that is in them is alive: see rt.PointerRanges.
func (a *Analyzer) addPs(m *heap.Mark) {
	ps, err := a.rt.AllPs()
	if err != nil {
		return // what they hold is then found through allp, and more
	}
	for i := range ps {
		for _, r := range a.rt.PointerRanges(&ps[i]) {
			if err := m.Range(r.Start, r.End); err != nil {
				a.notes = append(a.notes, fmt.Sprintf("P %d is incomplete: %v", ps[i].ID, err))
			}
		}
	}
}

// unsettle marks the stuck waiters of the objects for which reached is true as
// unsure, with all that they can wake, and reports whether there were any.
func (a *Analyzer) unsettle(reached func(*object) bool) bool {
	var todo []int32
	for n := range a.objects {
		o := &a.objects[n]
		if o.reached || !reached(o) {
			continue
		}
		o.reached = true
		for _, w := range a.waitersOf(n) {
			if a.info[w.g].state == stuck && !a.settled(uint32(n), side(w.op())) {
				a.info[w.g].state = unsure
				todo = append(todo, w.g)
			}
		}
	}
	a.spread(todo, unsure)
	return len(todo) > 0
}

// nobodyRuns reports whether no goroutine is left that can run code of the
// program, nor a timer that starts some: then package-level variables are used
// by nobody any more. What C code may call is not known.
func (a *Analyzer) nobodyRuns() bool {
	for i := range a.info {
		switch a.info[i].state {
		case live, unsure:
			if !a.stacks.System(i) {
				return false
			}
		}
	}
	return len(a.starts) == 0 && !a.startable && !a.stacks.Foreign()
}
