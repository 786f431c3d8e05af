package heap

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/progress"
)

// Mark is the set of heap objects that can be reached from what was added to
// it. It is conservative: every word of a reached object that looks like an
// address counts, but in package-level variables, of which the runtime has the
// exact masks. So an object that it does not reach is out of reach of all that
// was added.
type Mark struct {
	h   *Heap
	set *Set
	// todo are the objects that are marked and not yet followed.
	todo []Object
	// faults counts the objects that could not be read, fault is the first
	// reason.
	faults int
	fault  error
}

// NewMark returns an empty Mark.
func (h *Heap) NewMark() *Mark { return &Mark{h: h, set: h.NewSet()} }

// Pointer adds what a points to; an address outside of the heap adds nothing.
func (m *Mark) Pointer(a mem.Addr) { m.todo = m.follow(m.todo, a) }

// follow marks what a points to, and appends it to todo if it was unmarked and
// may hold pointers.
func (m *Mark) follow(todo []Object, a mem.Addr) []Object {
	i := m.h.find(a)
	if i < 0 {
		return todo
	}
	s := &m.h.spans[i]
	slot := s.slot(a)
	if slot >= s.slots() || m.set.has(m.set.first[i]+slot) || m.h.free(s, slot) || !m.set.set(m.set.first[i]+slot, i) || s.noScan() {
		return todo
	}
	return append(todo, Object{Addr: s.Start + mem.Addr(slot*s.ElemSize), Size: s.ElemSize})
}

// Skip marks the object that holds a without following what it refers to.
func (m *Mark) Skip(a mem.Addr) { m.set.Add(a) }

// SkipAll marks all objects of s without following what they refer to.
func (m *Mark) SkipAll(s *Set) {
	for i, w := range s.bits {
		m.set.bits[i] |= w
	}
	for i, some := range s.some {
		m.set.some[i] |= some
	}
}

// Reached reports whether the object that holds a is marked; an address
// outside of the heap is not.
func (m *Mark) Reached(a mem.Addr) bool { return m.set.Has(a) }

// Roots adds what package-level variables and finalizers refer to: the data
// and bss of every module, and the functions of the special records of spans
// (runtime.markrootSpans).
func (m *Mark) Roots(ctx context.Context) error {
	var errs []error
	for i := range m.h.rt.Modules {
		for _, v := range m.h.rt.PointerMasks(&m.h.rt.Modules[i]) {
			errs = append(errs, m.h.words(ctx, v.Start, v.End, func(at, a mem.Addr) {
				if v.Has(at) {
					m.Pointer(a)
				}
			}))
		}
	}
	errs = append(errs, m.specials(ctx))
	return errors.Join(errs...)
}

// Range adds what every word of [lo, hi) may point to.
func (m *Mark) Range(lo, hi mem.Addr) error { return m.words(context.Background(), lo, hi) }

func (m *Mark) words(ctx context.Context, lo, hi mem.Addr) error {
	return m.h.words(ctx, lo, hi, func(_, v mem.Addr) { m.Pointer(v) })
}

// chunk is how much is read at once, in bytes.
const chunk = 1 << 20

// words calls visit for the words of [lo, hi) that may point into the heap,
// with their addresses.
func (h *Heap) words(ctx context.Context, lo, hi mem.Addr, visit func(at, v mem.Addr)) error {
	o := h.rt.Arch.Order
	for a := (lo + 7) &^ 7; a < hi; a += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := h.rt.Mem.View(a, min(chunk, int(hi-a))&^7)
		if err != nil {
			return err
		}
		for i := 0; i+8 <= len(b); i += 8 {
			if v := o.Uint64(b[i:]); v-uint64(h.lo) < uint64(h.hi-h.lo) {
				visit(a+mem.Addr(i), mem.Addr(v))
			}
		}
	}
	return nil
}

