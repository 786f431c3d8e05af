package wake

import (
	"testing"

	"rtdbg/inspect/mem"
)

// Every address keeps the first number it got, however many there are.
func TestAddrIndexKeepsTheFirstNumber(t *testing.T) {
	x := newAddrIndex(nil, 10)
	if _, ok := x.find(0x1000); ok {
		t.Error("an empty index has an address")
	}
	at := func(i uint32) mem.Addr { return mem.Addr(0xc000000000 + 96*uint64(i)) }
	for i := range uint32(2000) {
		if n, isNew := x.add(at(i)); n != i || !isNew {
			t.Fatalf("%v is new and has number %d (new: %v), want %d", at(i), n, isNew, i)
		}
		if n, isNew := x.add(at(i / 2)); n != i/2 || isNew {
			t.Fatalf("%v has number %d (new: %v), want %d", at(i/2), n, isNew, i/2)
		}
	}
	for i := range uint32(2000) {
		if n, ok := x.find(at(i)); !ok || n != i {
			t.Fatalf("number %d: %d, %v", i, n, ok)
		}
	}
	if _, ok := x.find(0xc000000001); ok {
		t.Error("an address was found that was not added")
	}
	if _, ok := x.find(0); ok {
		t.Error("address 0 was found")
	}
}
