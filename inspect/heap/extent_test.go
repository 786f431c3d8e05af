package heap

import (
	"testing"

	"rtdbg/inspect/mem"
)

func TestExtentsFindTheRangeAroundAnAddress(t *testing.T) {
	e := NewExtents([]Extent{{0x300, 0x310}, {0x100, 0x140}, {0x120, 0x160}, {0x200, 0x201}, {0x300, 0x308}})
	for a, want := range map[mem.Addr]Extent{
		0x100: {0x100, 0x160}, 0x15f: {0x100, 0x160}, 0x200: {0x200, 0x201}, 0x300: {0x300, 0x310}, 0x30f: {0x300, 0x310},
	} {
		if got, ok := e.Find(a); !ok || got != want {
			t.Errorf("%v is in %v (%v), want %v", a, got, ok, want)
		}
	}
	for _, a := range []mem.Addr{0, 0xff, 0x160, 0x1ff, 0x201, 0x2ff, 0x310, ^mem.Addr(0)} {
		if got, ok := e.Find(a); ok {
			t.Errorf("%v is in %v", a, got)
		}
	}
	if _, ok := NewExtents(nil).Find(0); ok {
		t.Error("an empty set holds address 0")
	}
}
