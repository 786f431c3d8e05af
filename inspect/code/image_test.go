package code

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"testing"

	"rtdbg/inspect/exe"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// image is the memory that an executable describes, before it runs, loaded at
// the addresses it names: a position-independent one with its relocations.
type image struct {
	f     *exe.File
	words map[mem.Addr]uint64 // relocated
}

func (m image) View(a mem.Addr, n int) ([]byte, error) {
	b, ok := m.f.At(uint64(a), n)
	if !ok {
		return nil, &mem.Fault{Addr: a, Len: n, Err: mem.ErrUnmapped}
	}
	if w, ok := m.words[a]; ok && n == 8 {
		return binary.LittleEndian.AppendUint64(nil, w), nil
	}
	return b, nil
}

// load returns the code of an executable that has symbols.
func load(tb testing.TB, path string) (*Program, *exe.File) {
	tb.Helper()
	f, err := exe.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	symbol := func(names ...string) mem.Addr {
		for _, name := range names {
			if a, _, ok := f.Symbol(name); ok {
				return mem.Addr(a)
			}
		}
		tb.Fatalf("no symbol %q", names)
		return 0
	}
	m := image{f: f, words: relocated(tb, path)}
	header := mem.Addr(0)
	for _, name := range []string{".gopclntab", ".data.rel.ro.gopclntab"} {
		if s, ok := f.Section(name); ok {
			header = mem.Addr(s.Addr)
		}
	}
	tab, err := pcln.New(m, f.Arch, minorOf(tb, path), []pcln.Module{{
		PCHeader: header, Text: symbol("runtime.text"), GoFunc: symbol("go:func.*", "go.func.*"),
	}})
	if err != nil {
		tb.Fatal(err)
	}
	var data []mem.Range
	for _, s := range [...][2]string{{"runtime.noptrdata", "runtime.enoptrdata"}, {"runtime.data", "runtime.edata"},
		{"runtime.bss", "runtime.ebss"}, {"runtime.noptrbss", "runtime.enoptrbss"}} {
		data = append(data, mem.Range{Start: symbol(s[0]), End: symbol(s[1])})
	}
	p, err := New(m, f.Arch, tab, data)
	if err != nil {
		tb.Fatal(err)
	}
	return p, f
}

// relocated returns the words of an executable that the dynamic loader fills in,
// as it does where the load bias is 0.
func relocated(tb testing.TB, path string) map[mem.Addr]uint64 {
	tb.Helper()
	f, err := elf.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	words := make(map[mem.Addr]uint64)
	for _, name := range []string{".rela", ".rela.dyn"} {
		s := f.Section(name)
		if s == nil {
			continue
		}
		b, err := s.Data()
		if err != nil {
			tb.Fatal(err)
		}
		for ; len(b) >= 24; b = b[24:] {
			switch uint32(binary.LittleEndian.Uint64(b[8:])) {
			case uint32(elf.R_X86_64_RELATIVE), uint32(elf.R_AARCH64_RELATIVE):
				words[mem.Addr(binary.LittleEndian.Uint64(b))] = binary.LittleEndian.Uint64(b[16:])
			}
		}
	}
	return words
}

// minorOf returns N of the Go 1.N that built an executable.
func minorOf(tb testing.TB, path string) (minor int) {
	tb.Helper()
	f, err := exe.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	b, err := f.BuildInfo()
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := fmt.Sscanf(b.GoVersion, "go1.%d", &minor); err != nil {
		tb.Skipf("unreleased Go %s", b.GoVersion)
	}
	return minor
}
