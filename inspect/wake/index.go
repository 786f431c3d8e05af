package wake

import (
	"rtdbg/inspect/heap"
	"rtdbg/inspect/mem"
)

// addrIndex numbers addresses in the order in which they are added. The first of
// a heap slot is found by its slot, all others in a hash table.
type addrIndex struct {
	slots *heap.Numbers // nil without a heap
	addrs []mem.Addr    // by number
	cells []addrCell
	// hashed counts the cells in use.
	hashed int
}

// addrCell is free where addr is 0.
type addrCell struct {
	addr mem.Addr
	num  uint32
}

// newAddrIndex returns an index with room for n addresses.
func newAddrIndex(h *heap.Heap, n int) addrIndex {
	x := addrIndex{addrs: make([]mem.Addr, 0, n)}
	if h != nil {
		x.slots = h.NewNumbers()
	}
	return x
}

// hash spreads the bits of an address that differ between objects.
func (x *addrIndex) cell(a mem.Addr) int {
	h := uint64(a) * 0x9e3779b97f4a7c15
	for i := int(h >> 32); ; i++ {
		i &= len(x.cells) - 1
		if c := &x.cells[i]; c.addr == a || c.addr == 0 {
			return i
		}
	}
}

// find returns the number of a.
func (x *addrIndex) find(a mem.Addr) (num uint32, ok bool) {
	if x.slots != nil {
		n, has, in := x.slots.Get(a)
		switch {
		case has && x.addrs[n] == a:
			return n, true
		case in && !has:
			return 0, false
		}
	}
	if x.hashed == 0 || a == 0 {
		return 0, false
	}
	c := x.cells[x.cell(a)]
	return c.num, c.addr != 0
}

// add gives a, which is not 0, a number if it has none yet, and returns the one
// it has.
func (x *addrIndex) add(a mem.Addr) (num uint32, isNew bool) {
	if n, ok := x.find(a); ok {
		return n, false
	}
	num = uint32(len(x.addrs))
	x.addrs = append(x.addrs, a)
	if x.slots != nil {
		if _, has, in := x.slots.Get(a); in && !has {
			x.slots.Set(a, num)
			return num, true
		}
	}
	if 2*(x.hashed+1) > len(x.cells) {
		x.grow()
	}
	x.cells[x.cell(a)] = addrCell{a, num}
	x.hashed++
	return num, true
}

func (x *addrIndex) grow() {
	old := x.cells
	x.cells = make([]addrCell, max(64, 2*len(old)))
	for _, c := range old {
		if c.addr != 0 {
			x.cells[x.cell(c.addr)] = c
		}
	}
}
