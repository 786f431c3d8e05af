package runtimeversions_test

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect/layout"
	"rtdbg/runtimeversions"
)

// everyTable returns one table for each range, by its description.
func everyTable(t *testing.T) map[string]*layout.Table {
	t.Helper()
	ranges, err := runtimeversions.All()
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]*layout.Table{}
	for _, r := range ranges {
		for _, x := range append([]string{""}, r.Experiments...) {
			version := r.First
			if x != "" {
				version += "-X:" + x
			}
			table, m, err := runtimeversions.For(version, r.GOOS, r.GOARCH)
			if err != nil {
				t.Fatalf("%v: %v", r, err)
			}
			if x == "" && (m.Quality != runtimeversions.Exact || m.First != r.First || m.Last != r.Last) {
				t.Errorf("%v: the match for %s is %+v", r, version, m)
			}
			tables[r.String()+" "+x] = table
		}
	}
	return tables
}

func TestRangesAreAscendingAndDoNotOverlap(t *testing.T) {
	ranges, err := runtimeversions.All()
	if err != nil {
		t.Fatal(err)
	}
	owner := map[string]runtimeversions.Range{}
	for _, r := range ranges {
		if len(r.Measured) == 0 || r.Measured[0] != r.First || r.Measured[len(r.Measured)-1] != r.Last {
			t.Errorf("%v was measured at %v", r, r.Measured)
		}
		for _, v := range r.Measured {
			k := v + " " + r.GOOS + "/" + r.GOARCH
			if other, ok := owner[k]; ok {
				t.Errorf("%s is in %v and in %v", k, other, r)
			}
			owner[k] = r
		}
	}
	for _, v := range []string{"go1.18", "go1.18.10", "go1.19.13", "go1.20.14", "go1.21.0", "go1.21.13", "go1.22.0", "go1.22.12",
		"go1.23.1", "go1.23.2", "go1.23.3", "go1.23.4", "go1.23.11", "go1.23.12", "go1.24.5", "go1.24.6", "go1.24.13",
		"go1.25.0", "go1.25.12", "go1.26.0", "go1.26.8", "go1.27.0", "go1.27.3"} {
		for _, platform := range []string{" linux/amd64", " linux/arm64"} {
			if _, ok := owner[v+platform]; !ok {
				t.Errorf("%s%s is in no range", v, platform)
			}
		}
	}
}

func TestEveryStructIsWellFormed(t *testing.T) {
	for name, table := range everyTable(t) {
		if len(table.Structs) < 200 || len(table.Consts) < 200 || len(table.WaitReasons) < 20 || len(table.Vars) < 50 {
			t.Errorf("%s: %d structs, %d constants, %d wait reasons, %d variables", name,
				len(table.Structs), len(table.Consts), len(table.WaitReasons), len(table.Vars))
		}
		for _, s := range table.Structs {
			var off uint64
			for _, f := range s.Fields {
				if f.Off < off || f.Off+f.Size > s.Size || f.Type == "" {
					t.Errorf("%s: %s: field %+v, size %d", name, s.Name, f, s.Size)
				}
				if inner := table.Structs[f.Type]; inner != nil && inner.Size != f.Size {
					t.Errorf("%s: %s.%s has %d bytes, %s has %d", name, s.Name, f.Name, f.Size, f.Type, inner.Size)
				}
				off = f.Off
			}
		}
	}
}

func TestWaitReasonsAgreeWithTheirConstants(t *testing.T) {
	// The names in runtime2.go; the strings are what SIGQUIT prints.
	want := map[string]string{
		"runtime.waitReasonSelect": "select", "runtime.waitReasonChanReceive": "chan receive",
		"runtime.waitReasonIOWait": "IO wait", "runtime.waitReasonSleep": "sleep", "runtime.waitReasonZero": "",
		"runtime.waitReasonSyncCondWait": "sync.Cond.Wait", "runtime.waitReasonSemacquire": "semacquire",
	}
	for name, table := range everyTable(t) {
		for c, reason := range want {
			n, ok := table.Consts[c]
			if !ok || n < 0 || int(n) >= len(table.WaitReasons) || table.WaitReasons[n] != reason {
				t.Errorf("%s: %s is %d, %v; the strings are %q", name, c, n, ok, table.WaitReasons)
			}
		}
	}
}

