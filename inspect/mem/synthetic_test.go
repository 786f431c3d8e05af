package mem

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect/arch"
)

// coreSpec describes a core file to make, for what no dumper at hand writes.
type coreSpec struct {
	machine elf.Machine
	typ     elf.Type
	notes   []byte
	loads   []elf.Prog64
	// data is the content that the loads' Off refer to, 0 being its start.
	data []byte
	// countInSection puts the number of program headers into section 0.
	countInSection bool
}

func (s coreSpec) bytes() []byte {
	phnum := len(s.loads) + 1
	table := 64
	dataOff := table + phnum*56
	h := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1},
		Type:  uint16(s.typ), Machine: uint16(s.machine), Version: 1,
		Phoff: uint64(table), Ehsize: 64, Phentsize: 56, Phnum: uint16(phnum),
	}
	sections := dataOff + len(s.data) + len(s.notes)
	if s.countInSection {
		h.Phnum, h.Shoff, h.Shentsize, h.Shnum = 0xffff, uint64(sections), 64, 1
	}
	var b bytes.Buffer
	write := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	write(h)
	write(elf.Prog64{Type: uint32(elf.PT_NOTE), Off: uint64(dataOff + len(s.data)), Filesz: uint64(len(s.notes))})
	for _, l := range s.loads {
		l.Type = uint32(elf.PT_LOAD)
		l.Off += uint64(dataOff)
		write(l)
	}
	b.Write(s.data)
	b.Write(s.notes)
	if s.countInSection {
		write(elf.Section64{Info: uint32(phnum)})
	}
	return b.Bytes()
}

func (s coreSpec) open(t *testing.T) (*Core, error) {
	t.Helper()
	c, err := OpenCore(writeFile(t, s.bytes()), nil)
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

func writeFile(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "core")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// note encodes a note as the kernel does, its name with the NUL.
func note(name string, typ uint32, desc []byte) []byte {
	if name != "" && name != "Delve Header" {
		name += "\x00"
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(name)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(desc)))
	b = binary.LittleEndian.AppendUint32(b, typ)
	b = append(b, name...)
	b = append(b, make([]byte, -len(b)&3)...)
	b = append(b, desc...)
	return append(b, make([]byte, -len(b)&3)...)
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*13 + i>>8 + 1)
	}
	return b
}

// oddSegments is a core with segments in all positions to each other.
func oddSegments(t *testing.T) (c *Core, data []byte) {
	t.Helper()
	data = pattern(0x4000)
	rw := uint32(elf.PF_R | elf.PF_W)
	c, err := coreSpec{machine: elf.EM_X86_64, typ: elf.ET_CORE, data: data, loads: []elf.Prog64{
		{Vaddr: 0x10000, Off: 0, Filesz: 0x1000, Memsz: 0x1000, Flags: rw},
		{Vaddr: 0x11000, Off: 0x1000, Filesz: 0x1000, Memsz: 0x1000, Flags: rw}, // contiguous in the file
		{Vaddr: 0x12000, Off: 0x3000, Filesz: 0x1000, Memsz: 0x1000, Flags: rw}, // elsewhere in the file
		{Vaddr: 0x13000, Off: 0x2000, Filesz: 0x800, Memsz: 0x2000, Flags: rw},  // the rest was not dumped
		{Vaddr: 0x20000, Off: 0x2800, Filesz: 0x1000, Memsz: 0x800, Flags: rw},  // larger in the file than in memory
		{Vaddr: 0xffffffffff600000, Off: 0, Filesz: 0x1000, Memsz: 0x1000, Flags: rw},
	}}.open(t)
	if err != nil {
		t.Fatal(err)
	}
	return c, data
}

func TestViewsCrossSegments(t *testing.T) {
	c, data := oddSegments(t)
	for _, tt := range []struct {
		addr    Addr
		n       int
		want    []byte
		wantErr error
		copies  bool
	}{
		{0x10000, 0x2000, data[:0x2000], nil, false},
		{0x10ff8, 16, data[0xff8:0x1008], nil, false},
		{0x11ff8, 16, slices.Concat(data[0x1ff8:0x2000], data[0x3000:0x3008]), nil, true},
		{0x10000, 0x3800, slices.Concat(data[:0x2000], data[0x3000:0x4000], data[0x2000:0x2800]), nil, true},
		{0x137f8, 8, data[0x27f8:0x2800], nil, false},
		{0x137f8, 9, nil, ErrMissing, false},
		{0x13800, 1, nil, ErrMissing, false},
		{0x14ff8, 9, nil, ErrMissing, false},
		{0x15000, 1, nil, ErrUnmapped, false},
		{0xfff8, 16, nil, ErrUnmapped, false},
		{0x20000, 0x800, data[0x2800:0x3000], nil, false},
		{0x20000, 0x801, nil, ErrUnmapped, false},
		{0xffffffffff600ff8, 8, data[0xff8:0x1000], nil, false},
		{0xffffffffff600ff8, 9, nil, ErrUnmapped, false},
	} {
		name := fmt.Sprintf("%d bytes at %v", tt.n, tt.addr)
		view, err := c.View(tt.addr, tt.n)
		if !errors.Is(err, tt.wantErr) || !bytes.Equal(view, tt.want) {
			t.Errorf("View of %s: %.16x, %v; want %.16x, %v", name, view, err, tt.want, tt.wantErr)
		}
		b := make([]byte, tt.n)
		if err := c.ReadAt(b, tt.addr); !errors.Is(err, tt.wantErr) || err == nil && !bytes.Equal(b, tt.want) {
			t.Errorf("ReadAt of %s: %.16x, %v; want %.16x, %v", name, b, err, tt.want, tt.wantErr)
		}
		allocs := testing.AllocsPerRun(5, func() { _, _ = c.View(tt.addr, tt.n) })
		if tt.wantErr == nil && (allocs > 0) != tt.copies {
			t.Errorf("View of %s allocates %v times", name, allocs)
		}
	}
}

