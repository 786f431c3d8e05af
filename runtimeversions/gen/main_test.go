package main

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"rtdbg/inspect/layout"
	"rtdbg/runtimeversions/internal/tablefile"
)

// copyOf26 returns a generator whose directory has a copy of one file.
func copyOf26(t *testing.T) *generator {
	t.Helper()
	text, err := os.ReadFile("../data/go1.26.txt")
	if err != nil {
		t.Fatal(err)
	}
	g := &generator{dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(g.dir, "go1.26.txt"), text, 0o666); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestFilesSurviveReadingAndWriting(t *testing.T) {
	g := copyOf26(t)
	before, err := os.ReadFile(g.path(26))
	if err != nil {
		t.Fatal(err)
	}
	tables, err := g.read(26)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.write(26, tables); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(g.path(26))
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Error("the file changed")
	}
	if tables, err := g.read(99); err != nil || len(tables) != 0 {
		t.Errorf("a minor without a file: %d tables, %v", len(tables), err)
	}
}

func TestCheckReportsAnyChange(t *testing.T) {
	g := copyOf26(t)
	build := tablefile.Build{Patch: 8, Platform: "linux/amd64"}
	changes := map[string]struct {
		change func(*layout.Table)
		want   bool
	}{
		"none": {func(*layout.Table) {}, false},
		"a field moved": {func(t *layout.Table) {
			t.Structs["runtime.g"].Fields[3].Off++
		}, true},
		"a struct went":      {func(t *layout.Table) { delete(t.Structs, "runtime.coro") }, true},
		"a constant changed": {func(t *layout.Table) { t.Consts["runtime._Gwaiting"]++ }, true},
		"a reason changed":   {func(t *layout.Table) { t.WaitReasons[3] = "?" }, true},
	}
	for name, c := range changes {
		old, err := g.read(26)
		if err != nil {
			t.Fatal(err)
		}
		measured, err := g.read(26)
		if err != nil {
			t.Fatal(err)
		}
		c.change(measured[build])
		if differs, err := g.check(26, old, measured); err != nil || differs != c.want {
			t.Errorf("%s: differs %v, %v", name, differs, err)
		}
	}
}

func TestVersionsTakesReleasesOnly(t *testing.T) {
	g := copyOf26(t)
	for _, arg := range []string{"1.26.8", "go1.26rc1", "devel go1.28", "go1.27.3-X:arenas"} {
		if vs, err := g.versions([]string{arg}); err == nil {
			t.Errorf("%s: %v", arg, vs)
		}
	}
	vs, err := g.versions([]string{"go1.28.0"})
	if err != nil || len(vs) != 1 || vs[0].String() != "go1.28.0" {
		t.Errorf("go1.28.0: %v, %v", vs, err)
	}
	all, err := g.versions(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(all, func(v tablefile.Version) bool { return v.String() == "go1.26.8" }) {
		t.Errorf("without arguments: %v", all)
	}
}

func TestMeasureGivesTheTableOfTheRunningToolchain(t *testing.T) {
	v, err := tablefile.ParseVersion(runtime.Version())
	if err != nil || v.Pre != "" || v.Experiments != nil || runtime.GOOS != "linux" {
		t.Skipf("%s %s is no release for linux", runtime.Version(), runtime.GOOS)
	}
	g := &generator{dir: "../data"}
	b := tablefile.Build{Patch: v.Patch, Platform: "linux/" + runtime.GOARCH}
	tables, err := g.read(v.Minor)
	if err != nil {
		t.Fatal(err)
	}
	if tables[b] == nil {
		t.Skipf("no table for %s %s", v, b.Platform)
	}
	tc, err := findToolchain(v)
	if err != nil {
		t.Fatal(err)
	}
	measured, err := g.read(v.Minor)
	if err != nil {
		t.Fatal(err)
	}
	if measured[b], err = g.measure(tc, b); err != nil {
		t.Fatal(err)
	}
	if differs, err := g.check(v.Minor, tables, measured); err != nil || differs {
		t.Errorf("the file and the build differ: %v, %v", differs, err)
	}
}

func TestMiddleIsBetweenReleasesThatDiffer(t *testing.T) {
	f, err := tablefile.Parse(`go1.23
builds linux/amd64 go1.23.0 go1.23.4 go1.23.11 go1.23.12
const runtime.a 1 @ go1.23.0-go1.23.4 linux/amd64
const runtime.a 2 @ go1.23.11-go1.23.12 linux/amd64
`)
	if err != nil {
		t.Fatal(err)
	}
	skip := map[int]bool{}
	var asked []int
	for p, ok := middle(f, skip); ok && len(asked) < 10; p, ok = middle(f, skip) {
		asked = append(asked, p)
		skip[p] = true
	}
	if !slices.Equal(asked, []int{7, 6, 8, 5, 9, 10}) {
		t.Errorf("releases %v were asked for", asked)
	}
}
