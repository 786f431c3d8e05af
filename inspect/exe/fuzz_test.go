package exe

import (
	"debug/elf"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// exercise calls what a File has; it must not panic.
func exercise(f *File) {
	for _, s := range f.Segments() {
		b := f.SegmentBytes(s)
		f.At(s.Vaddr, len(b))
		f.At(s.Vaddr, len(b)+1)
		f.At(s.Vaddr+s.Memsz-1, 16)
	}
	for _, s := range f.sections {
		_, _ = f.SectionBytes(s)
	}
	f.Symbol("main.Answer")
	f.HasSymbols()
	f.GOOS()
	_, _ = f.BuildInfo()
	_, _ = f.DebugSection("debug_line")
	f.SourceAt(f.Entry())
	f.FunctionAt(f.Entry(), f.Entry())
	if addr, _, ok := f.Symbol("main.main"); ok {
		f.SourceAt(addr + 1)
	}
	if d, err := f.DWARF(); err == nil {
		_, _ = d.Reader().Next()
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("\x7fELF"))
	header := make([]byte, 200)
	copy(header, "\x7fELF\x02\x01\x01")
	header[16], header[18], header[32], header[54], header[56] = byte(elf.ET_EXEC), byte(elf.EM_X86_64), 64, 56, 1
	f.Add(header)
	path := filepath.Join(f.TempDir(), "exe")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := OpenImage(path)
		if err != nil {
			return
		}
		exercise(file)
		file.Close()
	})
}

// Damage where it hurts: the ELF header, program headers, section headers,
// notes and debug sections of a real executable; and cuts.
func TestDamagedFilesDoNoHarm(t *testing.T) {
	path := build(t, "amd64")
	whole := open(t, path)
	good := slices.Clone(whole.mapped.Bytes)
	var spots []uint64
	for off := range uint64(64 + 8*56) {
		spots = append(spots, off)
	}
	for i := range uint64(len(whole.sections)) * sectionSize {
		spots = append(spots, whole.Header.shoff+i)
	}
	for _, s := range whole.sections {
		for i := range min(s.Size, 64) {
			if s.Type != elf.SHT_NOBITS {
				spots = append(spots, s.Off+i)
			}
		}
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "damaged"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(good); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		var changed []uint64
		for range 1 + rng.IntN(6) {
			off := spots[rng.IntN(len(spots))]
			changed = append(changed, off)
			writeAt(t, file, []byte{good[off] ^ byte(1<<rng.IntN(8))}, off)
		}
		if f, err := OpenImage(file.Name()); err == nil {
			exercise(f)
			f.Close()
		}
		for _, off := range changed {
			writeAt(t, file, good[off:off+1], off)
		}
	}
	for size := int64(len(good)) - 1; size > 0; size = size*9/10 - 1 {
		if err := file.Truncate(size); err != nil {
			t.Fatal(err)
		}
		if f, err := OpenImage(file.Name()); err == nil {
			exercise(f)
			f.Close()
		}
	}
}

func writeAt(t *testing.T, f *os.File, b []byte, off uint64) {
	t.Helper()
	if _, err := f.WriteAt(b, int64(off)); err != nil {
		t.Fatal(err)
	}
}
