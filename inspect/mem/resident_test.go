package mem

import (
	"math/bits"
	"os"
	"path/filepath"
	"testing"

	"rtdbg/inspect/exe"
)

func TestPagesOfALargeMappingAreLetGo(t *testing.T) {
	const size, limit = 96 << 20, 48 << 20
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, []byte{1}, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	m, err := exe.Map(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	statm, err := os.Open("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	defer statm.Close()
	r := newResident(m.Bytes, limit, statm)
	for round := range 3 {
		sum, most := byte(0), 0
		for off := 0; off < size; off += os.Getpagesize() {
			r.touch(uint64(off), 1)
			sum += m.Bytes[off]
			if off%(1<<20) == 0 {
				most = max(most, r.files())
			}
		}
		// It looks when as much may be there as is allowed: what this
		// process has mapped beside, and a maxFolio, come on top.
		if own := 64 << 20; most > limit+own {
			t.Errorf("round %d: %d bytes were resident, the limit is %d", round, most, limit)
		}
		if sum != 1 {
			t.Errorf("round %d: the bytes have changed: their sum is %d", round, sum)
		}
	}
	r.release()
	left := r.count.Load()
	for i := range r.touched {
		left += int64(bits.OnesCount64(r.touched[i].Load()))
	}
	if left != 0 {
		t.Error("chunks that were let go count as touched")
	}
}

// A read that lies in several chunks touches all of them, the last one too.
func TestEveryChunkOfAReadIsTouched(t *testing.T) {
	statm, err := os.Open("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	defer statm.Close()
	const n = 70
	r := newResident(make([]byte, n*maxFolio+1), 1<<40, statm)
	for _, x := range []struct{ off, n, count uint64 }{
		{0, 1, 1}, {maxFolio - 1, 1, 1}, {maxFolio - 1, 2, 2}, {5 * maxFolio, 3 * maxFolio, 5}, {5 * maxFolio, 0, 5}, {n * maxFolio, 1, 6}, {0, n*maxFolio + 1, n + 1},
	} {
		r.touch(x.off, x.n)
		if got := uint64(r.count.Load()); got != x.count {
			t.Errorf("%d bytes at %#x: %d chunks, want %d", x.n, x.off, got, x.count)
		}
	}
}

func TestSmallMappingsAreNotWatched(t *testing.T) {
	if r := limitResident(make([]byte, 1<<20)); r != nil {
		t.Error("a small mapping is watched")
	}
}