func TestPresentListsWhatCanBeRead(t *testing.T) {
	c, _ := oddSegments(t)
	wantPresent := []Range{
		{Start: 0x10000, End: 0x11000}, {Start: 0x11000, End: 0x12000}, {Start: 0x12000, End: 0x13000},
		{Start: 0x13000, End: 0x13800}, {Start: 0x20000, End: 0x20800},
		{Start: 0xffffffffff600000, End: 0xffffffffff601000},
	}
	for i := range wantPresent {
		wantPresent[i].Perm = PermRead | PermWrite
	}
	if got := c.Present(); !slices.Equal(got, wantPresent) {
		t.Errorf("Present = %v, want %v", got, wantPresent)
	}
}

func TestThreadsOfARM64(t *testing.T) {
	status := make([]byte, 392) // sizeof(struct elf_prstatus) on arm64
	binary.LittleEndian.PutUint16(status[12:], 6)
	binary.LittleEndian.PutUint32(status[32:], 4711)
	for i := range 34 {
		binary.LittleEndian.PutUint64(status[112+8*i:], uint64(1000+i))
	}
	tls := binary.LittleEndian.AppendUint64(nil, 0x7777)
	c, err := coreSpec{machine: elf.EM_AARCH64, typ: elf.ET_CORE, data: make([]byte, 16),
		notes: slices.Concat(note("CORE", 1, status), note("LINUX", 0x401, tls)),
		loads: []elf.Prog64{{Vaddr: 0x10000, Filesz: 16, Memsz: 16}}}.open(t)
	if err != nil {
		t.Fatal(err)
	}
	want := []arch.Thread{{TID: 4711, Regs: arch.Regs{PC: 1032, SP: 1031, FP: 1029, LR: 1030, G: 1028, TLS: 0x7777}}}
	for i := range 34 {
		want[0].Regs.General[i] = uint64(1000 + i)
	}
	if !slices.Equal(c.Threads(), want) {
		t.Errorf("Threads = %+v, want %+v", c.Threads(), want)
	}
	if sig, ok := c.Signal(); !ok || sig.Number != 6 {
		t.Errorf("Signal = %+v, %v", sig, ok)
	}
}

// The form is that of Delve's (*Target).dumpThreadNotes, which it uses where
// it has no native notes.
func TestThreadsOfDelveDump(t *testing.T) {
	le := binary.LittleEndian
	var d []byte
	for _, v := range []uint64{4711, 1, 2, 3, 4} { // thread, PC, SP, BP, TLS
		d = le.AppendUint64(d, v)
	}
	d = append(d, 1)
	d = le.AppendUint64(d, 99)
	d = le.AppendUint32(d, 3)
	for _, r := range []struct {
		name  string
		value []byte
	}{{"R14", le.AppendUint64(nil, 5)}, {"Eflags", []byte{1, 2, 3}}, {"XMM0", make([]byte, 16)}} {
		d = le.AppendUint16(d, uint16(len(r.name)))
		d = append(d, r.name...)
		d = le.AppendUint16(d, uint16(len(r.value)))
		d = append(d, r.value...)
	}
	header := []byte("linux/amd64\nDelve Debugger\nVersion: 1.27.2\nTarget Pid: 815\nEntry Point: 0x401000\n")
	spec := coreSpec{machine: elf.EM_X86_64, typ: elf.ET_CORE, data: make([]byte, 16),
		loads: []elf.Prog64{{Vaddr: 0x10000, Filesz: 16, Memsz: 16}}}

	spec.notes = slices.Concat(note("Delve Header", 0x444c5645, header), note("", 0x444c5654, d))
	c, err := spec.open(t)
	if err != nil {
		t.Fatal(err)
	}
	want := []arch.Thread{{TID: 4711, Regs: arch.Regs{PC: 1, SP: 2, FP: 3, TLS: 4, G: 5, General: [64]uint64{5}}}}
	if !slices.Equal(c.Threads(), want) || c.PID() != 815 || c.notes.entry != 0x401000 {
		t.Errorf("Threads = %+v, PID = %d, entry %#x", c.Threads(), c.PID(), c.notes.entry)
	}
	for cut := range d {
		spec.notes = note("", 0x444c5654, d[:cut])
		if _, err := spec.open(t); err == nil {
			t.Errorf("a thread note cut to %d of %d bytes is accepted", cut, len(d))
		}
	}
}

