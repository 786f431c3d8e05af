package heap

import (
	"sync/atomic"

	"rtdbg/inspect/mem"
)

// Set is a set of slots of a Heap, one bit each. Add and Has may be called
// concurrently.
type Set struct {
	h *Heap
	// bits are the slots', spans[i]'s from first[i]; some says of each span
	// whether one of its slots may be in the set.
	bits  []uint64
	first []uint64
	some  []uint32
}

// NewSet returns an empty Set.
func (h *Heap) NewSet() *Set {
	h.firstOnce.Do(func() {
		h.first = make([]uint64, len(h.spans)+1)
		for i := range h.spans {
			h.first[i+1] = h.first[i] + h.spans[i].slots()
		}
	})
	n := h.first[len(h.spans)]
	return &Set{h: h, bits: make([]uint64, (n+63)/64), first: h.first, some: make([]uint32, len(h.spans))}
}

// at returns the bit of the slot that holds a, and the number of its span; ok
// is false for an address outside of the slots.
func (s *Set) at(a mem.Addr) (bit uint64, span int, ok bool) {
	i := s.h.find(a)
	if i < 0 {
		return 0, 0, false
	}
	sp := &s.h.spans[i]
	n := sp.slot(a)
	if n >= sp.slots() {
		return 0, 0, false
	}
	return s.first[i] + n, i, true
}

// Add puts the slot that holds a into the set and reports whether it was not
// in it; an address outside of the heap changes nothing.
func (s *Set) Add(a mem.Addr) bool {
	bit, span, ok := s.at(a)
	return ok && s.set(bit, span)
}

// set sets a bit and reports whether it was unset.
func (s *Set) set(bit uint64, span int) bool {
	word, mask := &s.bits[bit/64], uint64(1)<<(bit%64)
	if atomic.LoadUint64(word)&mask != 0 {
		return false
	}
	if atomic.LoadUint32(&s.some[span]) == 0 {
		atomic.StoreUint32(&s.some[span], 1)
	}
	return atomic.OrUint64(word, mask)&mask == 0
}

// Has reports whether the slot that holds a is in the set.
func (s *Set) Has(a mem.Addr) bool {
	i := s.h.find(a)
	if i < 0 || atomic.LoadUint32(&s.some[i]) == 0 {
		return false
	}
	sp := &s.h.spans[i]
	n := sp.slot(a)
	return n < sp.slots() && s.has(s.first[i]+n)
}

func (s *Set) has(bit uint64) bool {
	return atomic.LoadUint64(&s.bits[bit/64])&(1<<(bit%64)) != 0
}
