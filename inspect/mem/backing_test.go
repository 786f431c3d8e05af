package mem

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fileNote makes an NT_FILE note of one mapping at offset 0 of a file.
func fileNote(start, end uint64, path string) []byte {
	var d []byte
	for _, v := range []uint64{1, 4096, start, end, 0} {
		d = binary.LittleEndian.AppendUint64(d, v)
	}
	return note("CORE", noteFILE, append(append(d, path...), 0))
}

// A shared library is stood for by a Go executable: what matters is that it
// is an ELF file with a build id that the core's first page repeats.
func TestLibraryPagesComeOnlyFromTheSameFile(t *testing.T) {
	needLinux(t)
	same, err := os.ReadFile(buildTarget(t, false))
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(rebuild(t, "a string constant", "a String constant"))
	if err != nil {
		t.Fatal(err)
	}
	const base, size, page = 0x7f0000000000, 0x20000, 0x1000
	for _, tt := range []struct {
		name  string
		disk  []byte // the file at the path, nil for none
		flags elf.ProgFlag
		want  bool
	}{
		{"the same file", same, elf.PF_R | elf.PF_X, true},
		{"the same file, mapped writable", same, elf.PF_R | elf.PF_W, false},
		{"another build", other, elf.PF_R | elf.PF_X, false},
		{"not an ELF file", []byte("text"), elf.PF_R | elf.PF_X, false},
		{"no file", nil, elf.PF_R | elf.PF_X, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lib := filepath.Join(t.TempDir(), "lib.so")
			if tt.disk != nil {
				if err := os.WriteFile(lib, tt.disk, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			c, err := coreSpec{machine: elf.EM_X86_64, typ: elf.ET_CORE, data: same[:page],
				notes: fileNote(base, base+size, lib),
				loads: []elf.Prog64{{Vaddr: base, Filesz: page, Memsz: size, Flags: uint32(tt.flags)}}}.open(t)
			if err != nil {
				t.Fatal(err)
			}
			b, err := c.View(base+page-8, 0x8000)
			switch {
			case !tt.want && !errors.Is(err, ErrMissing):
				t.Errorf("View = %.16x, %v, want %v", b, err, ErrMissing)
			case tt.want && (err != nil || !bytes.Equal(b, same[page-8:page-8+0x8000])):
				t.Errorf("View = %.16x, %v, want the file's bytes", b, err)
			}
			if r := c.Ranges(); len(r) != 1 || r[0].File != lib || r[0].Size() != size {
				t.Errorf("Ranges = %v", r)
			}
		})
	}
}

// gdb leaves file mappings out of the core, and lists them in NT_FILE.
func TestMappingsThatOnlyTheFileListNamesAreMissing(t *testing.T) {
	c, err := coreSpec{machine: elf.EM_X86_64, typ: elf.ET_CORE, data: pattern(16),
		notes: fileNote(0x20000, 0x22000, "/nowhere/lib.so"),
		loads: []elf.Prog64{{Vaddr: 0x10000, Filesz: 16, Memsz: 16}}}.open(t)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.View(0x20000, 8); !errors.Is(err, ErrMissing) {
		t.Errorf("View in the mapping = %v, want %v", err, ErrMissing)
	}
	if _, err := c.View(0x22000, 8); !errors.Is(err, ErrUnmapped) {
		t.Errorf("View after the mapping = %v, want %v", err, ErrUnmapped)
	}
	want := Range{Start: 0x20000, End: 0x22000, Perm: PermRead, File: "/nowhere/lib.so"}
	if r := c.Ranges(); len(r) != 2 || r[1] != want {
		t.Errorf("Ranges = %v", r)
	}
}

// Delve leaves read-only segments of the executable out of a dump, and writes
// no NT_FILE. The dump here has the writable mappings of a live target only.
func TestDumpWithoutTheExecutablesSegments(t *testing.T) {
	needLinux(t)
	for _, tt := range []struct {
		name    string
		build   []string
		header  bool // Delve's header note, with the entry point
		wantErr bool // no load address, so no text
	}{
		{"plain", nil, true, false},
		{"pie", []string{"-buildmode=pie"}, true, false},
		{"plain without entry point", nil, false, false},
		{"pie without entry point", []string{"-buildmode=pie"}, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := buildTarget(t, false, tt.build...)
			r := startTarget(t, path, t.TempDir())
			p := openProcess(t, r.cmd.Process.Pid)
			spec := dumpWritable(t, p)
			if tt.header {
				entry, _ := p.Aux(AuxEntry)
				spec.notes = note("Delve Header", 1, fmt.Appendf(nil, "linux/amd64\nDelve\nEntry Point: %#x\n", entry))
			}
			c := openCore(t, writeFile(t, spec.bytes()), path)
			if check := c.CheckExecutable(); check.Verdict == Mismatch {
				t.Errorf("CheckExecutable = %v: %s", check.Verdict, check.Reason)
			}
			if !tt.wantErr {
				checkCells(t, c, r.cells)
				return
			}
			if _, err := c.LoadBias(); err == nil || !strings.Contains(err.Error(), "is not known") {
				t.Errorf("LoadBias: %v", err)
			}
			for _, cell := range r.cells {
				if _, err := c.View(cell.addr, 8); cell.name == "text" && !errors.Is(err, ErrUnmapped) {
					t.Errorf("%s: %v", cell.name, err)
				}
			}
		})
	}
}

// dumpWritable returns a core of the writable mappings of p.
func dumpWritable(t *testing.T, p *Process) coreSpec {
	t.Helper()
	spec := coreSpec{machine: elf.EM_X86_64, typ: elf.ET_CORE}
	for _, r := range p.Ranges() {
		if r.Perm&PermWrite == 0 || r.Size() > 64<<20 {
			continue
		}
		b, err := p.View(r.Start, int(r.Size()))
		if err != nil {
			t.Fatal(err)
		}
		spec.loads = append(spec.loads, elf.Prog64{
			Vaddr: uint64(r.Start), Off: uint64(len(spec.data)),
			Filesz: r.Size(), Memsz: r.Size(), Flags: uint32(elf.PF_R | elf.PF_W),
		})
		spec.data = append(spec.data, b...)
	}
	return spec
}

func BenchmarkView(b *testing.B) {
	spec := coreSpec{machine: elf.EM_X86_64, typ: elf.ET_CORE, data: pattern(4096)}
	for i := range 300 {
		spec.loads = append(spec.loads, elf.Prog64{Vaddr: uint64(i+1) << 16, Filesz: 4096, Memsz: 4096})
	}
	c, err := OpenCore(writeFile(b, spec.bytes()), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.Run("same segment", func(b *testing.B) {
		for i := range b.N {
			_, _ = c.View(1<<16+Addr(i&2047), 448)
		}
	})
	b.Run("other segments", func(b *testing.B) {
		for i := range b.N {
			_, _ = c.View(Addr(i*7%300+1)<<16, 448)
		}
	})
}