func TestMoreSegmentsThanTheHeaderCounts(t *testing.T) {
	spec := coreSpec{machine: elf.EM_X86_64, typ: elf.ET_CORE, data: pattern(16), countInSection: true}
	for i := range 70000 {
		spec.loads = append(spec.loads, elf.Prog64{Vaddr: uint64(i+1) << 12, Filesz: 16, Memsz: 16})
	}
	c, err := spec.open(t)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Ranges()) != 70000 {
		t.Fatalf("%d ranges", len(c.Ranges()))
	}
	for _, a := range []Addr{1 << 12, 70000 << 12, 35000<<12 + 8} {
		if b, err := c.View(a, 8); err != nil || b[0] != spec.data[a&15] {
			t.Errorf("View(%v) = %x, %v", a, b, err)
		}
	}
}

func TestOpenCoreRefuses(t *testing.T) {
	load := []elf.Prog64{{Vaddr: 0x10000, Filesz: 16, Memsz: 16}}
	good := coreSpec{machine: elf.EM_X86_64, typ: elf.ET_CORE, data: make([]byte, 16), loads: load}
	with := func(change func(*coreSpec)) []byte {
		s := good
		change(&s)
		return s.bytes()
	}
	patch := func(off int, value byte) []byte {
		b := good.bytes()
		b[off] = value
		return b
	}
	for _, tt := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "is empty"},
		{"text", []byte("SIGABRT: abort\nPC=0x46\n"), `is not an ELF file (it starts with "SIGABRT:")`},
		{"zstd", []byte("\x28\xb5\x2f\xfd...."), "compressed with zstd: decompress it first"},
		{"gzip", []byte("\x1f\x8b\x08\x00...."), "compressed with gzip"},
		{"magic only", good.bytes()[:4], "cut off within its ELF header"},
		{"executable", with(func(s *coreSpec) { s.typ = elf.ET_EXEC }), "is an executable, not a core file: the order is EXE CORE"},
		{"PIE", with(func(s *coreSpec) { s.typ = elf.ET_DYN }), "is an executable, not a core file: the order is EXE CORE"},
		{"object", with(func(s *coreSpec) { s.typ = elf.ET_REL }), "is not a core file (ELF type ET_REL)"},
		{"machine", with(func(s *coreSpec) { s.machine = elf.EM_S390 }), "is of a process on EM_S390: supported are [amd64 arm64]"},
		{"32-bit", patch(4, 1), "is a 32-bit ELF file (EM_X86_64): only 64-bit ones are supported"},
		{"big-endian", patch(5, 2), "is a big-endian ELF file"},
		{"no headers", patch(56, 0), "has no program headers: it was not written to its end"},
		{"header size", patch(54, 32), "program headers have 32 bytes, want 56"},
		{"headers cut", good.bytes()[:100], "is cut off: its 2 program headers at offset 0x40 lie beyond its end (100 bytes)"},
		{"notes cut", with(func(s *coreSpec) { s.notes = make([]byte, 64) })[:200], "is cut off within its notes"},
		{"notes garbled", with(func(s *coreSpec) { s.notes = bytes.Repeat([]byte{0xff}, 64) }), "is damaged: its notes at offset"},
		{"short status", with(func(s *coreSpec) { s.notes = note("CORE", 1, make([]byte, 100)) }), "a thread's status has 100 bytes, want 328"},
		{"files count", with(func(s *coreSpec) { s.notes = note("CORE", noteFILE, bytes.Repeat([]byte{0xff}, 64)) }), "list of mapped files claims"},
		{"no memory", with(func(s *coreSpec) { s.loads = nil }), "has no memory in it"},
		{"overlap", with(func(s *coreSpec) { s.loads = append(load, elf.Prog64{Vaddr: 0x1000f, Memsz: 1}) }), "its segments at 0x10000 and 0x1000f overlap"},
		{"wrap", with(func(s *coreSpec) { s.loads = []elf.Prog64{{Vaddr: 1 << 63, Memsz: 1 << 63}} }), "ends beyond the address space"},
		{"FreeBSD", with(func(s *coreSpec) { s.notes = note("FreeBSD", 1, nil) }), "is a FreeBSD core: only Linux cores are supported"},
		{"Delve on Windows", with(func(s *coreSpec) { s.notes = note("Delve Header", 1, []byte("windows/amd64\n")) }), "is a dump of a windows process"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := writeFile(t, tt.file)
			_, err := OpenCore(path, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("OpenCore: %v, want %q", err, tt.want)
			}
			if !strings.HasPrefix(err.Error(), "core file "+path) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is not one line that names the core: %q", err)
			}
		})
	}
	if _, err := good.open(t); err != nil {
		t.Errorf("the good core: %v", err)
	}
}
