package layout_test

import (
	"bufio"
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// truth is the program in testdata/truth: its executable and what it printed.
type truth struct {
	exe   string
	lines []string
}

var buildTruth = sync.OnceValues(func() (*truth, error) {
	dir, err := os.MkdirTemp("", "layout-truth-")
	if err != nil {
		return nil, err
	}
	t := &truth{exe: filepath.Join(dir, "truth")}
	build := exec.Command("go", "build", "-o", t.exe, "./testdata/truth")
	build.Env = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%v: %s", err, out)
	}
	out, err := exec.Command(t.exe).Output()
	if err != nil {
		return nil, err
	}
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		t.lines = append(t.lines, s.Text())
	}
	return t, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if t, err := buildTruth(); err == nil {
		os.RemoveAll(filepath.Dir(t.exe))
	}
	os.Exit(code)
}

func getTruth(tb testing.TB) *truth {
	tb.Helper()
	if runtime.GOOS != "linux" {
		tb.Skip("needs ELF executables of the host")
	}
	t, err := buildTruth()
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// find returns the words of the lines that begin with a word, without it.
func (t *truth) find(first string) [][]string {
	var all [][]string
	for _, l := range t.lines {
		if words := strings.Split(l, " "); words[0] == first {
			all = append(all, words[1:])
		}
	}
	return all
}

var truthWant = layout.Want{
	Structs: []string{"main.all", "main.pair[*", "main.inner", "sync.Cond", "sync.RWMutex", "sync.WaitGroup", "sync.Once",
		"time.Time", "time.Timer", "os/exec.Cmd", "net.TCPAddr", "net.TCPConn", "os.File"},
	Consts: []string{"main.const*", "runtime._Gwaiting"},
	Vars:   []string{"main.global", "main.anon", "main.reasons", "main.missing"},
}

func (t *truth) table(tb testing.TB) *layout.Table {
	tb.Helper()
	f, err := elf.Open(t.exe)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	d, err := f.DWARF()
	if err != nil {
		tb.Fatal(err)
	}
	table, err := layout.FromDWARF(d, truthWant)
	if err != nil {
		tb.Fatal(err)
	}
	return table
}

func TestFromDWARFGivesTheLayoutsThatReflectGives(t *testing.T) {
	tr := getTruth(t)
	table := tr.table(t)
	var s *layout.Struct
	structs, fields := 0, 0
	for _, line := range tr.lines {
		words := strings.SplitN(line, " ", 5)
		switch words[0] {
		case "struct":
			name := strings.Join(words[2:], " ")
			if s = table.Structs[name]; s == nil {
				t.Errorf("no struct %s", name)
				continue
			}
			if got := strconv.FormatUint(s.Size, 10); got != words[1] {
				t.Errorf("%s has %s bytes, reflect says %s", name, got, words[1])
			}
			structs++
		case "field":
			if s == nil {
				continue
			}
			fields++
			compareField(t, s, words[1:])
		}
	}
	if structs < 20 || fields < 90 {
		t.Errorf("only %d structs and %d fields were compared", structs, fields)
	}
}

// compareField compares the fields of s at an offset with offset, size, name
// and type as reflect gives them.
func compareField(t *testing.T, s *layout.Struct, want []string) {
	t.Helper()
	for _, f := range s.Fields {
		off, size := strconv.FormatUint(f.Off, 10), strconv.FormatUint(f.Size, 10)
		if f.Name != want[2] || off != want[0] || f.Name == "_" && f.Type != want[3] {
			continue
		}
		if size != want[1] {
			t.Errorf("%s.%s has %s bytes, reflect says %s", s.Name, f.Name, size, want[1])
		}
		// Type parameters, functions, channels and interfaces are spelled
		// in more ways than one.
		if !strings.ContainsAny(f.Type, " (") && want[3] != "other" && f.Type != want[3] {
			t.Errorf("%s.%s is a %s, reflect says %s", s.Name, f.Name, f.Type, want[3])
		}
		return
	}
	t.Errorf("%s has no field %s at %s", s.Name, want[2], want[0])
}

func TestFromDWARFGivesConstantsAndVariables(t *testing.T) {
	tr := getTruth(t)
	table := tr.table(t)
	for _, c := range tr.find("const") {
		if got, ok := table.Consts[c[0]]; !ok || strconv.FormatInt(got, 10) != c[1] {
			t.Errorf("%s = %d, %v; the program says %s", c[0], got, ok, c[1])
		}
	}
	for _, v := range tr.find("var") {
		got, ok := table.Variable(v[0])
		if !ok || strconv.FormatUint(uint64(got.Addr), 10) != v[1] || strconv.FormatUint(got.Size, 10) != v[2] {
			t.Errorf("%s: %+v, %v; the program says address %s, size %s", v[0], got, ok, v[1], v[2])
		}
	}
	if _, ok := table.Variable("main.missing"); ok {
		t.Error("a variable that the program does not have was found")
	}
	if table.Go != runtimeVersion(t) {
		t.Errorf("made by %q, want %q", table.Go, runtimeVersion(t))
	}
}

// runtimeVersion returns the version of the go command that built truth.
func runtimeVersion(t *testing.T) string {
	out, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestAnonymousStructsGoByTheirOwner(t *testing.T) {
	table := getTruth(t).table(t)
	tests := []struct{ owner, path, wantType string }{
		{"main.all", "hidden", "main.all.hidden"},
		{"main.all", "hidden.list", "main.all.hidden.list"},
		{"main.all", "rows", "[2]main.all.rows"},
		{"main.all", "t", "main.table"},
	}
	for _, tt := range tests {
		s, f := table.Structs[tt.owner], tt.path
		if i := strings.LastIndex(f, "."); i >= 0 {
			s, f = table.Structs[tt.owner+"."+f[:i]], f[i+1:]
		}
		if got := s.Field(f).Type; got != tt.wantType {
			t.Errorf("%s.%s is a %s, want %s", tt.owner, tt.path, got, tt.wantType)
		}
	}
	if got := table.Under["main.table"]; got != "[3]main.table.elem" || table.Structs["main.table.elem"].Size != 16 {
		t.Errorf("main.table is %q of %+v", got, table.Structs["main.table.elem"])
	}
	if v, _ := table.Variable("main.anon"); v.Type != "main.anon" || table.Structs["main.anon"].Size != 16 {
		t.Errorf("main.anon is %+v", v)
	}
	off, size, err := table.Offset("main.all", "hidden.list.tail")
	want, _, _ := table.Offset("main.all", "hidden")
	if err != nil || off != want+16 || size != 8 {
		t.Errorf("hidden.list.tail is at %d (%d bytes), %v; want %d", off, size, err, want+16)
	}
}

// elfReader reads the segments of an executable.
type elfReader struct{ f *elf.File }

func (r elfReader) ReadAt(b []byte, a mem.Addr) error {
	for _, p := range r.f.Progs {
		if p.Type == elf.PT_LOAD && uint64(a) >= p.Vaddr && uint64(a)+uint64(len(b)) <= p.Vaddr+p.Filesz {
			_, err := p.ReadAt(b, int64(uint64(a)-p.Vaddr))
			return err
		}
	}
	return &mem.Fault{Addr: a, Len: len(b), Err: mem.ErrUnmapped}
}

func TestReadStringsReadsAnArrayOfStrings(t *testing.T) {
	tr := getTruth(t)
	f, err := elf.Open(tr.exe)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table := tr.table(t)
	got, err := table.ReadStrings(elfReader{f}, "main.reasons", 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, l := range tr.find("reason") {
		s, err := strconv.Unquote(strings.Join(l, " "))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, s)
	}
	if strings.Join(got, "|") != strings.Join(want, "|") || len(got) != len(want) {
		t.Errorf("got %q, the program says %q", got, want)
	}
	for _, name := range []string{"main.global", "main.missing"} {
		if _, err := table.ReadStrings(elfReader{f}, name, 0); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// view of main.all, in every kind of field.
type allView struct {
	A      int32         `rt:"inner.A"`
	B      uint64        `rt:"inner.B"`
	Flag   bool          `rt:"flag"`
	N      uint16        `rt:"n"`
	I      int64         `rt:"i"`
	S      layout.String `rt:"s"`
	Bytes  layout.Slice  `rt:"b"`
	Any    layout.Iface  `rt:"any"`
	Fn     mem.Addr      `rt:"fn"`
	M      mem.Addr      `rt:"m"`
	Ch     mem.Addr      `rt:"ch"`
	Word   mem.Addr      `rt:"word"`
	State  uint32        `rt:"state"`
	User   bool          `rt:"hidden.user"`
	Names  layout.Slice  `rt:"num"`
	Handle mem.Addr      `rt:"handy"`
}

func TestPlanDecodesWhatTheProgramWrote(t *testing.T) {
	tr := getTruth(t)
	raw, err := hex.DecodeString(tr.find("bytes")[0][0])
	if err != nil {
		t.Fatal(err)
	}
	plan, err := layout.Bind[allView](tr.table(t), "main.all")
	if err != nil {
		t.Fatal(err)
	}
	if plan.Size() != uint64(len(raw)) {
		t.Errorf("size %d, the program says %d", plan.Size(), len(raw))
	}
	var got allView
	if err := plan.Decode(&got, raw); err != nil {
		t.Fatal(err)
	}
	h := tr.find("header")[0]
	word := func(s string) uint64 { n, _ := strconv.ParseUint(s, 10, 64); return n }
	want := allView{
		A: -3, B: 7, Flag: true, N: 0xBEEF, I: -1, Word: 0x1234, State: 0xdeadbeef, User: true,
		S:     layout.String{Ptr: word(h[0]), Len: 5},
		Bytes: layout.Slice{Ptr: word(h[1]), Len: 3, Cap: 3},
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestFromDWARFSurvivesCorruptSections(t *testing.T) {
	tr := getTruth(t)
	f, err := elf.Open(tr.exe)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sections := map[string][]byte{}
	for _, name := range []string{"abbrev", "info", "str", "line_str", "str_offsets", "addr", "rnglists", "ranges"} {
		if s := f.Section(".debug_" + name); s != nil {
			if sections[name], err = s.Data(); err != nil {
				t.Fatal(err)
			}
		}
	}
	load := func() {
		d, err := dwarf.New(sections["abbrev"], nil, nil, sections["info"], nil, nil, sections["ranges"], sections["str"])
		if err != nil {
			return
		}
		for _, name := range []string{"line_str", "str_offsets", "addr", "rnglists"} {
			if d.AddSection(".debug_"+name, sections[name]) != nil {
				return
			}
		}
		if table, err := layout.FromDWARF(d, truthWant); err == nil {
			layout.Bind[allView](table, "main.all")
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		info := sections["info"]
		sections["info"] = bytes.Clone(info)
		for range 1 + r.IntN(200) {
			sections["info"][r.IntN(len(info))] = byte(r.Uint32())
		}
		load()
		sections["info"] = info[:r.IntN(len(info))]
		load()
		sections["info"] = info
	}
}

func BenchmarkFromDWARF(b *testing.B) {
	f, err := elf.Open(getTruth(b).exe)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	d, err := f.DWARF()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := layout.FromDWARF(d, truthWant); err != nil {
			b.Fatal(err)
		}
	}
}
