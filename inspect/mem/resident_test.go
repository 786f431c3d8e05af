package mem

import (
	"os"
	"path/filepath"
	"testing"

	"rtdbg/inspect/exe"
)

// mapZeros maps a file of so many bytes, which are 0 but for the first, and opens
// what tells how much of this process is in memory.
func mapZeros(t *testing.T, size int64) (*exe.Mapped, *os.File) {
	t.Helper()
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
	t.Cleanup(func() { m.Close() })
	statm, err := os.Open("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { statm.Close() })
	return m, statm
}

func TestPagesOfALargeMappingAreLetGo(t *testing.T) {
	const size, limit = 96 << 20, 48 << 20
	m, statm := mapZeros(t, size)
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
}

// Pages count that are brought in by and by, in pieces that were touched before.
func TestPagesOfTouchedPiecesCount(t *testing.T) {
	const size, limit = 128 << 20, 32 << 20
	m, statm := mapZeros(t, size)
	r := newResident(m.Bytes, limit, statm)
	most := 0
	for page := range maxFolio / os.Getpagesize() {
		for off := page * os.Getpagesize(); off < size; off += maxFolio {
			r.touch(uint64(off), 1)
			if m.Bytes[off] > 1 {
				t.Fatal("the bytes have changed")
			}
		}
		most = max(most, r.files())
	}
	if own := 64 << 20; most > limit+own {
		t.Errorf("%d bytes were resident, the limit is %d", most, limit)
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
