package pcln

import (
	"testing"

	"rtdbg/inspect/mem"
)

// bytesMem is target memory made of one block.
type bytesMem struct {
	at mem.Addr
	b  []byte
}

func (m bytesMem) View(a mem.Addr, n int) ([]byte, error) {
	if a < m.at || n < 0 || uint64(a-m.at) > uint64(len(m.b)) || uint64(n) > uint64(len(m.b))-uint64(a-m.at) {
		return nil, &mem.Fault{Addr: a, Len: n, Err: mem.ErrUnmapped}
	}
	return m.b[a-m.at:][:n:n], nil
}

// smallTable is a hand-made pclntab of two functions, the first with a
// function inlined into it.
func smallTable() []byte {
	le := amd64.Order
	b := make([]byte, 512)
	put := func(off int, v uint32) { le.PutUint32(b[off:], v) }
	const names, cu, files, pctab, pcln = 72, 96, 104, 120, 160
	put(0, magic120)
	b[6], b[7] = 1, 8
	put(8, 2)
	for i, off := range []uint32{names, cu, files, pctab, pcln} {
		put(32+8*i, off)
	}
	copy(b[names:], "\x00main.f\x00main.g\x00main.h\x00")
	put(cu, 0)
	copy(b[files:], "f.go\x00")
	// pctab at 1: value 8; at 6: 0 for 16 bytes, then -1; at 11: 0.
	copy(b[pctab:], "\x00\x12\x20\x00\x00\x00\x02\x10\x01\x10\x00\x02\x20\x00")
	for i, v := range []uint32{0, 20, 32, 100, 64} { // ftab
		put(pcln+4*i, v)
	}
	f := pcln + 20
	for i, v := range []uint32{0, 1, 0, 0, 1, 11, 1, 3, 0, 1} {
		put(f+4*i, v)
	}
	b[f+43] = 4
	for i, v := range []uint32{0, 0, 6, ^uint32(0), ^uint32(0), ^uint32(0), 0} {
		put(f+44+4*i, v)
	}
	g := pcln + 100
	for i, v := range []uint32{32, 8, 0, 0, 1, 11, 1, 0, 0, 1} {
		put(g+4*i, v)
	}
	put(480, 0) // inline tree: one call
	put(484, 15)
	put(488, 20)
	return b
}

// FuzzTable reads a corrupted table in every way: nothing may panic or run
// without end.
func FuzzTable(f *testing.F) {
	const base = mem.Addr(0x10000)
	whole := smallTable()
	f.Add(whole, 26)
	f.Add(whole[:300], 22)
	for i := 0; i < 300; i += 3 {
		b := append([]byte(nil), whole...)
		b[i] ^= 0xff
		f.Add(b, 25)
	}
	old := append([]byte(nil), whole...)
	old[0] = 0xf0
	f.Add(old, 18)
	f.Fuzz(func(t *testing.T, b []byte, minor int) {
		FindHeader(b, 0, amd64)
		m := bytesMem{base, b}
		tab, err := New(m, amd64, minor, []Module{{PCHeader: base, Text: 0x400000, GoFunc: base + 480}})
		if err != nil {
			return
		}
		n := 0
		for fn := range tab.All() {
			if n++; n > 64 {
				break
			}
			for i := mem.Addr(0); i < 80; i += 3 {
				pc := fn.Entry + i
				fn.Lines(pc)
				fn.SPDelta(pc)
				fn.PCData(PCDataStackMapIndex, pc)
				fn.FuncData(FuncDataArgInfo)
				tab.Func(pc)
			}
		}
		tab.FuncByName("main.h")
	})
}

func TestSmallTable(t *testing.T) {
	b := smallTable()
	tab, err := New(bytesMem{0x10000, b}, amd64, 26, []Module{{PCHeader: 0x10000, Text: 0x400000, GoFunc: 0x10000 + 480}})
	if err != nil {
		t.Fatal(err)
	}
	f := tab.Func(0x400004)
	if f == nil || f.Name != "main.f" || f.End != 0x400020 {
		t.Fatalf("Func = %+v", f)
	}
	if d, ok := f.SPDelta(0x400004); d != 8 || !ok {
		t.Errorf("SPDelta = %d, %v", d, ok)
	}
	l := f.Lines(0x400004)
	if len(l) != 2 || l[0].Func != "main.h" || !l[0].Inlined || l[1].Func != "main.f" || l[1].File != "f.go" {
		t.Errorf("Lines = %+v", l)
	}
	if l := f.Lines(0x400015); len(l) != 1 {
		t.Errorf("Lines = %+v", l)
	}
	if FindHeader(append(make([]byte, 16), b...), 0, amd64) != 16 {
		t.Error("FindHeader does not find the header")
	}
}

// FuzzCorruptSelf corrupts the test binary's own tables at random places.
func FuzzCorruptSelf(f *testing.F) {
	v, minor := openSelf(f), selfMinor(f)
	mod := selfModule(f, minor)
	tab, err := New(v, amd64, minor, []Module{mod})
	if err != nil {
		f.Fatal(err)
	}
	sound := tab.modules[0]
	for i := range 40 {
		f.Add(uint32(i*7919*101), byte(i), uint32(i*31))
	}
	f.Fuzz(func(t *testing.T, at uint32, val byte, fn uint32) {
		m := &module{Module: mod, tab: tab, nfunc: sound.nfunc, funcname: sound.funcname,
			cutab: sound.cutab, filetab: sound.filetab, pcln: append([]byte(nil), sound.pcln...),
			pctab: append([]byte(nil), sound.pctab...)}
		for k := uint32(0); k < 64; k++ {
			m.pcln[(at+k*k*257)%uint32(len(m.pcln))] = val + byte(k)
			m.pctab[(at+k*k*65)%uint32(len(m.pctab))] = val - byte(k)
		}
		g := m.decode(int(fn) % m.nfunc)
		if g == nil {
			return
		}
		for pc := g.Entry; pc < g.Entry+64; pc += 3 {
			g.Lines(pc)
			g.SPDelta(pc)
		}
	})
}

// TestTextSections maps offsets to code in two sections, as a large program
// on ppc64 has it.
func TestTextSections(t *testing.T) {
	tab, err := New(bytesMem{0x10000, smallTable()}, amd64, 26, []Module{{
		PCHeader: 0x10000, Text: 0x400000,
		TextSects: []TextSect{{0, 32, 0x500000}, {32, 64, 0x600000}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for pc, want := range map[mem.Addr]string{
		0x500000: "main.f", 0x50001f: "main.f", 0x600000: "main.g", 0x60001f: "main.g",
		0x4fffff: "", 0x500020: "", 0x5fffff: "", 0x600020: "", 0x400000: "",
	} {
		got := ""
		if f := tab.Func(pc); f != nil {
			got = f.Name
		}
		if got != want {
			t.Errorf("Func(%v) = %q, want %q", pc, got, want)
		}
	}
}
