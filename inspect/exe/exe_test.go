package exe

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

const program = `package main

var Answer = [5]uint64{42}

func main() { println(Answer[0]) }
`

// build builds program for goarch and returns the path of the executable.
func build(t testing.TB, goarch string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"main.go": program,
		"go.mod":  "module example.com/prog\n\ngo 1.21\n\ngodebug panicnil=1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "prog")
	cmd := exec.Command("go", append(append([]string{"build", "-o", out}, args...), ".")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch, "GOFLAGS=", "GOWORK=off")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, b)
	}
	return out
}

func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

var variants = []struct {
	name   string
	goarch string
	args   []string
}{
	{"plain", "amd64", nil},
	{"pie", "amd64", []string{"-buildmode=pie"}},
	{"stripped", "amd64", []string{"-ldflags=-s -w"}},
	{"without DWARF", "amd64", []string{"-ldflags=-w"}},
	{"uncompressed DWARF", "amd64", []string{"-ldflags=-compressdwarf=false"}},
	{"arm64", "arm64", nil},
}

// The oracles are debug/elf, debug/buildinfo and the go command.
func TestFileAgreesWithDebugELF(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			path := build(t, v.goarch, v.args...)
			f := open(t, path)
			ef, err := elf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer ef.Close()
			checkHeader(t, f, ef, v.goarch)
			checkSections(t, f, ef)
			checkSymbols(t, f, ef)
			checkDWARF(t, f, ef)
			checkBuildInfo(t, f)
			checkGNUBuildID(t, f, ef)
			out, err := exec.Command("go", "tool", "buildid", path).Output()
			if err != nil || f.BuildIDs().Go != strings.TrimSpace(string(out)) {
				t.Errorf("Go build id %q, go tool buildid says %q, %v", f.BuildIDs().Go, out, err)
			}
		})
	}
}

func checkHeader(t *testing.T, f *File, ef *elf.File, goarch string) {
	t.Helper()
	if f.Entry() != ef.Entry || f.PIE() != (ef.Type == elf.ET_DYN) || f.GOARCH() != goarch || f.GOOS() != "linux" {
		t.Errorf("entry %#x, PIE %v, %s/%s", f.Entry(), f.PIE(), f.GOOS(), f.GOARCH())
	}
	if len(f.Segments()) != len(ef.Progs) {
		t.Fatalf("%d segments, want %d", len(f.Segments()), len(ef.Progs))
	}
	for i, s := range f.Segments() {
		p := ef.Progs[i]
		if want := (Segment{p.Type, p.Flags, p.Off, p.Filesz, p.Vaddr, p.Memsz, p.Align}); s != want {
			t.Errorf("segment %d = %+v, want %+v", i, s, want)
		}
		want := make([]byte, p.Filesz)
		if _, err := p.ReadAt(want, 0); err != nil && p.Filesz > 0 {
			t.Fatal(err)
		}
		if !bytes.Equal(f.SegmentBytes(s), want) {
			t.Errorf("segment %d has other bytes", i)
		}
		if p.Type != elf.PT_LOAD || p.Filesz == 0 {
			continue
		}
		if b, ok := f.At(p.Vaddr, int(p.Filesz)); !ok || !bytes.Equal(b, want) {
			t.Errorf("At(%#x, %d) has other bytes (%v)", p.Vaddr, p.Filesz, ok)
		}
		if _, ok := f.At(p.Vaddr, int(p.Filesz)+1); ok {
			t.Errorf("At(%#x, %d) has bytes that are not in the file", p.Vaddr, p.Filesz+1)
		}
	}
}

func checkSections(t *testing.T, f *File, ef *elf.File) {
	t.Helper()
	for _, want := range ef.Sections[1:] {
		s, ok := f.Section(want.Name)
		if !ok || s.Addr != want.Addr || s.Off != want.Offset || s.Size != want.FileSize {
			t.Errorf("Section(%q) = %+v, %v", want.Name, s, ok)
		}
		b, err := f.SectionBytes(s)
		if want.Type == elf.SHT_NOBITS || want.Flags&elf.SHF_COMPRESSED != 0 {
			if err == nil {
				t.Errorf("SectionBytes(%q) succeeds", want.Name)
			}
			continue
		}
		if data, _ := want.Data(); err != nil || !bytes.Equal(b, data) {
			t.Errorf("SectionBytes(%q) differs: %v", want.Name, err)
		}
	}
	if _, ok := f.Section(".nonsense"); ok {
		t.Error("there is a section .nonsense")
	}
}

