package pcln

import (
	"encoding/binary"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
)

// The tests take the test process itself as the target: its memory is read
// through the kernel, and the oracle is the runtime's own answers.

// lastmoduledatap is runtime.lastmoduledatap. A test binary has one module.
//
//go:linkname lastmoduledatap runtime.lastmoduledatap
var lastmoduledatap unsafe.Pointer

// selfMem reads the test process's memory.
type selfMem struct{ f *os.File }

func (s selfMem) View(a mem.Addr, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := s.f.ReadAt(b, int64(a)); err != nil {
		return nil, &mem.Fault{Addr: a, Len: n, Err: err}
	}
	return b, nil
}

func openSelf(t testing.TB) selfMem {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the oracle reads /proc/self/mem of a linux/amd64 process")
	}
	f, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Skipf("cannot read own memory: %v", err)
	}
	t.Cleanup(func() { f.Close() })
	return selfMem{f}
}

var amd64 = &arch.Arch{Name: "amd64", PtrSize: 8, Order: binary.LittleEndian, PCQuantum: 1}

func selfMinor(t testing.TB) int {
	s, _, _ := strings.Cut(strings.TrimPrefix(runtime.Version(), "go1."), ".")
	minor, err := strconv.Atoi(s)
	if err != nil {
		t.Skipf("unreleased Go %s", runtime.Version())
	}
	return minor
}

// selfModule reads the fields of the process's own moduledata
// (runtime/symtab.go); rodata and gofunc moved in Go 1.27.
func selfModule(t testing.TB, minor int) Module {
	word := func(off uintptr) mem.Addr {
		return mem.Addr(*(*uint64)(unsafe.Add(lastmoduledatap, off)))
	}
	m := Module{PCHeader: word(0), MinPC: word(160), MaxPC: word(168), Text: word(176), EText: word(184)}
	switch {
	case minor == 26:
		m.RoData, m.GoFunc = word(312), word(320)
	case minor >= 27:
		m.RoData, m.GoFunc = word(336), word(344)
	default:
		t.Skipf("moduledata of go1.%d", minor)
	}
	return m
}

func selfTable(t testing.TB) *Table {
	v, minor := openSelf(t), selfMinor(t)
	tab, err := New(v, amd64, minor, []Module{selfModule(t, minor)})
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func selfRanges(t testing.TB) []mem.Range {
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	var ranges []mem.Range
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 6 || !strings.HasPrefix(f[1], "r") || !strings.HasPrefix(f[5], "/") {
			continue
		}
		lo, hi, _ := strings.Cut(f[0], "-")
		start, _ := strconv.ParseUint(lo, 16, 64)
		end, _ := strconv.ParseUint(hi, 16, 64)
		ranges = append(ranges, mem.Range{Start: mem.Addr(start), End: mem.Addr(end)})
	}
	return ranges
}
