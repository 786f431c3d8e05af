package mem

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// copySparse copies a core without filling its holes.
func copySparse(t testing.TB, from string) *os.File {
	t.Helper()
	src, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst, err := os.Create(filepath.Join(t.TempDir(), "copy"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dst.Close() })
	buf := make([]byte, 64<<10)
	for off := int64(0); ; {
		n, err := src.ReadAt(buf, off)
		if bytes.Count(buf[:n], []byte{0}) != n {
			if _, err := dst.WriteAt(buf[:n], off); err != nil {
				t.Fatal(err)
			}
		}
		off += int64(n)
		if err == io.EOF {
			if err := dst.Truncate(off); err != nil {
				t.Fatal(err)
			}
			return dst
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTruncatedCoreReadsWhatIsThere(t *testing.T) {
	needLinux(t)
	s := makeCore(t, false)
	f := openExe(t, s.exe)
	whole := openCore(t, s.core, s.exe)
	dataStart := uint64(1) << 62
	for _, l := range whole.loads {
		dataStart = min(dataStart, l.off)
	}
	size := uint64(len(whole.mapped.Bytes))
	offsets := []uint64{1, 3, 4, 16, 63, 64, 65, 119, 120, 121, dataStart - 1, dataStart, dataStart + 1, dataStart + 100, size - 1, size / 2, size / 3, size / 100}
	for _, l := range whole.loads {
		offsets = append(offsets, l.off, l.off+l.filesz/2)
	}
	slices.Sort(offsets)
	slices.Reverse(offsets)
	cut := copySparse(t, s.core)
	for _, off := range offsets {
		if off >= size {
			continue
		}
		if err := cut.Truncate(int64(off)); err != nil {
			t.Fatal(err)
		}
		c, err := OpenCore(cut.Name(), f)
		if err != nil {
			if off > dataStart || strings.Contains(err.Error(), "\n") {
				t.Errorf("cut at %d: %v", off, err)
			}
			continue
		}
		checkTruncated(t, whole, c, off, dataStart, size)
		c.Close()
	}
}

// checkTruncated checks that a core cut at off says what is missing, and that
// what it reads is what the whole one reads.
func checkTruncated(t *testing.T, whole, c *Core, off, dataStart, size uint64) {
	t.Helper()
	missing, ranges, truncated := c.Truncated()
	if !truncated || missing != size-max(off, dataStart) {
		t.Errorf("cut at %d of %d: Truncated = %d, %v", off, size, missing, truncated)
	}
	var sum uint64
	for _, r := range ranges {
		sum += r.Size()
	}
	if sum != missing {
		t.Errorf("cut at %d: ranges have %d bytes, missing are %d", off, sum, missing)
	}
	for _, r := range c.Present() {
		want, err := whole.View(r.Start, int(r.Size()))
		got, err2 := c.View(r.Start, int(r.Size()))
		if err != nil || err2 != nil || !bytes.Equal(got, want) {
			t.Errorf("cut at %d: %v-%v differs (%v, %v)", off, r.Start, r.End, err, err2)
		}
	}
	for _, r := range ranges {
		if _, err := c.View(r.Start, 1); err != nil && !errors.Is(err, ErrMissing) {
			t.Errorf("cut at %d: View(%v) = %v", off, r.Start, err)
		}
	}
	if check := c.CheckExecutable(); check.Verdict == Mismatch {
		t.Errorf("cut at %d: CheckExecutable: %s", off, check.Reason)
	}
}

// Flipped bits in headers and notes must give an error or a core that can be
// used without panics; the memory's own bytes are not ours to check.
func TestDamagedHeadersDoNoHarm(t *testing.T) {
	needLinux(t)
	s := makeCore(t, false)
	f := openExe(t, s.exe)
	file := copySparse(t, s.core)
	whole := openCore(t, s.core, s.exe)
	headers := slices.Clone(whole.mapped.Bytes[:whole.loads[0].off])
	rng := rand.New(rand.NewPCG(3, 4))
	for range 1500 {
		bad := slices.Clone(headers)
		for range 1 + rng.IntN(8) {
			bound := len(bad)
			if rng.IntN(2) == 0 {
				bound = 64 + 56*len(whole.loads)
			}
			bad[rng.IntN(bound)] ^= 1 << rng.IntN(8)
		}
		if _, err := file.WriteAt(bad, 0); err != nil {
			t.Fatal(err)
		}
		c, err := OpenCore(file.Name(), f)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error has several lines: %q", err)
			}
			continue
		}
		exercise(c)
		c.Close()
	}
}

// exercise calls what a Core has.
func exercise(c *Core) {
	for _, r := range c.Ranges() {
		_, _ = c.View(r.Start, 64)
		_, _ = c.View(r.End-8, 16)
		_ = c.ReadAt(make([]byte, 8), r.Start)
	}
	for _, r := range c.Present() {
		if _, err := c.View(r.Start, 1); err != nil {
			panic("a present range cannot be read: " + err.Error())
		}
	}
	c.Truncated()
	c.CheckExecutable()
	_, _ = c.LoadBias()
}

func FuzzOpenCore(f *testing.F) {
	loads := []elf.Prog64{{Vaddr: 0x10000, Filesz: 16, Memsz: 0x2000}, {Vaddr: 0x12000, Off: 16, Filesz: 8, Memsz: 8}}
	files := make([]byte, 16+24, 64)
	files[0], files[1], files[9], files[17], files[18], files[26] = 1, 0, 0x10, 0, 1, 1
	files = append(files, "/nowhere\x00"...)
	auxv := make([]byte, 32)
	auxv[0], auxv[10] = byte(AuxPhdr), 1
	for _, n := range [][]byte{
		note("CORE", notePRSTATUS, make([]byte, 392)), note("CORE", noteFILE, files), note("CORE", noteAUXV, auxv),
		note("CORE", notePRPSINFO, make([]byte, 136)), note("CORE", noteSIGINFO, make([]byte, 128)),
		note("Delve Header", 1, []byte("linux/amd64\nEntry Point: 0x10000\n")), note("", noteDelveThread, make([]byte, 80)),
	} {
		for _, machine := range []elf.Machine{elf.EM_X86_64, elf.EM_AARCH64} {
			f.Add(coreSpec{machine: machine, typ: elf.ET_CORE, data: pattern(64), notes: n, loads: loads}.bytes())
			f.Add(coreSpec{machine: machine, typ: elf.ET_CORE, notes: n, loads: loads, countInSection: true}.bytes())
		}
	}
	path := filepath.Join(f.TempDir(), "core")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := OpenCore(path, nil)
		if err != nil {
			return
		}
		exercise(c)
		c.Close()
	})
}