func checkSymbols(t *testing.T, f *File, ef *elf.File) {
	t.Helper()
	syms, err := ef.Symbols()
	if err != nil {
		if _, _, ok := f.Symbol("main.Answer"); ok || f.HasSymbols() {
			t.Error("a stripped file has symbols")
		}
		return
	}
	checked := 0
	for i, s := range syms {
		if i%50 != 0 && s.Name != "main.Answer" && s.Name != "runtime.allgs" || s.Section == elf.SHN_UNDEF || elf.ST_TYPE(s.Info) > elf.STT_FUNC {
			continue
		}
		if addr, size, ok := f.Symbol(s.Name); !ok || addr != s.Value || size != s.Size {
			t.Errorf("Symbol(%q) = %#x, %d, %v; want %#x, %d", s.Name, addr, size, ok, s.Value, s.Size)
		}
		checked++
	}
	if checked < 10 || !f.HasSymbols() {
		t.Errorf("only %d symbols", checked)
	}
	addr, _, _ := f.Symbol("main.Answer")
	if b, ok := f.At(addr, 8); !ok || b[0] != 42 {
		t.Errorf("main.Answer at %#x is %x", addr, b)
	}
	for _, name := range []string{"main.Answe", "main.Answer2", "", "ain.Answer"} {
		if addr, _, ok := f.Symbol(name); ok {
			t.Errorf("Symbol(%q) = %#x", name, addr)
		}
	}
}

func checkDWARF(t *testing.T, f *File, ef *elf.File) {
	t.Helper()
	d, err := f.DWARF()
	if ef.Section(".debug_info") == nil && ef.Section(".zdebug_info") == nil {
		if !errors.Is(err, ErrNoDWARF) || !strings.HasPrefix(err.Error(), f.Path) {
			t.Errorf("DWARF = %v, want %v", err, ErrNoDWARF)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if e, err := d.Reader().Next(); err != nil || e == nil {
		t.Errorf("first entry = %v, %v", e, err)
	}
	for _, name := range []string{"debug_info", "debug_abbrev", "debug_frame"} {
		want, err := ef.Section("." + name).Data()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.DebugSection(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("DebugSection(%q): %d bytes, %v; want %d", name, len(got), err, len(want))
		}
	}
	if _, err := f.DebugSection("debug_nonsense"); err == nil {
		t.Error("there is a section debug_nonsense")
	}
}

func checkBuildInfo(t *testing.T, f *File) {
	t.Helper()
	want, err := buildinfo.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.BuildInfo()
	if err != nil {
		t.Fatal(err)
	}
	if got.GoVersion != want.GoVersion || got.Path != want.Path || got.Main != want.Main || !reflect.DeepEqual(got.Settings, want.Settings) {
		t.Errorf("BuildInfo = %+v, want %+v", got, want)
	}
	if got.GoVersion != runtime.Version() {
		t.Errorf("GoVersion = %q, the test runs on %q", got.GoVersion, runtime.Version())
	}
	if !strings.Contains(got.DefaultGODEBUG(), "panicnil=1") {
		t.Errorf("DefaultGODEBUG = %q", got.DefaultGODEBUG())
	}
	if b, ok := f.At(got.Addr, len(got.Blob)); !ok || !bytes.Equal(b, got.Blob) {
		t.Errorf("At(%#x) is not the build information", got.Addr)
	}
}

// checkGNUBuildID compares with the note section that debug/elf finds: 16
// bytes of header and name, then the id.
func checkGNUBuildID(t *testing.T, f *File, ef *elf.File) {
	t.Helper()
	want := ""
	if s := ef.Section(".note.gnu.build-id"); s != nil {
		b, err := s.Data()
		if err != nil || len(b) < 17 {
			t.Fatalf("%s: %x, %v", s.Name, b, err)
		}
		want = hex.EncodeToString(b[16:])
	}
	if got := f.BuildIDs().GNU; got != want {
		t.Errorf("GNU build id %q, want %q", got, want)
	}
}

func TestWithoutSectionHeadersTheSegmentsTell(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			path := build(t, v.goarch, v.args...)
			want, err := buildinfo.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := 40; i < 48; i++ { // e_shoff
				b[i] = 0
			}
			for i := 58; i < 64; i++ { // e_shentsize, e_shnum, e_shstrndx
				b[i] = 0
			}
			f := open(t, writeFile(t, b))
			info, err := f.BuildInfo()
			if err != nil || info.GoVersion != want.GoVersion || info.Path != want.Path {
				t.Errorf("BuildInfo = %+v, %v", info, err)
			}
			if f.BuildIDs().Go == "" {
				t.Error("no Go build id")
			}
			if _, err := f.DWARF(); !errors.Is(err, ErrNoDWARF) {
				t.Errorf("DWARF = %v", err)
			}
			if _, err := f.DebugSection("debug_info"); err == nil {
				t.Error("DebugSection succeeds")
			}
		})
	}
}