// Spread follows all references of what has been added, to the end, on all
// processors. Objects that cannot be read count as referring to nothing;
// Unread tells how many.
func (m *Mark) Spread(ctx context.Context) error {
	q := markQueue{phase: progress.Begin(ctx, "heap objects", 0), idle: sync.NewCond(new(sync.Mutex)), shared: m.todo}
	m.todo = nil
	defer q.phase.End()
	var wg sync.WaitGroup
	n := runtime.GOMAXPROCS(0)
	q.working = n
	for range n {
		wg.Go(func() { m.spread(ctx, &q) })
	}
	wg.Wait()
	m.faults += q.faults
	if m.fault == nil {
		m.fault = q.fault
	}
	return ctx.Err()
}

// markQueue is what the workers of one Spread share, under idle.L.
type markQueue struct {
	idle    *sync.Cond
	shared  []Object
	working int
	faults  int
	fault   error
	phase   *progress.Phase
}

// markBatch is how many objects a worker takes from the others at a time, and
// leaves to them when it has twice as many.
const markBatch = 1024

// take blocks until there are objects to follow; nil says that there will be
// no more.
func (q *markQueue) take(own []Object) []Object {
	q.idle.L.Lock()
	defer q.idle.L.Unlock()
	q.working--
	for len(q.shared) == 0 {
		if q.working == 0 {
			q.idle.Broadcast()
			return nil
		}
		q.idle.Wait()
	}
	n := max(len(q.shared)-markBatch, 0)
	own = append(own, q.shared[n:]...)
	q.shared = q.shared[:n]
	q.working++
	return own
}

// give leaves objects to other workers.
func (q *markQueue) give(list []Object) {
	q.idle.L.Lock()
	q.shared = append(q.shared, list...)
	q.idle.L.Unlock()
	q.idle.Signal()
}

// spread is the work of one worker of Spread.
func (m *Mark) spread(ctx context.Context, q *markQueue) {
	var own []Object
	faults, fault := 0, error(nil)
	for {
		if own = q.take(own[:0]); own == nil {
			break
		}
		for n := 0; len(own) > 0 && ctx.Err() == nil; n++ {
			if n%markBatch == 0 {
				q.phase.Add(markBatch)
			}
			obj := own[len(own)-1]
			own = own[:len(own)-1]
			err := m.h.words(ctx, obj.Addr, obj.Addr+mem.Addr(obj.Size), func(_, v mem.Addr) { own = m.follow(own, v) })
			if err != nil && ctx.Err() == nil {
				if faults++; fault == nil {
					fault = err
				}
			}
			if len(own) >= 2*markBatch {
				rest := len(own) - markBatch
				q.give(own[rest:])
				own = own[:rest]
			}
		}
	}
	q.idle.L.Lock()
	defer q.idle.L.Unlock()
	q.faults += faults
	if q.fault == nil {
		q.fault = fault
	}
}

// Unread says that objects could not be read and what they refer to is
// missing; nil if there are none.
func (m *Mark) Unread() error {
	if m.faults == 0 {
		return nil
	}
	return fmt.Errorf("%d heap objects are unreadable: %w", m.faults, m.fault)
}

// special is a record attached to an object (runtime.special, mheap.go).
type special struct {
	Next mem.Addr `rt:"next"`
}

// maxSpecials bounds the records of one span: a few for each object.
const maxSpecials = 1 << 20

// maxSpecialSize bounds a special record in bytes; the largest is that of a
// finalizer.
const maxSpecialSize = 64

// specials adds what finalizers, cleanups and other special records hold. Which
// kinds there are depends on the version: all words of every record count.
func (m *Mark) specials(ctx context.Context) error {
	plan, err := layout.Bind[special](m.h.rt.Layout, "runtime.special")
	if err != nil {
		return err
	}
	o := m.h.rt.Arch.Order
	for i := range m.h.spans {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		for a, n := m.h.spans[i].Specials, 0; a != 0 && n < maxSpecials; n++ {
			var s special
			if err := plan.Read(m.h.rt.Mem, a, &s); err != nil {
				return fmt.Errorf("special records of the span at %v: %w", m.h.spans[i].Start, err)
			}
			var b [maxSpecialSize]byte
			if m.h.rt.Mem.ReadAt(b[:], a) == nil {
				for j := 8; j < len(b); j += 8 {
					m.Pointer(mem.Addr(o.Uint64(b[j:])))
				}
			}
			a = s.Next
		}
	}
	return nil
}
