package heap

import (
	"context"
	"errors"
	"fmt"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// Mark is the set of heap objects that can be reached from what was added to
// it. It is conservative: every word of a reached object that looks like an
// address counts. So an object that it does not reach is out of reach of all
// that was added.
type Mark struct {
	h *Heap
	// bits has one bit for each slot of each span, spans[i]'s from first[i].
	bits  []uint64
	first []uint64
	todo  []Object
	// faults counts the objects that could not be read, fault is the first
	// reason.
	faults int
	fault  error
}

// NewMark returns an empty Mark.
func (h *Heap) NewMark() *Mark {
	m := &Mark{h: h, first: make([]uint64, len(h.spans))}
	var n uint64
	for i := range h.spans {
		m.first[i] = n
		n += h.spans[i].slots()
	}
	m.bits = make([]uint64, (n+63)/64)
	return m
}

// set marks a slot of span i and reports whether it was unmarked.
func (m *Mark) set(i int, slot uint64) bool {
	n := m.first[i] + slot
	if m.bits[n/64]&(1<<(n%64)) != 0 {
		return false
	}
	m.bits[n/64] |= 1 << (n % 64)
	return true
}

// Pointer adds what a points to; an address outside of the heap adds nothing.
func (m *Mark) Pointer(a mem.Addr) {
	i := m.h.find(a)
	if i < 0 {
		return
	}
	s := &m.h.spans[i]
	slot := s.slot(a)
	if slot >= s.slots() || m.h.free(s, slot) || !m.set(i, slot) || s.noScan() {
		return
	}
	m.todo = append(m.todo, Object{Addr: s.Start + mem.Addr(slot*s.ElemSize), Size: s.ElemSize})
}

// Skip marks the object that holds a without following what it refers to.
func (m *Mark) Skip(a mem.Addr) {
	if i := m.h.find(a); i >= 0 {
		if s := &m.h.spans[i]; s.slot(a) < s.slots() {
			m.set(i, s.slot(a))
		}
	}
}

// Reached reports whether the object that holds a is marked; an address
// outside of the heap is not.
func (m *Mark) Reached(a mem.Addr) bool {
	i := m.h.find(a)
	if i < 0 {
		return false
	}
	n := m.first[i] + m.h.spans[i].slot(a)
	return n/64 < uint64(len(m.bits)) && m.bits[n/64]&(1<<(n%64)) != 0
}

// Roots adds what package-level variables and finalizers refer to: the data
// and bss of every module, and the functions of the special records of spans
// (runtime.markrootSpans).
func (m *Mark) Roots(ctx context.Context) error {
	var errs []error
	for i := range m.h.rt.Modules {
		for _, v := range m.h.rt.Modules[i].PointerVariables() {
			errs = append(errs, m.words(ctx, v.Start, v.End))
		}
	}
	errs = append(errs, m.specials(ctx))
	return errors.Join(errs...)
}

// Range adds what every word of [lo, hi) may point to.
func (m *Mark) Range(lo, hi mem.Addr) error { return m.words(context.Background(), lo, hi) }

// chunk is how much is read at once, in bytes.
const chunk = 1 << 20

// words adds what the words of [lo, hi) point to.
func (m *Mark) words(ctx context.Context, lo, hi mem.Addr) error {
	o := m.h.rt.Arch.Order
	for a := (lo + 7) &^ 7; a < hi; a += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := m.h.rt.Mem.View(a, min(chunk, int(hi-a))&^7)
		if err != nil {
			return err
		}
		for i := 0; i+8 <= len(b); i += 8 {
			if v := o.Uint64(b[i:]); v >= uint64(m.h.lo) && v < uint64(m.h.hi) {
				m.Pointer(mem.Addr(v))
			}
		}
	}
	return nil
}

// Spread follows all references of what has been added, to the end. Objects
// that cannot be read count as referring to nothing; Unread tells how many.
func (m *Mark) Spread(ctx context.Context) error {
	for n := 0; len(m.todo) > 0; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		obj := m.todo[len(m.todo)-1]
		m.todo = m.todo[:len(m.todo)-1]
		if err := m.words(ctx, obj.Addr, obj.Addr+mem.Addr(obj.Size)); err != nil {
			if m.faults++; m.fault == nil {
				m.fault = err
			}
		}
	}
	return ctx.Err()
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
