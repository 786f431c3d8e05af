// Command gen makes the layout tables of package runtimeversions from real
// builds: it fetches each toolchain with the go command, builds a probe
// program with it for every platform, and reads the program's DWARF. Nothing
// that it builds is run.
//
//	go run ./runtimeversions/gen go1.28.0          add or renew a release
//	go run ./runtimeversions/gen go1.28            add or renew all releases of a minor
//	go run ./runtimeversions/gen                   renew all releases that there are
//	go run ./runtimeversions/gen -check go1.26.8   compare, change nothing
//	go run ./runtimeversions/gen -pin go1.26.0     and find out when a minor's tables changed
//
// With -check the exit status is 1 if anything differs.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rtdbg/inspect/layout"
	"rtdbg/runtimeversions/internal/tablefile"
)

// platforms are those whose tables are made.
var platforms = []string{"linux/amd64", "linux/arm64"}

func main() {
	var g generator
	check := flag.Bool("check", false, "compare with the files instead of writing them")
	flag.StringVar(&g.dir, "dir", "runtimeversions/data", "the directory of the files")
	flag.BoolVar(&g.experiments, "experiments", true, "also measure GOEXPERIMENT settings, for the last release of each minor and where that does not tell")
	flag.BoolVar(&g.pinned, "pin", false, "also measure releases between those that differ, until each change is pinned down")
	flag.BoolVar(&g.verbose, "v", false, "list the wanted names that a build lacks")
	flag.Parse()
	if err := g.run(*check, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// generator makes and compares the files of dir.
type generator struct {
	dir                          string
	experiments, pinned, verbose bool
}

// minorTables are the tables of one minor, by build.
type minorTables map[tablefile.Build]*layout.Table

func (g *generator) run(check bool, args []string) error {
	if _, err := os.Stat(g.dir); err != nil {
		return fmt.Errorf("run this from the root of the module, or give -dir: %w", err)
	}
	versions, err := g.versions(args)
	if err != nil {
		return err
	}
	byMinor := map[int][]tablefile.Version{}
	for _, v := range versions {
		byMinor[v.Minor] = append(byMinor[v.Minor], v)
	}
	var differs bool
	for _, minor := range slices.Sorted(maps.Keys(byMinor)) {
		old, err := g.read(minor)
		if err != nil {
			return err
		}
		tables := maps.Clone(old)
		if err := g.measureAll(tables, byMinor[minor]); err != nil {
			return err
		}
		if check {
			d, err := g.check(minor, old, tables)
			if err != nil {
				return err
			}
			differs = differs || d
		} else if err := g.write(minor, tables); err != nil {
			return err
		}
	}
	if differs {
		return errors.New("the files do not agree with the builds")
	}
	return nil
}

// versions returns the releases that the arguments name, or all that there
// are in dir.
func (g *generator) versions(args []string) ([]tablefile.Version, error) {
	var vs []tablefile.Version
	for _, arg := range args {
		v, err := tablefile.ParseVersion(arg)
		switch {
		case err != nil:
			return nil, err
		case v.Pre != "" || v.Experiments != nil:
			return nil, fmt.Errorf("%s is not a release", arg)
		case strings.Count(arg, ".") == 1:
			all, err := releases(v.Minor)
			if err != nil {
				return nil, err
			}
			vs = append(vs, all...)
		default:
			vs = append(vs, v)
		}
	}
	if len(args) > 0 {
		return vs, nil
	}
	names, err := filepath.Glob(filepath.Join(g.dir, "go1.*.txt"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		v, err := tablefile.ParseVersion(strings.TrimSuffix(filepath.Base(name), ".txt"))
		if err != nil {
			return nil, err
		}
		tables, err := g.read(v.Minor)
		if err != nil {
			return nil, err
		}
		patches := map[int]bool{}
		for b := range tables {
			patches[b.Patch] = true
		}
		for _, p := range slices.Sorted(maps.Keys(patches)) {
			vs = append(vs, tablefile.Version{Minor: v.Minor, Patch: p})
		}
	}
	return vs, nil
}

// measureAll adds the tables of the versions, all of one minor, to tables.
func (g *generator) measureAll(tables minorTables, versions []tablefile.Version) error {
	slices.SortFunc(versions, func(a, b tablefile.Version) int { return cmp.Compare(a.Patch, b.Patch) })
	for _, v := range versions {
		tc, err := findToolchain(v)
		if err != nil {
			return err
		}
		if err := g.measureRelease(tables, tc); err != nil {
			return err
		}
	}
	if g.pinned {
		if err := g.pin(versions[0].Minor, tables); err != nil {
			return err
		}
	}
	if !g.experiments {
		return nil
	}
	// The last first: what it tells of the others need not be measured.
	for _, v := range slices.Backward(versions) {
		if err := g.measureExperiments(tables, v); err != nil {
			return err
		}
	}
	return nil
}

// measureRelease adds the tables of a release without experiments.
func (g *generator) measureRelease(tables minorTables, tc *toolchain) error {
	for _, platform := range platforms {
		b := tablefile.Build{Patch: tc.version.Patch, Platform: platform}
		t, err := g.measure(tc, b)
		if err != nil {
			return err
		}
		tables[b] = t
	}
	return nil
}

// measureExperiments adds the tables of a version with experiments: of the
// last release of a minor with all of them, of another with those that the
// tables have already, and of the first also with those of which the last
// does not tell.
func (g *generator) measureExperiments(tables minorTables, v tablefile.Version) error {
	first, last := extremes(tables)
	tc, err := findToolchain(v)
	if err != nil {
		return err
	}
	for _, platform := range platforms {
		for _, x := range experiments {
			b := tablefile.Build{Patch: v.Patch, Platform: platform, Experiment: x}
			wanted := tables[b] != nil || v.Patch == last
			if !wanted && v.Patch == first {
				if wanted, err = unknown(v.Minor, tables, b); err != nil {
					return err
				}
			}
			if !wanted || !tc.hasExperiment(x) {
				continue
			}
			if tables[b], err = g.measure(tc, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// unknown reports whether the tables do not tell what a build with an
// experiment is like.
func unknown(minor int, tables minorTables, b tablefile.Build) (bool, error) {
	f, err := tablefile.New(minor, tables)
	if err != nil {
		return false, err
	}
	_, known := f.Knows(b.Patch, b.Platform, b.Experiment)
	return !known, nil
}

// extremes returns the first and the last patch of the tables.
func extremes(tables minorTables) (first, last int) {
	var patches []int
	for b := range tables {
		patches = append(patches, b.Patch)
	}
	return slices.Min(patches), slices.Max(patches)
}

func (g *generator) path(minor int) string {
	return filepath.Join(g.dir, tablefile.Version{Minor: minor}.MinorName()+".txt")
}

// read reads the tables of a minor; there are none if it has no file yet.
func (g *generator) read(minor int) (minorTables, error) {
	tables := minorTables{}
	text, err := os.ReadFile(g.path(minor))
	if errors.Is(err, fs.ErrNotExist) {
		return tables, nil
	}
	if err != nil {
		return nil, err
	}
	f, err := tablefile.Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.path(minor), err)
	}
	for _, b := range f.Builds {
		var xs []string
		if b.Experiment != "" {
			xs = []string{b.Experiment}
		}
		if tables[b], err = f.Table(b.Patch, b.Platform, xs); err != nil {
			return nil, fmt.Errorf("%s: %w", g.path(minor), err)
		}
	}
	return tables, nil
}

func (g *generator) write(minor int, tables minorTables) error {
	f, err := tablefile.New(minor, tables)
	if err != nil {
		return err
	}
	return os.WriteFile(g.path(minor), []byte(f.Format()), 0o666)
}

// check prints in what the measured tables differ from the file's, and
// reports whether they do.
func (g *generator) check(minor int, old, measured minorTables) (differs bool, err error) {
	text, err := os.ReadFile(g.path(minor))
	if err != nil {
		return false, err
	}
	f, err := tablefile.New(minor, measured)
	if err != nil {
		return false, err
	}
	if f.Format() == string(text) {
		return false, nil
	}
	fmt.Printf("%s differs from what the builds give\n", g.path(minor))
	for _, b := range f.Builds {
		name := fmt.Sprintf("go1.%d.%d %s %s", minor, b.Patch, b.Platform, b.Experiment)
		if old[b] == nil {
			fmt.Printf("%s: not in the file\n", name)
			continue
		}
		for _, d := range layout.Compare(old[b], measured[b]) {
			fmt.Printf("%s: file / build: %v\n", name, d)
		}
		for _, d := range onlyInOne(old[b], measured[b]) {
			fmt.Printf("%s: %s\n", name, d)
		}
	}
	return true, nil
}

// onlyInOne lists the structures that only one of two tables has, which
// layout.Compare passes over.
func onlyInOne(file, build *layout.Table) []string {
	var s []string
	for _, name := range slices.Sorted(maps.Keys(file.Structs)) {
		if build.Structs[name] == nil {
			s = append(s, name+" is only in the file")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(build.Structs)) {
		if file.Structs[name] == nil {
			s = append(s, name+" is only in the build")
		}
	}
	return s
}
