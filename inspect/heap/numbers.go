package heap

import "rtdbg/inspect/mem"

// Numbers gives slots of a Heap numbers. What lies close together is found
// close together: it costs four bytes for each slot of those spans in which a
// slot has a number. Get may be called concurrently.
type Numbers struct {
	h *Heap
	// spans are the numbers of the slots, counted from 1, by span; nil for a
	// span in which no slot has one.
	spans [][]uint32
}

// NewNumbers returns Numbers without any.
func (h *Heap) NewNumbers() *Numbers { return &Numbers{h: h, spans: make([][]uint32, len(h.spans))} }

// Get returns the number of the slot that holds a, if it has one; in is false
// for an address outside of the slots.
func (x *Numbers) Get(a mem.Addr) (n uint32, has, in bool) {
	i := x.h.find(a)
	if i < 0 {
		return 0, false, false
	}
	slots := x.spans[i]
	s := &x.h.spans[i]
	k := s.slot(a)
	if slots == nil {
		return 0, false, k < s.slots()
	}
	if k >= uint64(len(slots)) {
		return 0, false, false
	}
	n = slots[k]
	return n - 1, n != 0, true
}

// Set gives the slot that holds a, an address in one, the number n.
func (x *Numbers) Set(a mem.Addr, n uint32) {
	i := x.h.find(a)
	if x.spans[i] == nil {
		x.spans[i] = make([]uint32, x.h.spans[i].slots())
	}
	x.spans[i][x.h.spans[i].slot(a)] = n + 1
}