func writeFile(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBuildInfoExperiments(t *testing.T) {
	for version, want := range map[string][]string{
		"go1.26.8":                         nil,
		"go1.27.3 X:jsonv2":                {"jsonv2"},
		"go1.26.8 X:a,b":                   {"a", "b"},
		"devel go1.28-abc Mon Jan 1 2026":  nil,
		"devel go1.28-abc Mon Jan 1 X:one": {"one"},
		"go1.27.3-X:nogreenteagc":          {"nogreenteagc"},
		"go1.27.3-X:a,b":                   {"a", "b"},
		"go1.27.3-X:a vendor":              {"a"},
	} {
		if got := (&BuildInfo{GoVersion: version}).Experiments(); !reflect.DeepEqual(got, want) {
			t.Errorf("Experiments of %q = %q, want %q", version, got, want)
		}
	}
}

// The oracle is the toolchain, which writes the experiments in its own way.
func TestBuildInfoOfAnExperiment(t *testing.T) {
	t.Setenv("GOEXPERIMENT", "nogreenteagc")
	info, err := open(t, build(t, "amd64")).BuildInfo()
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Experiments(); !reflect.DeepEqual(got, []string{"nogreenteagc"}) || !strings.Contains(info.GoVersion, "X:nogreenteagc") {
		t.Errorf("version %q: experiments %q", info.GoVersion, got)
	}
}

func TestOpenRefuses(t *testing.T) {
	good, err := os.ReadFile(build(t, "amd64", "-ldflags=-s -w"))
	if err != nil {
		t.Fatal(err)
	}
	patch := func(off int, values ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[off:], values)
		return b
	}
	for _, tt := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "is empty"},
		{"script", []byte("#!/bin/sh\nexec prog\n"), "is not an ELF file (a script)"},
		{"Windows", []byte("MZ\x90\x00"), "is not an ELF file (a Windows executable)"},
		{"cut header", good[:40], "is cut off within its ELF header (40 bytes)"},
		{"core", patch(16, byte(elf.ET_CORE)), "is a core file, not an executable: the order is EXE CORE"},
		{"object", patch(16, byte(elf.ET_REL)), "is an object file"},
		{"machine", patch(18, byte(elf.EM_RISCV)), "is for EM_RISCV: supported are [amd64 arm64]"},
		{"32-bit", patch(4, 1), "is a 32-bit ELF file"},
		{"cut program headers", good[:100], "program headers at offset 0x40 lie beyond its end (100 bytes)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := writeFile(t, tt.file)
			_, err := Open(path)
			if err == nil || !strings.HasPrefix(err.Error(), path+" ") || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Open = %v, want %q", err, tt.want)
			}
		})
	}
	dir := t.TempDir()
	if _, err := Open(dir); err == nil || err.Error() != dir+" is a directory" {
		t.Errorf("Open(directory) = %v", err)
	}
	missing := filepath.Join(dir, "none")
	if _, err := Open(missing); !errors.Is(err, os.ErrNotExist) || err.Error() != missing+": no such file or directory" {
		t.Errorf("Open(missing) = %v", err)
	}
}

func TestOpenRefusesOtherLanguages(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("gcc is not installed")
	}
	src := filepath.Join(t.TempDir(), "main.c")
	if err := os.WriteFile(src, []byte("int main(void) { return 0; }"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := strings.TrimSuffix(src, ".c")
	if b, err := exec.Command(gcc, "-o", out, src).CombinedOutput(); err != nil {
		t.Skipf("gcc: %v\n%s", err, b)
	}
	if _, err := Open(out); !errors.Is(err, ErrNotGo) {
		t.Errorf("Open = %v, want %v", err, ErrNotGo)
	}
	f, err := OpenImage(out)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func TestParseNotes(t *testing.T) {
	gnu := "\x04\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00GNU\x00\xab\xcd\x00\x00"
	delve := "\x05\x00\x00\x00\x01\x00\x00\x00\x07\x00\x00\x00Delve\x00\x00\x00!\x00\x00\x00"
	for _, tt := range []struct {
		in       string
		align    uint64
		want     string
		complete bool
	}{
		{"", 4, "", true},
		{gnu, 4, `[GNU 3 abcd]`, true},
		{gnu + delve, 0, `[GNU 3 abcd][Delve 7 21]`, true},
		{gnu + "\x00\x00\x00\x00", 4, `[GNU 3 abcd]`, true},
		{gnu + "\x01", 4, `[GNU 3 abcd]`, false},
		{gnu[:17], 4, "", false},
		{gnu[:14], 4, "", false},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", 4, "", false},
		{"\x04\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00GNU\x00\x00\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00", 8, `[GNU 5 00]`, true},
	} {
		notes, complete := ParseNotes([]byte(tt.in), tt.align)
		var got strings.Builder
		for _, n := range notes {
			fmt.Fprintf(&got, "[%s %d %x]", n.Name, n.Type, n.Desc)
		}
		if got.String() != tt.want || complete != tt.complete {
			t.Errorf("ParseNotes(%q, %d) = %s, %v; want %s, %v", tt.in, tt.align, got.String(), complete, tt.want, tt.complete)
		}
	}
}
