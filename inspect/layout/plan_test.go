package layout_test

import (
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// tableOf makes a table of structs; each is its name, its size, and fields
// as {name, offset, size, type}.
func tableOf(structs ...*layout.Struct) *layout.Table {
	t := &layout.Table{
		Go: "go1.99.0", GOARCH: "amd64",
		Structs: map[string]*layout.Struct{},
		Under:   map[string]string{"runtime.guintptr": "uint64", "runtime.waitReason": "uint8", "runtime.rows": "[2]runtime.row"},
	}
	for _, s := range structs {
		t.Structs[s.Name] = s
	}
	return t
}

func st(name string, size uint64, fields ...layout.Field) *layout.Struct {
	return &layout.Struct{Name: name, Size: size, Fields: fields}
}

func field(name string, off, size uint64, typ string) layout.Field {
	return layout.Field{Name: name, Off: off, Size: size, Type: typ}
}

// sampleTable has one of everything that plans know.
func sampleTable() *layout.Table {
	return tableOf(
		st("runtime.g", 96,
			field("stack", 0, 16, "runtime.stack"),
			field("status", 16, 4, "atomic.Uint32"),
			field("reason", 20, 1, "runtime.waitReason"),
			field("flag", 21, 1, "bool"),
			field("small", 22, 2, "int16"),
			field("link", 24, 8, "runtime.guintptr"),
			field("elem", 32, 16, "runtime.maybePtr"),
			field("lock", 48, 8, "runtime.mutex"),
			field("queue", 56, 12, "[3]uint32"),
			field("rows", 72, 16, "runtime.rows"),
			field("ratio", 88, 8, "float64"),
		),
		st("runtime.stack", 16, field("lo", 0, 8, "uintptr"), field("hi", 8, 8, "uintptr")),
		st("runtime.maybePtr", 16, field("vp", 0, 8, "unsafe.Pointer"), field("vu", 8, 8, "uintptr")),
		st("runtime.mutex", 8, field("rank", 0, 0, "runtime.rank"), field("key", 0, 8, "uintptr")),
		st("runtime.rank", 0),
		st("runtime.row", 8, field("x", 0, 4, "int32"), field("y", 4, 4, "uint32")),
		st("atomic.Uint32", 4, field("_", 0, 0, "atomic.noCopy"), field("value", 0, 4, "uint32")),
		st("atomic.noCopy", 0),
		st("runtime.headers", 56, field("s", 0, 16, "string"), field("b", 16, 24, "[]uint8"), field("e", 40, 16, "interface {}")),
		st("runtime.headers32", 28, field("s", 0, 8, "string"), field("b", 8, 12, "[]uint8"), field("e", 20, 8, "error")),
	)
}

// sampleBytes is a runtime.g whose byte i is 0x80+i.
func sampleBytes() []byte {
	b := make([]byte, 96)
	for i := range b {
		b[i] = byte(0x80 + i)
	}
	return b
}

type row struct {
	X int64  `rt:"x"`
	Y uint32 `rt:"y"`
}

type header struct {
	Lo mem.Addr `rt:"stack.lo"`
}

type sample struct {
	header
	Addr   mem.Addr  `rt:"-"`
	Hi     mem.Addr  `rt:"stack.hi"`
	Stack  stack     `rt:"stack"`
	Status uint32    `rt:"status"`
	Wide   uint64    `rt:"status"`
	Reason int       `rt:"reason"`
	Flag   bool      `rt:"flag"`
	Small  int64     `rt:"small"`
	Link   mem.Addr  `rt:"link"`
	Elem   mem.Addr  `rt:"elem.vu|elem"`
	Old    mem.Addr  `rt:"elem.old|lock"`
	Key    uint64    `rt:"lock"`
	Queue  [3]uint64 `rt:"queue"`
	Rows   [2]row    `rt:"rows"`
	Gone   uint64    `rt:"gone|neverThere,optional"`
}

type stack struct {
	Lo, Unused mem.Addr `rt:"lo"`
}

func TestPlanDecodesEveryKindOfField(t *testing.T) {
	plan, err := layout.Bind[sample](sampleTable(), "runtime.missing|runtime.g")
	if err != nil {
		t.Fatal(err)
	}
	raw := sampleBytes()
	le := binary.LittleEndian
	word := func(off int) uint64 { return le.Uint64(raw[off:]) }
	got := sample{Addr: 7, Gone: 9}
	if err := plan.Decode(&got, raw); err != nil {
		t.Fatal(err)
	}
	want := sample{
		header: header{Lo: mem.Addr(word(0))}, Addr: 7, Hi: mem.Addr(word(8)),
		Stack:  stack{mem.Addr(word(0)), mem.Addr(word(0))},
		Status: le.Uint32(raw[16:]), Wide: uint64(le.Uint32(raw[16:])), Reason: int(raw[20]), Flag: true,
		Small: int64(int16(le.Uint16(raw[22:]))), Link: mem.Addr(word(24)), Elem: mem.Addr(word(40)),
		Old: mem.Addr(word(48)), Key: word(48), Gone: 9,
	}
	for i := range want.Queue {
		want.Queue[i] = uint64(le.Uint32(raw[56+4*i:]))
	}
	for i := range want.Rows {
		want.Rows[i] = row{int64(int32(le.Uint32(raw[72+8*i:]))), le.Uint32(raw[76+8*i:])}
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestPlanTellsWhatItDecodes(t *testing.T) {
	plan, err := layout.Bind[sample](sampleTable(), "runtime.g")
	if err != nil {
		t.Fatal(err)
	}
	if off, n := plan.Window(); plan.Name() != "runtime.g" || plan.Size() != 96 || off != 0 || n != 88 {
		t.Errorf("%s, %d bytes, window %d+%d", plan.Name(), plan.Size(), off, n)
	}
	for name, want := range map[string]struct {
		off uint64
		has bool
	}{"Elem": {40, true}, "Rows": {72, true}, "Rows.Y": {76, true}, "header.Lo": {0, true}, "Gone": {0, false}, "Addr": {0, false}, "Nothing": {0, false}} {
		if off, ok := plan.Offset(name); off != want.off || ok != want.has || plan.Has(name) != want.has {
			t.Errorf("%s: offset %d, %v, Has %v; want %+v", name, off, ok, plan.Has(name), want)
		}
	}
}

func TestPlanReadsHeadersOfBothWordSizes(t *testing.T) {
	type headers struct {
		S layout.String `rt:"s"`
		B layout.Slice  `rt:"b"`
		E layout.Iface  `rt:"e"`
	}
	want := headers{layout.String{Ptr: 1, Len: 2}, layout.Slice{Ptr: 3, Len: 4, Cap: 5}, layout.Iface{Tab: 6, Data: 7}}
	var wide, narrow []byte
	for i := range 7 {
		wide = binary.LittleEndian.AppendUint64(wide, uint64(i+1))
		narrow = binary.LittleEndian.AppendUint32(narrow, uint32(i+1))
	}
	for name, raw := range map[string][]byte{"runtime.headers": wide, "runtime.headers32": narrow} {
		table := sampleTable()
		table.Under["error"] = "interface {}"
		plan, err := layout.Bind[headers](table, name)
		if err != nil {
			t.Fatal(err)
		}
		var got headers
		if err := plan.Decode(&got, raw); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// bindError binds T to runtime.g and returns the error's text.
func bindError[T any](t *layout.Table) string {
	_, err := layout.Bind[T](t, "runtime.g")
	if err == nil {
		return "no error"
	}
	return err.Error()
}

func TestBindErrorsNameStructureFieldAndAlternatives(t *testing.T) {
	table := sampleTable()
	big := sampleTable()
	big.GOARCH = "s390x"
	lying := sampleTable()
	lying.Structs["runtime.stack"].Fields[1].Off = 12
	tests := []struct{ name, got, want string }{
		{"no alternative", bindError[struct {
			X uint64 `rt:"a.b|stack.mid|status.x.y"`
		}](table), `runtime.g: field X: none of "a.b|stack.mid|status.x.y": runtime.g.a.b: runtime.g has no field a; runtime.g.stack.mid: runtime.stack has no field mid; runtime.g.status.x.y: atomic.Uint32 has no field x`},
		{"too narrow", bindError[struct {
			X uint16 `rt:"status"`
		}](table), "runtime.g: field X: runtime.g.status: uint32 has 4 bytes, uint16 has 2"},
		{"struct into scalar", bindError[struct {
			X uint64 `rt:"elem"`
		}](table), "runtime.g: field X: runtime.g.elem: runtime.maybePtr is a struct, which does not fit uint64"},
		{"float", bindError[struct {
			X uint64 `rt:"ratio"`
		}](table), "float64 is a floating-point number"},
		{"scalar into slice", bindError[struct {
			X layout.Slice `rt:"link"`
		}](table), "runtime.guintptr is an unsigned integer, not a slice"},
		{"array length", bindError[struct {
			X [4]uint32 `rt:"queue"`
		}](table), "[3]uint32 has 3 elements, not 4"},
		{"nested field", bindError[struct {
			X struct {
				Y uint64 `rt:"mid"`
			} `rt:"stack"`
		}](table), `runtime.g: field X: runtime.g.stack: field X.Y: none of "mid"`},
		{"no tag", bindError[struct{ X uint64 }](table), "field X of struct { X uint64 } has no rt tag"},
		{"empty tag", bindError[struct {
			X uint64 `rt:",optional"`
		}](table), "names nothing"},
		{"unknown option", bindError[struct {
			X uint64 `rt:"link,maybe"`
		}](table), `unknown option "maybe"`},
		{"unusable kind", bindError[struct {
			X string `rt:"link"`
		}](table), "cannot decode into string"},
		{"not a struct", bindError[int](table), "cannot decode into int"},
		{"wide bool", bindError[struct {
			X bool `rt:"status"`
		}](table), "uint32 has 4 bytes, bool has 1"},
		{"big-endian", bindError[header](big), "structures of s390x cannot be decoded"},
		{"table contradicts itself", bindError[struct {
			X uint64 `rt:"stack.hi,optional"`
		}](lying), "field hi lies outside of runtime.stack"},
	}
	for _, tt := range tests {
		if !strings.Contains(tt.got, tt.want) || strings.Contains(tt.got, "\n") {
			t.Errorf("%s: error %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	if _, err := layout.Bind[header](table, "runtime.x|runtime.y"); err == nil || !strings.Contains(err.Error(), "runtime.x|runtime.y: no such structure in go1.99.0") {
		t.Errorf("missing structure: %v", err)
	}
}

// bytesReader is memory with one range at base.
type bytesReader struct {
	base mem.Addr
	b    []byte
}

func (r *bytesReader) ReadAt(b []byte, a mem.Addr) error {
	if a < r.base || uint64(a-r.base)+uint64(len(b)) > uint64(len(r.b)) {
		return &mem.Fault{Addr: a, Len: len(b), Err: mem.ErrUnmapped}
	}
	copy(b, r.b[a-r.base:])
	return nil
}

func TestReadReadsTheWindowOnly(t *testing.T) {
	type view struct {
		Link mem.Addr `rt:"link"`
		Elem mem.Addr `rt:"elem.vu"`
	}
	plan, err := layout.Bind[view](sampleTable(), "runtime.g")
	if err != nil {
		t.Fatal(err)
	}
	off, n := plan.Window()
	if off != 24 || n != 24 {
		t.Fatalf("window %d+%d", off, n)
	}
	raw := sampleBytes()
	r := &bytesReader{base: 0x1000 + 24, b: raw[24:48]}
	var got, want view
	if err := plan.Read(r, 0x1000, &got); err != nil {
		t.Fatal(err)
	}
	if err := plan.DecodeWindow(&want, raw[24:]); err != nil || got != want || got.Link == 0 {
		t.Errorf("read %+v, decoded %+v, %v", got, want, err)
	}
	for _, a := range []mem.Addr{0, 0x1008, 0x0ff8, ^mem.Addr(0), ^mem.Addr(0) - 30} {
		err := plan.Read(r, a, &got)
		var fault *mem.Fault
		if !errors.As(err, &fault) || !strings.HasPrefix(err.Error(), "runtime.g at "+a.String()+": ") {
			t.Errorf("%v: error %v", a, err)
		}
	}
	for n := range 48 {
		if err := plan.Decode(&got, raw[:n]); err == nil {
			t.Errorf("decoded %d bytes of 48", n)
		}
	}
	if err := plan.DecodeWindow(&got, raw[:23]); err == nil {
		t.Error("decoded a short window")
	}
}

func TestDecodeAndReadDoNotAllocate(t *testing.T) {
	plan, err := layout.Bind[sample](sampleTable(), "runtime.g")
	if err != nil {
		t.Fatal(err)
	}
	r := &bytesReader{base: 0x1000, b: sampleBytes()}
	var s sample
	var failed error
	n := testing.AllocsPerRun(1000, func() {
		if err := errors.Join(plan.Decode(&s, r.b), plan.Read(r, 0x1000, &s)); err != nil {
			failed = err
		}
	})
	if failed != nil {
		t.Fatal(failed)
	}
	// The pool of windows may be emptied by a garbage collection.
	if n >= 1 {
		t.Errorf("%v allocations", n)
	}
}

// scalars is every destination that widening knows.
type scalars struct {
	I8   int8     `rt:"f0"`
	I16  int16    `rt:"f1"`
	I32  int32    `rt:"f2"`
	I64  int64    `rt:"f3"`
	U8   uint8    `rt:"f4"`
	U16  uint16   `rt:"f5"`
	U32  uint32   `rt:"f6"`
	U64  uint64   `rt:"f7"`
	Addr mem.Addr `rt:"f8,optional"`
	Bool bool     `rt:"f9,optional"`
}

var scalarTypes = []struct {
	name string
	size uint64
	typ  reflect.Type
}{
	{"int8", 1, reflect.TypeFor[int8]()}, {"int16", 2, reflect.TypeFor[int16]()},
	{"int32", 4, reflect.TypeFor[int32]()}, {"int64", 8, reflect.TypeFor[int64]()},
	{"uint8", 1, reflect.TypeFor[uint8]()}, {"uint16", 2, reflect.TypeFor[uint16]()},
	{"uint32", 4, reflect.TypeFor[uint32]()}, {"uint64", 8, reflect.TypeFor[uint64]()},
	{"bool", 1, reflect.TypeFor[bool]()},
}

// FuzzDecodeConvertsAsGoDoes binds scalars to fields of fuzzed types and
// offsets, and compares each with encoding/binary and Go's own conversion.
func FuzzDecodeConvertsAsGoDoes(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 7, 8}, []byte{0, 2, 4, 8, 16, 17, 18, 20, 24, 32}, sampleBytes())
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, sampleBytes())
	f.Add([]byte{8, 4, 5, 6, 4, 4, 5, 6, 7, 4}, []byte{90, 91, 92, 93, 94, 95, 94, 92, 88, 255}, sampleBytes())
	f.Add([]byte{0, 0, 1, 2, 4, 4, 5, 6, 7, 8}, []byte{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, sampleBytes())
	f.Fuzz(func(t *testing.T, kinds, offs, raw []byte) {
		s := st("s", 96)
		for i := range min(len(kinds), len(offs), 10) {
			k := scalarTypes[int(kinds[i])%len(scalarTypes)]
			s.Fields = append(s.Fields, field("f"+string(rune('0'+i)), uint64(offs[i]), k.size, k.name))
		}
		plan, err := layout.Bind[scalars](tableOf(s), "s")
		if err != nil {
			return
		}
		var got scalars
		if err := plan.Decode(&got, raw); err != nil {
			if len(raw) >= 96 {
				t.Fatal(err)
			}
			return
		}
		v := reflect.ValueOf(got)
		for i := range v.NumField() {
			name := "f" + string(rune('0'+i))
			if src := s.Field(name); src != nil {
				compareScalar(t, v.Field(i), src, raw)
			}
		}
	})
}

// compareScalar checks that v is the source's value, converted.
func compareScalar(t *testing.T, v reflect.Value, src *layout.Field, raw []byte) {
	t.Helper()
	for _, k := range scalarTypes {
		if k.name != src.Type {
			continue
		}
		if k.name == "bool" || v.Kind() == reflect.Bool {
			if got, want := !v.IsZero(), raw[src.Off] != 0; got != want {
				t.Errorf("%s into %v: %v, want %v", k.name, v.Type(), got, want)
			}
			return
		}
		p := reflect.New(k.typ)
		if _, err := binary.Decode(raw[src.Off:], binary.LittleEndian, p.Interface()); err != nil {
			t.Fatal(err)
		}
		if want := p.Elem().Convert(v.Type()); !v.Equal(want) {
			t.Errorf("%s at %d into %v: %v, want %v", k.name, src.Off, v.Type(), v, want)
		}
		return
	}
}

// fifteen is a view of the size of rt's larger ones.
type fifteen struct {
	A mem.Addr `rt:"stack.lo"`
	B mem.Addr `rt:"stack.hi"`
	C uint32   `rt:"status"`
	D uint8    `rt:"reason"`
	E bool     `rt:"flag"`
	F int64    `rt:"small"`
	G mem.Addr `rt:"link"`
	H mem.Addr `rt:"elem.vu|elem"`
	I uint64   `rt:"lock"`
	J mem.Addr `rt:"elem.vp"`
	K uint64   `rt:"status"`
	L uint64   `rt:"reason"`
	M mem.Addr `rt:"link"`
	N int16    `rt:"small"`
	O uint32   `rt:"gone,optional"`
	P mem.Addr `rt:"lock.key"`
}

func BenchmarkDecodeOf15Fields(b *testing.B) {
	plan, err := layout.Bind[fifteen](sampleTable(), "runtime.g")
	if err != nil {
		b.Fatal(err)
	}
	raw := sampleBytes()
	var v fifteen
	b.ReportAllocs()
	for b.Loop() {
		if err := plan.Decode(&v, raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadOf15Fields(b *testing.B) {
	plan, err := layout.Bind[fifteen](sampleTable(), "runtime.g")
	if err != nil {
		b.Fatal(err)
	}
	r := &bytesReader{base: 0x1000, b: sampleBytes()}
	var v fifteen
	b.ReportAllocs()
	for b.Loop() {
		if err := plan.Read(r, 0x1000, &v); err != nil {
			b.Fatal(err)
		}
	}
}
