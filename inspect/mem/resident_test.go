package mem

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"rtdbg/inspect/exe"
)

// touch reads a byte of every page.
func touch(b []byte) (sum byte) {
	for i := 0; i < len(b); i += os.Getpagesize() {
		sum += b[i]
	}
	return sum
}

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
	r := &resident{b: m.Bytes, limit: limit, statm: statm}
	touch(m.Bytes)
	if before := r.files(); before < size {
		t.Fatalf("%d bytes are resident after %d were touched", before, size)
	}
	for round := range 3 {
		r.release()
		if after := r.files(); after > limit {
			t.Errorf("round %d: %d bytes are resident, the limit is %d", round, after, limit)
		}
		if got := touch(m.Bytes); got != 1 {
			t.Errorf("round %d: the bytes have changed: their sum is %d", round, got)
		}
	}
	_ = unix.Madvise(m.Bytes, unix.MADV_DONTNEED)
}

func TestSmallMappingsAreNotWatched(t *testing.T) {
	r := limitResident(make([]byte, 1<<20))
	if r.statm != nil {
		t.Error("a small mapping is watched")
	}
	r.close()
}