func TestForSaysHowWellATableFits(t *testing.T) {
	ranges, err := runtimeversions.All()
	if err != nil {
		t.Fatal(err)
	}
	first, last := ranges[0], ranges[len(ranges)-1]
	tests := []struct {
		version string
		quality runtimeversions.Quality
		release string // the release whose table it is
		note    string
	}{
		{"go1.26.8", runtimeversions.Exact, "go1.26.8", ""},
		{"go1.27.3", runtimeversions.Exact, "go1.27.3", ""},
		{"go1.27.3-X:nogreenteagc", runtimeversions.Exact, "go1.27.3", "GOEXPERIMENT nogreenteagc was measured with go1.27."},
		{"go1.26.0-X:nogreenteagc", runtimeversions.Exact, "go1.26.0", ""},
		{"go1.23.11", runtimeversions.Exact, "", ""},
		{"go1.18", runtimeversions.Exact, "go1.18", ""},
		{"go1.22.10", runtimeversions.Exact, "", "go1.22.10 was not measured, but go1.22.8 and go1.22.12 are the same"},
		{"go1.26.3 X:nogreenteagc", runtimeversions.Exact, "go1.26.3", "GOEXPERIMENT nogreenteagc was measured with go1.26."},
		{"go1.27.3-X:nosuchthing", runtimeversions.Nearest, "go1.27.3", "GOEXPERIMENT nosuchthing is not known"},
		{"go1.27.3-vendor", runtimeversions.Nearest, "go1.27.3", "vendor is not an official release"},
		{"go1.27rc1", runtimeversions.Nearest, "go1.27.0", "rc1 of go1.27 is not a release"},
		{"go1.26.999", runtimeversions.Nearest, "", "later than all known releases of go1.26"},
		{"devel go1.99-abcdef Mon Nov 9", runtimeversions.Nearest, last.Last, "go1.99 is not known"},
		{"go1.5.1", runtimeversions.Nearest, first.First, "go1.5 is not known"},
	}
	for _, tt := range tests {
		table, m, err := runtimeversions.For(tt.version, "linux", "amd64")
		if err != nil {
			t.Errorf("%s: %v", tt.version, err)
			continue
		}
		if m.Quality != tt.quality || !strings.Contains(m.Note, tt.note) || tt.note == "" && m.Note != "" {
			t.Errorf("%s: %+v", tt.version, m)
		}
		if tt.release != "" && table.Go != tt.release || table.GOOS != "linux" || table.GOARCH != "amd64" {
			t.Errorf("%s: table of %s %s/%s", tt.version, table.Go, table.GOOS, table.GOARCH)
		}
		if !strings.HasPrefix(table.Source, "built-in table "+m.First) {
			t.Errorf("%s: source %q", tt.version, table.Source)
		}
	}
	for _, tt := range []struct{ version, goos, goarch, want string }{
		{"go1.26.8", "plan9", "amd64", "no built-in layouts for plan9/amd64"},
		{"go1.26.8", "linux", "s390x", "no built-in layouts for linux/s390x"},
		{"", "linux", "amd64", "not a Go version"},
		{"gccgo 14", "linux", "amd64", "not a Go version"},
	} {
		if table, m, err := runtimeversions.For(tt.version, tt.goos, tt.goarch); err == nil || table != nil || m.Quality != runtimeversions.None || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q %s/%s: %+v, error %v", tt.version, tt.goos, tt.goarch, m, err)
		}
	}
}

func TestNearbyBeginsWithTheNearest(t *testing.T) {
	tests := []struct {
		version string
		want    []string // the releases of the first tables
	}{
		{"go1.99.0", []string{"go1.27.", "go1.26."}},
		{"go1.5", []string{"go1.18", "go1.18."}},
		{"go1.26.999", []string{"go1.26.", "go1.26.0", "go1.27.0"}},
		{"go1.27.3", []string{"go1.27.3"}},
	}
	for _, tt := range tests {
		tables, err := runtimeversions.Nearby(tt.version, "linux", "amd64", len(tt.want))
		if err != nil || len(tables) != len(tt.want) {
			t.Errorf("%s: %d tables, %v", tt.version, len(tables), err)
			continue
		}
		first, _, err := runtimeversions.For(tt.version, "linux", "amd64")
		if err != nil || first.Go != tables[0].Go {
			t.Errorf("%s: begins with %s, For gives %s, %v", tt.version, tables[0].Go, first.Go, err)
		}
		for i, table := range tables {
			if !strings.HasPrefix(table.Go, tt.want[i]) {
				t.Errorf("%s: table %d is of %s, want %s", tt.version, i, table.Go, tt.want[i])
			}
		}
	}
	if _, err := runtimeversions.Nearby("go1.26.0", "plan9", "amd64", 3); err == nil {
		t.Error("tables for plan9")
	}
}

