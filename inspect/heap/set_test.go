package heap

import (
	"testing"

	"rtdbg/inspect/mem"
)

// scattered is a heap of two spans far from one another: 10 slots of 48 bytes
// and one of 16384.
func scattered(far mem.Addr) *Heap {
	h := &Heap{spans: []span{
		{Start: 0xc000000000, NPages: 1, NElems: 10, ElemSize: 48, Limit: 0xc000000000 + 480},
		{Start: 0xc000000000 + far, NPages: 2, NElems: 1, ElemSize: 16384, Limit: 0xc000000000 + far + 16384},
	}}
	h.index()
	return h
}

// A slot is in the set exactly if an address in it was added, however far apart
// the spans lie.
func TestSetHoldsSlots(t *testing.T) {
	for _, far := range []mem.Addr{8192, 1 << 30, 1 << 45} {
		h := scattered(far)
		s := h.NewSet()
		if !s.Add(0xc000000000+48*3+47) || s.Add(0xc000000000+48*3) {
			t.Errorf("%v: the first address in a slot is new, the second is not", far)
		}
		if !s.Add(0xc000000000 + far + 9000) {
			t.Errorf("%v: the large object is new", far)
		}
		if s.Add(0xc000000000+480) || s.Add(0xc000000000+far+16384) || s.Add(0) || s.Add(0xb000000000) {
			t.Errorf("%v: addresses outside of the slots were added", far)
		}
		for a, want := range map[mem.Addr]bool{
			0xc000000000 + 48*3 + 1: true, 0xc000000000 + 48*4: false, 0xc000000000 + 48*3 - 1: false,
			0xc000000000 + far: true, 0xc000000000 + far + 16383: true, 0xc000000000 + far - 1: false, 0xc000000000 + 500: false,
		} {
			if s.Has(a) != want {
				t.Errorf("far %v: Has(%v) = %v, want %v", far, a, !want, want)
			}
		}
	}
}
