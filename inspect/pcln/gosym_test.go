package pcln_test

import (
	"debug/gosym"
	"testing"

	"rtdbg/inspect/exe"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// exeMem is the memory that an executable describes, before it runs.
type exeMem struct{ f *exe.File }

func (m exeMem) View(a mem.Addr, n int) ([]byte, error) {
	if b, ok := m.f.At(uint64(a), n); ok {
		return b, nil
	}
	return nil, &mem.Fault{Addr: a, Len: n, Err: mem.ErrUnmapped}
}

// TestTableMatchesGosym reads the tables of executables of other Go versions
// and architectures, with the standard library's reader as the oracle.
func TestTableMatchesGosym(t *testing.T) {
	tests := []struct {
		version, goarch string
		minor           int
	}{
		{"go1.18.10", "amd64", 18}, {"go1.20.14", "amd64", 20}, {"go1.22.12", "arm64", 22},
		{"go1.25.5", "amd64", 25}, {"go1.27.3", "amd64", 27}, {"go1.27.3", "arm64", 27},
	}
	for _, tt := range tests {
		t.Run(tt.version+"/"+tt.goarch, func(t *testing.T) {
			if testing.Short() {
				t.Skip("other toolchains are not for short mode")
			}
			path := target.Build(t, target.Spec{Program: "locks", Go: tt.version, GOARCH: tt.goarch})
			f, err := exe.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			checkAgainstGosym(t, f, tt.minor)
		})
	}
}

func checkAgainstGosym(t *testing.T, f *exe.File, minor int) {
	sec, ok := f.Section(".gopclntab")
	if !ok {
		t.Fatal("no .gopclntab")
	}
	b, err := f.SectionBytes(sec)
	if err != nil {
		t.Fatal(err)
	}
	symbol := func(names ...string) mem.Addr {
		for _, name := range names {
			if a, _, ok := f.Symbol(name); ok {
				return mem.Addr(a)
			}
		}
		t.Fatalf("no symbol %q", names)
		return 0
	}
	text := symbol("runtime.text")
	if at := pcln.FindHeader(b, 0, f.Arch); at != 0 {
		t.Errorf("header found at %d of .gopclntab", at)
	}
	tab, err := pcln.New(exeMem{f}, f.Arch, minor, []pcln.Module{{
		PCHeader: mem.Addr(sec.Addr), Text: text, GoFunc: symbol("go:func.*", "go.func.*"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	oracle, err := gosym.NewTable(nil, gosym.NewLineTable(b, uint64(text)))
	if err != nil {
		t.Fatal(err)
	}
	if n := compareTables(t, tab, oracle, text); n < 1000 || n < len(oracle.Funcs)-100 {
		t.Errorf("%d functions compared, gosym has %d", n, len(oracle.Funcs))
	}
}

// compareTables returns the number of functions compared.
func compareTables(t *testing.T, tab *pcln.Table, oracle *gosym.Table, text mem.Addr) (n int) {
	for fn := range tab.All() {
		want := oracle.PCToFunc(uint64(fn.Entry))
		if tab.Func(fn.Entry) != fn {
			continue // an empty function shares its entry with the next one
		}
		if fn.Name == "" && fn.Entry == text {
			continue // the runtime takes name offset 0, of the first, for none
		}
		if want == nil || want.Name != fn.Name || want.Entry != uint64(fn.Entry) {
			t.Fatalf("%s at %v: gosym has %+v", fn.Name, fn.Entry, want)
		}
		for pc := fn.Entry; pc < fn.End; pc += max(4, (fn.End-fn.Entry)/32*4) {
			file, line, _ := oracle.PCToLine(uint64(pc))
			gotFile, gotLine := fn.Line(pc)
			// gosym reads offset 0 of the tables, where there is none.
			if line > 0 && !fn.External() && (gotFile != file || gotLine != line) {
				t.Fatalf("%s %v: %s:%d, want %s:%d", fn.Name, pc, gotFile, gotLine, file, line)
			}
			// The outermost logical frame is the physical function.
			if l := fn.Lines(pc); l[len(l)-1].Func != fn.Name || l[0].Line != gotLine {
				t.Fatalf("%s %v: %+v", fn.Name, pc, l)
			}
		}
		n++
	}
	return n
}
