package rt

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSortedIsAStableSort(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	wide := func() uint64 { return random.Uint64() }
	heapAddr := func() uint64 { return 0xc000000000 + random.Uint64N(1<<32)&^63 }
	few := func() uint64 { return random.Uint64N(3) }
	for name, key := range map[string]func() uint64{"wide": wide, "heap addresses": heapAddr, "few values": few} {
		for _, n := range []int{0, 1, 2, 1000, 5000} {
			keys := make([]uint64, n)
			for i := range keys {
				keys[i] = key()
			}
			want := make([]uint32, n)
			for i := range want {
				want[i] = uint32(i)
			}
			slices.SortStableFunc(want, func(a, b uint32) int { return cmp.Compare(keys[a], keys[b]) })
			if got := Sorted(n, func(i int) uint64 { return keys[i] }); !slices.Equal(got, want) {
				t.Errorf("%s, %d keys: order differs from that of a stable sort", name, n)
			}
		}
	}
}

func TestInOrderLeavesAlmostAscendingKeysAlone(t *testing.T) {
	ascending := func(i int) uint64 { return uint64(i) }
	descending := func(i int) uint64 { return uint64(1000 - i) }
	oneOut := func(i int) uint64 {
		if i == 500 {
			return 0
		}
		return uint64(i)
	}
	for name, tt := range map[string]struct {
		key  func(i int) uint64
		same bool
	}{"ascending": {ascending, true}, "one out of order": {oneOut, true}, "descending": {descending, false}} {
		order := InOrder(1000, tt.key)
		if (order == nil) != tt.same {
			t.Errorf("%s: kept as it is: %v, want %v", name, order == nil, tt.same)
		}
		seen := make([]bool, 1000)
		for i := range seen {
			seen[Nth(order, i)] = true
		}
		if slices.Contains(seen, false) {
			t.Errorf("%s: a number is missing", name)
		}
	}
}
