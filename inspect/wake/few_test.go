package wake

import "testing"

// The places are those of the order of coming, with few members and with many.
func TestFewKeepsTheOrder(t *testing.T) {
	var f few[int]
	for i := range 10 * maxFew {
		if f.has(7 * i) {
			t.Fatalf("%d is in it before it was added", 7*i)
		}
		f.add(7 * i)
		for j := range i + 1 {
			if at, ok := f.place(7 * j); !ok || at != j {
				t.Fatalf("of %d: place of member %d: %d, %v", i+1, j, at, ok)
			}
		}
	}
	if f.has(1) {
		t.Error("1 is in it")
	}
}
