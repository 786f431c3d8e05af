package wake

import (
	"slices"
	"testing"
)

// Every run is found again as it was added, the empty ones and those that are
// longer than a block too.
func TestBlocksKeepRunsTogether(t *testing.T) {
	sizes := []int{0, 1, blockSize - 1, 1, 2, 0, blockSize, blockSize + 1, 3, 5*blockSize + 7, 0, 1, blockSize - 3, 4}
	var b blocks[int]
	at := make([]uint32, len(sizes))
	want := make([][]int, len(sizes))
	total := 0
	for i, n := range sizes {
		for j := range n {
			want[i] = append(want[i], 1000000*i+j)
		}
		at[i] = b.add(want[i])
		total += n
	}
	for i, n := range sizes {
		if got := b.run(at[i], n); !slices.Equal(got, want[i]) {
			t.Errorf("run %d of %d entries: got %d entries, or others", i, n, len(got))
		}
	}
	if b.n != total {
		t.Errorf("%d entries, want %d", b.n, total)
	}
	sum := 0
	for _, block := range b.list {
		sum += len(block)
	}
	if sum != total {
		t.Errorf("the blocks hold %d entries, want %d", sum, total)
	}
}
