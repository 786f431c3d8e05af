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
// on one of them may be woken and reach more; to the fixpoint.
func (a *Analyzer) reach(ctx context.Context) error {
	if !a.anyStuck() {
		return nil
	}
	if a.heap == nil || a.unreadable > 0 {
		a.unsettle(func(*object) bool { return true })
		return nil
	}
	m := a.heap.NewMark()
	a.skipWaits(m)
	a.addPs(m)
	if err := m.Roots(ctx); err != nil {
		a.limit(ctx, err)
	}
	added := make([]bool, len(a.gs))
	for {
		for i := range a.gs {
			if added[i] || a.state[i] == stuck || a.state[i] == gone {
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
		if !a.unsettle(func(o *object) bool { return o.global || m.Reached(o.addr) }) {
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
	for _, s := range a.state {
		if s == stuck {
			return true
		}
	}
	return false
}

// addStack adds all that goroutine i refers to. Where its frames cannot be
// followed to the end every word of its stack counts.
func (a *Analyzer) addStack(m *heap.Mark, i int) error {
	g := &a.gs[i]
	err := a.stacks.Pointers(i, func(_ int, value mem.Addr, _ bool) { m.Pointer(value) })
	for _, root := range a.rt.StackRoots(g) {
		m.Pointer(root)
	}
	if err == nil {
		return nil
	}
	return m.Range(g.StackLo, g.StackHi)
}

// skipWaits keeps the runtime's own books from counting as a reference: every
// goroutine descriptor is in allgs and leads through its sudogs to what it
// waits on, and the ends of stacks, which descriptors record too, are the
// beginnings of other objects.
func (a *Analyzer) skipWaits(m *heap.Mark) {
	ms, err := a.rt.AllMs()
	if err != nil {
		a.notes = append(a.notes, "threads incomplete: "+err.Error())
	}
	for i := range ms {
		m.Skip(ms[i].G0)
		m.Skip(ms[i].GSignal)
	}
	for i := range a.gs {
		m.Skip(a.gs[i].Addr)
		for _, on := range a.on[i] {
			if on.Sudog != 0 {
				m.Skip(on.Sudog)
			}
		}
	}
}

// addPs adds what the Ps hold: timers, deferred functions. They are objects of
// the heap, but not all that is in them is alive: see rt.PointerRanges.
func (a *Analyzer) addPs(m *heap.Mark) {
	ps, err := a.rt.AllPs()
	if err != nil {
		return // what they hold is then found through allp, and more
	}
	for i := range ps {
		m.Skip(ps[i].Addr)
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
	var todo []int
	for _, o := range a.order {
		if o.reached || !reached(o) {
			continue
		}
		o.reached = true
		for _, i := range o.waiters {
			if a.state[i] == stuck {
				a.state[i] = unsure
				todo = append(todo, i)
			}
		}
	}
	a.spread(todo, unsure)
	return len(todo) > 0
}
