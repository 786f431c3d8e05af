package main

import (
	"debug/buildinfo"
	"debug/elf"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
	"rtdbg/runtimeversions"
	"rtdbg/runtimeversions/internal/tablefile"
)

//go:embed testdata/probe
var probe embed.FS

// measure builds the probe and makes its table.
func (g *generator) measure(tc *toolchain, b tablefile.Build) (*layout.Table, error) {
	name := strings.TrimSpace(fmt.Sprintf("%s %s %s", tc.version, b.Platform, b.Experiment))
	fmt.Fprintln(os.Stderr, "gen: measuring", name)
	dir, err := os.MkdirTemp("", "rtdbg-gen-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := writeProbe(dir, tc.version); err != nil {
		return nil, err
	}
	exe := filepath.Join(dir, "probe.exe")
	if err := tc.build(dir, exe, b); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t, err := readTable(exe, tc.version, b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if g.verbose {
		fmt.Fprintf(os.Stderr, "gen: %s lacks %s\n", name, strings.Join(lacking(t), " "))
	}
	return t, nil
}

// writeProbe writes the probe program, as a module of the version.
func writeProbe(dir string, v tablefile.Version) error {
	files, err := fs.Sub(probe, "testdata/probe")
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, files); err != nil {
		return err
	}
	mod := fmt.Sprintf("module probe\n\ngo 1.%d\n", v.Minor)
	return os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o666)
}

// readTable makes the table of an executable that must have been built by the
// version.
func readTable(exe string, v tablefile.Version, b tablefile.Build) (*layout.Table, error) {
	info, err := buildinfo.ReadFile(exe)
	if err != nil {
		return nil, err
	}
	built, err := tablefile.ParseVersion(info.GoVersion)
	if err != nil || built.String() != v.String() || strings.Join(built.Experiments, ",") != b.Experiment {
		return nil, fmt.Errorf("built by %s", info.GoVersion)
	}
	f, err := elf.Open(exe)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d, err := f.DWARF()
	if err != nil {
		return nil, err
	}
	t, err := layout.FromDWARF(d, runtimeversions.Want())
	if err != nil {
		return nil, err
	}
	t.GOOS, t.GOARCH, _ = strings.Cut(b.Platform, "/")
	return t, readStrings(t, f)
}

// readStrings reads the variables that are arrays of strings into the table.
func readStrings(t *layout.Table, f *elf.File) error {
	t.Strings = map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(t.Vars)) {
		typ := t.Vars[name].Type
		if !strings.HasPrefix(typ, "[") || !strings.HasSuffix(typ, "]string") || strings.HasPrefix(typ, "[]") {
			continue
		}
		s, err := t.ReadStrings(elfMemory{f}, name, 0)
		if err != nil {
			return err
		}
		if name == "runtime.waitReasonStrings" {
			t.WaitReasons = s
		} else {
			t.Strings[name] = s
		}
	}
	if t.WaitReasons == nil {
		return fmt.Errorf("no runtime.waitReasonStrings")
	}
	return nil
}

// elfMemory reads an executable's segments as they are before it starts.
type elfMemory struct{ f *elf.File }

func (m elfMemory) ReadAt(b []byte, a mem.Addr) error {
	for _, p := range m.f.Progs {
		off := uint64(a) - p.Vaddr
		if p.Type != elf.PT_LOAD || uint64(a) < p.Vaddr || off > p.Filesz || uint64(len(b)) > p.Filesz-off {
			continue
		}
		_, err := p.ReadAt(b, int64(off))
		return err
	}
	return &mem.Fault{Addr: a, Len: len(b), Err: mem.ErrUnmapped}
}

// lacking lists the structures and variables that are wanted and that the
// table does not have, sorted.
func lacking(t *layout.Table) []string {
	var s []string
	for _, name := range runtimeversions.Want().Structs {
		if _, under := t.Under[name]; !under && t.Structs[name] == nil && !strings.HasSuffix(name, "*") {
			s = append(s, name)
		}
	}
	for _, name := range runtimeversions.Want().Vars {
		if _, ok := t.Vars[name]; !ok {
			s = append(s, name)
		}
	}
	slices.Sort(s)
	return s
}
