package wake

import "rtdbg/inspect/mem"

// addrIndex numbers addresses: a hash table without a pointer in it.
type addrIndex struct {
	cells []addrCell
	n     int
}

// addrCell is free where addr is 0.
type addrCell struct {
	addr mem.Addr
	num  uint32
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
	if x.n == 0 || a == 0 {
		return 0, false
	}
	c := x.cells[x.cell(a)]
	return c.num, c.addr != 0
}

// add gives a, which is not 0, the number num if it has none yet, and returns
// the one it has.
func (x *addrIndex) add(a mem.Addr, num uint32) uint32 {
	if 2*(x.n+1) > len(x.cells) {
		x.grow()
	}
	c := &x.cells[x.cell(a)]
	if c.addr == 0 {
		*c = addrCell{a, num}
		x.n++
	}
	return c.num
}

func (x *addrIndex) grow() { x.resize(max(64, 2*len(x.cells))) }

// reserve makes room for n addresses.
func (x *addrIndex) reserve(n int) {
	size := 64
	for size < 2*n+2 {
		size *= 2
	}
	if size > len(x.cells) {
		x.resize(size)
	}
}

func (x *addrIndex) resize(size int) {
	old := x.cells
	x.cells = make([]addrCell, size)
	for _, c := range old {
		if c.addr != 0 {
			x.cells[x.cell(c.addr)] = c
		}
	}
}
