package inspect_test

import (
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/mem"
)

// patch is what a test changes in the memory of a core.
type patch map[mem.Addr][]byte

// field adds the value v of a field of the structure that lies at a; path is
// dotted.
func (p patch) field(t *testing.T, q *inspect.Process, a mem.Addr, structure, path string, v uint64) {
	t.Helper()
	off, size, err := q.RT.Layout.Offset(structure, path)
	if err != nil {
		t.Fatal(err)
	}
	p[a+mem.Addr(off)] = binary.LittleEndian.AppendUint64(nil, v)[:size]
}

// apply returns c, which q has open, with a copy of its core in which p is done:
// the same instant, as it would have been with other memory.
func (p patch) apply(t *testing.T, c *target.Capture, q *inspect.Process) *target.Capture {
	t.Helper()
	b, err := os.ReadFile(c.Core)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(c.Core)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for a, v := range p {
		copy(b[fileOffset(t, f, a, len(v)):], v)
	}
	patched := *c
	patched.Core = filepath.Join(t.TempDir(), "core")
	if err := os.WriteFile(patched.Core, b, 0o600); err != nil {
		t.Fatal(err)
	}
	core, ok := q.Mem.(*mem.Core)
	if !ok {
		t.Fatalf("the memory is no core but %T", q.Mem)
	}
	if err := os.Chtimes(patched.Core, time.Time{}, core.CaptureTime()); err != nil {
		t.Fatal(err)
	}
	return &patched
}

// fileOffset returns where a core has the n bytes at a.
func fileOffset(t *testing.T, f *elf.File, a mem.Addr, n int) uint64 {
	t.Helper()
	for _, s := range f.Progs {
		if s.Type == elf.PT_LOAD && uint64(a) >= s.Vaddr && uint64(a)+uint64(n) <= s.Vaddr+s.Filesz {
			return s.Off + uint64(a) - s.Vaddr
		}
	}
	t.Fatalf("the core does not hold the %d bytes at %v", n, a)
	return 0
}
