package wake

import (
	"testing"

	"rtdbg/inspect/mem"
)

// Every address keeps the first number it got, however many there are.
func TestAddrIndexKeepsTheFirstNumber(t *testing.T) {
	for _, reserved := range []int{0, 10, 5000} {
		var x addrIndex
		if reserved > 0 {
			x.reserve(reserved)
		}
		if _, ok := x.find(0x1000); ok {
			t.Error("an empty index has an address")
		}
		for i := range uint32(2000) {
			a := mem.Addr(0xc000000000 + 96*uint64(i))
			if n := x.add(a, i); n != i {
				t.Fatalf("%v is new and has number %d, want %d", a, n, i)
			}
			if n := x.add(a, i+1); n != i {
				t.Fatalf("%v has number %d, want %d", a, n, i)
			}
		}
		for i := range uint32(2000) {
			if n, ok := x.find(mem.Addr(0xc000000000 + 96*uint64(i))); !ok || n != i {
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
}
