package mem

import (
	"debug/elf"
	"encoding/binary"
	"testing"
)

// Each benchmark reads all of a synthetic core by pieces of the size of a
// structure, in order of addresses.
const (
	benchBase  = 0xc000000000
	benchSize  = 16 << 20
	benchPiece = 64
)

// benchCore has its memory in several segments, as a heap has its arenas.
func benchCore(b *testing.B) *Core {
	b.Helper()
	const segments = 16
	s := coreSpec{machine: elf.EM_X86_64, typ: elf.ET_CORE, data: pattern(benchSize)}
	for i := range uint64(segments) {
		const n = benchSize / segments
		// Not contiguous in the file, so that they stay apart.
		s.loads = append(s.loads, elf.Prog64{Vaddr: benchBase + i*n, Off: (segments - 1 - i) * n, Filesz: n, Memsz: n,
			Flags: uint32(elf.PF_R | elf.PF_W)})
	}
	c, err := OpenCore(writeFile(b, s.bytes()), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	b.SetBytes(benchSize)
	b.ReportAllocs()
	return c
}

func BenchmarkReadAtInPieces(b *testing.B) {
	c := benchCore(b)
	var piece [benchPiece]byte
	for b.Loop() {
		for a := Addr(benchBase); a < benchBase+benchSize; a += benchPiece {
			if err := c.ReadAt(piece[:], a); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkViewInPieces(b *testing.B) {
	c := benchCore(b)
	for b.Loop() {
		for a := Addr(benchBase); a < benchBase+benchSize; a += benchPiece {
			if _, err := c.View(a, benchPiece); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkDirectInPieces(b *testing.B) {
	c := benchCore(b)
	for b.Loop() {
		for a := Addr(benchBase); a < benchBase+benchSize; a += benchPiece {
			if len(c.Direct(a)) < benchPiece {
				b.Fatalf("nothing at %v", a)
			}
		}
	}
}

// Pointers lead anywhere: from one address to another in no order.
func BenchmarkReadWordsInNoOrder(b *testing.B) {
	c := benchCore(b)
	const steps = 1 << 16
	b.SetBytes(8 * steps)
	var word [8]byte
	for b.Loop() {
		at := uint64(1)
		for range steps {
			at = at*6364136223846793005 + binary.LittleEndian.Uint64(word[:])&7 + 1
			if err := c.ReadAt(word[:], benchBase+Addr(at>>40%benchSize&^7)); err != nil {
				b.Fatal(err)
			}
		}
	}
}