func TestExperimentsChangeTheirStructures(t *testing.T) {
	for _, v := range []string{"go1.26.8", "go1.27.3"} {
		plain, _, err := runtimeversions.For(v, "linux", "amd64")
		if err != nil {
			t.Fatal(err)
		}
		changed, _, err := runtimeversions.For(v+"-X:nogreenteagc", "linux", "amd64")
		if err != nil {
			t.Fatal(err)
		}
		// gcWork is smaller without the Green Tea collector, so p.timers,
		// which follows it, moves (runtime2.go).
		a, _, errA := plain.Offset("runtime.p", "timers")
		b, _, errB := changed.Offset("runtime.p", "timers")
		if errA != nil || errB != nil || a == b {
			t.Errorf("%s: p.timers is at %d, with nogreenteagc at %d (%v, %v)", v, a, b, errA, errB)
		}
	}
}

// probe builds the generator's probe program with the toolchain that runs the
// test.
func probe(t *testing.T) *elf.File {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs ELF executables of the host")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("gen/testdata/probe")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module probe\n\ngo 1.26\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", "probe.exe", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f, err := elf.Open(filepath.Join(dir, "probe.exe"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// running returns the table of the toolchain that runs the test.
func running(t *testing.T) *layout.Table {
	t.Helper()
	table, m, err := runtimeversions.For(runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if err != nil || m.Quality != runtimeversions.Exact {
		t.Skipf("no exact table for %s %s/%s: %+v, %v", runtime.Version(), runtime.GOOS, runtime.GOARCH, m, err)
	}
	return table
}

func TestTableOfTheRunningToolchainIsItsDWARF(t *testing.T) {
	f := probe(t)
	d, err := f.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	built, err := layout.FromDWARF(d, runtimeversions.Want())
	if err != nil {
		t.Fatal(err)
	}
	table := running(t)
	for _, d := range layout.Compare(table, built) {
		t.Errorf("table / DWARF: %v", d)
	}
	if !slices.Equal(slices.Sorted(maps.Keys(table.Structs)), slices.Sorted(maps.Keys(built.Structs))) {
		t.Errorf("the table has %d structs, the program %d", len(table.Structs), len(built.Structs))
	}
}

// TestTableAgreesWithDebugDWARF compares with debug/dwarf's own reading of
// types, which shares no code with layout.FromDWARF.
func TestTableAgreesWithDebugDWARF(t *testing.T) {
	d, err := probe(t).DWARF()
	if err != nil {
		t.Fatal(err)
	}
	table := running(t)
	compared := 0
	r := d.Reader()
	for {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			break
		}
		name, _ := e.Val(dwarf.AttrName).(string)
		if e.Tag != dwarf.TagStructType || table.Structs[name] == nil {
			continue
		}
		typ, err := d.Type(e.Offset)
		if err != nil {
			t.Fatal(err)
		}
		compared++
		if diff := differs(table.Structs[name], typ.(*dwarf.StructType)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if compared < 200 {
		t.Errorf("only %d structs were compared", compared)
	}
}

func differs(s *layout.Struct, want *dwarf.StructType) string {
	if s.Size != uint64(want.ByteSize) || len(s.Fields) != len(want.Field) {
		return fmt.Sprintf("%d bytes and %d fields, want %d and %d", s.Size, len(s.Fields), want.ByteSize, len(want.Field))
	}
	for i, f := range s.Fields {
		w := want.Field[i]
		// debug/dwarf knows no size of function types.
		size := w.Type.Size()
		if size < 0 || strings.HasPrefix(f.Type, "func(") {
			size = int64(f.Size)
		}
		if f.Name != w.Name || f.Off != uint64(w.ByteOffset) || f.Size != uint64(size) {
			return fmt.Sprintf("field %+v, want %s at %d, %d bytes", f, w.Name, w.ByteOffset, size)
		}
	}
	return ""
}

func BenchmarkFor(b *testing.B) {
	for b.Loop() {
		if _, _, err := runtimeversions.For("go1.26.8", "linux", "amd64"); err != nil {
			b.Fatal(err)
		}
	}
}
