// Package runtimeversions holds the layouts of the Go runtime's structures,
// by Go version and platform, for executables that have no DWARF. The tables
// are data, made from real builds by the program in gen.
package runtimeversions

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"rtdbg/inspect/layout"
	"rtdbg/runtimeversions/internal/tablefile"
)

//go:embed data/*.txt
var data embed.FS

// Quality says how well a table fits a version.
type Quality int

// The qualities of a Match.
const (
	// None: there is no table for the platform.
	None Quality = iota
	// Nearest: the version is not known, the table is that of the nearest
	// one that is. It must be tried against the target's invariants.
	Nearest
	// Exact: the table was made from this version, or lies between two
	// versions that have the same table.
	Exact
)

func (q Quality) String() string { return [...]string{"none", "nearest", "exact"}[q] }

// Match says which table was taken for a version.
type Match struct {
	Quality Quality
	// First and Last are the releases that share the table, "go1.26.0" and
	// "go1.26.8".
	First, Last string
	// Note says in one phrase why the match is not exact, or what an exact
	// one assumes; "" for a version that was measured.
	Note string
}

// For returns the table for a Go version, as an executable's build information
// has it ("go1.26.8", "go1.27.3 X:nogreenteagc", "devel go1.28-abcdef …"), on
// a platform. A version that is not known gets the nearest known one's, and
// the Match says so. An error means that there is none: the string is no Go
// version, or nothing is known about the platform.
func For(goVersion, goos, goarch string) (*layout.Table, Match, error) {
	v, err := tablefile.ParseVersion(goVersion)
	if err != nil {
		return nil, Match{}, err
	}
	platform := goos + "/" + goarch
	for f, err := range nearestFirst(v, platform) {
		if err != nil {
			return nil, Match{}, err
		}
		return pick(f, v, platform)
	}
	return nil, Match{}, fmt.Errorf("no built-in layouts for %s", platform)
}

// Nearby returns the table that For gives and up to n-1 others, for a version
// that is not known: those of the ranges around it, nearest first. They are to
// be tried against the target's invariants in this order.
func Nearby(goVersion, goos, goarch string, n int) ([]*layout.Table, error) {
	v, err := tablefile.ParseVersion(goVersion)
	if err != nil {
		return nil, err
	}
	platform := goos + "/" + goarch
	var tables []*layout.Table
	tried := map[string]bool{}
	for f, err := range nearestFirst(v, platform) {
		if err != nil {
			return nil, err
		}
		patches := f.Patches(platform, "")
		slices.SortFunc(patches, func(a, b int) int { return cmp.Compare(distance(f, a, v), distance(f, b, v)) })
		for _, p := range patches {
			if len(tables) == n {
				return tables, nil
			}
			at := f.Version(p)
			at.Experiments = v.Experiments
			t, m, err := pick(f, at, platform)
			if err != nil {
				return nil, err
			}
			if !tried[m.First] {
				tried[m.First] = true
				tables = append(tables, t)
			}
		}
	}
	if tables == nil {
		return nil, fmt.Errorf("no built-in layouts for %s", platform)
	}
	return tables, nil
}

// distance orders the patches of a file by their distance from a version: of
// an earlier minor the last comes first, of a later one the first.
func distance(f *tablefile.File, patch int, v tablefile.Version) int {
	switch {
	case f.Minor < v.Minor:
		return -patch
	case f.Minor > v.Minor:
		return patch
	}
	return abs(patch - v.Patch)
}

// nearestFirst loads the files that have a platform, that of the nearest minor
// first; of two as near the later, since what the runtime changes it seldom
// changes back. It ends at the first error.
func nearestFirst(v tablefile.Version, platform string) iter.Seq2[*tablefile.File, error] {
	return func(yield func(*tablefile.File, error) bool) {
		minors, err := minors()
		if err != nil {
			yield(nil, err)
			return
		}
		slices.SortFunc(minors, func(a, b int) int {
			return cmp.Or(cmp.Compare(abs(a-v.Minor), abs(b-v.Minor)), cmp.Compare(b, a))
		})
		for _, minor := range minors {
			f, err := load(minor)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(f.Patches(platform, "")) > 0 && !yield(f, nil) {
				return
			}
		}
	}
}

// pick takes the table for v, of the file of the nearest minor.
func pick(f *tablefile.File, v tablefile.Version, platform string) (*layout.Table, Match, error) {
	m := Match{Quality: Nearest}
	var patch int
	patches := f.Patches(platform, "")
	switch {
	case f.Minor < v.Minor:
		patch, m.Note = patches[len(patches)-1], fmt.Sprintf("go1.%d is not known", v.Minor)
	case f.Minor > v.Minor:
		patch, m.Note = patches[0], fmt.Sprintf("go1.%d is not known", v.Minor)
	default:
		patch, m = pickPatch(f, v, platform, patches)
	}
	experiments, assumed, note := knownExperiments(f, patch, platform, v.Experiments)
	if note != "" {
		m.Quality, m.Note = Nearest, join(m.Note, note)
	}
	m.Note = join(m.Note, assumed)
	t, err := f.Table(patch, platform, experiments)
	if err != nil {
		return nil, Match{}, fmt.Errorf("go1.%d.%d %s: %w", f.Minor, patch, platform, err)
	}
	first, last := extent(f, patch, platform, experiments, patches)
	m.First, m.Last = f.Version(first).String(), f.Version(last).String()
	t.Source = "built-in table " + span(m.First, m.Last)
	return t, m, nil
}

// pickPatch takes the patch of the version's own minor.
func pickPatch(f *tablefile.File, v tablefile.Version, platform string, patches []int) (int, Match) {
	i, known := slices.BinarySearch(patches, v.Patch)
	switch {
	case v.Pre != "" && v.Patch == 0:
		return patches[0], Match{Quality: Nearest, Note: fmt.Sprintf("%s of %s is not a release", v.Pre, v.MinorName())}
	case i == len(patches):
		return patches[i-1], Match{Quality: Nearest, Note: v.String() + " is later than all known releases of " + v.MinorName()}
	case v.Pre != "":
		return patches[i], Match{Quality: Nearest, Note: fmt.Sprintf("%s is not an official release of %s", v.Pre, v.String())}
	case known:
		return v.Patch, Match{Quality: Exact}
	case i == 0:
		return patches[0], Match{Quality: Nearest, Note: v.String() + " was not measured"}
	}
	before, after := patches[i-1], patches[i]
	if f.Same(before, after, platform, nil) {
		return before, Match{Quality: Exact, Note: fmt.Sprintf("%s was not measured, but %s and %s are the same", v, f.Version(before), f.Version(after))}
	}
	return before, Match{Quality: Nearest, Note: fmt.Sprintf("%s was not measured, and %s and %s differ", v, f.Version(before), f.Version(after))}
}

// knownExperiments returns the experiments whose effect on a patch is known,
// what that assumes, and a note on those that are not known, or that change
// the same structures.
func knownExperiments(f *tablefile.File, patch int, platform string, experiments []string) (known []string, assumed, note string) {
	var unknown []string
	for _, x := range experiments {
		measured, ok := f.Knows(patch, platform, x)
		if !ok {
			unknown = append(unknown, x)
			continue
		}
		known = append(known, x)
		if measured != patch {
			assumed = join(assumed, fmt.Sprintf("GOEXPERIMENT %s was measured with %s, where all that it changes was the same", x, f.Version(measured)))
		}
	}
	if unknown != nil {
		note = "GOEXPERIMENT " + strings.Join(unknown, ",") + " is not known"
	}
	if _, err := f.Table(patch, platform, known); err != nil {
		return nil, "", join(note, err.Error())
	}
	return known, assumed, note
}

// extent returns the first and the last of the patches around patch that have
// its table.
func extent(f *tablefile.File, patch int, platform string, experiments []string, patches []int) (first, last int) {
	i := slices.Index(patches, patch)
	a, b := i, i
	for a > 0 && f.Same(patches[a-1], patch, platform, experiments) {
		a--
	}
	for b < len(patches)-1 && f.Same(patches[b+1], patch, platform, experiments) {
		b++
	}
	return patches[a], patches[b]
}

// Range is releases of one minor that share one table.
type Range struct {
	// First and Last are the releases, "go1.26.0" and "go1.26.8".
	First, Last  string
	GOOS, GOARCH string
	// Measured are the releases that were built and read; others in the
	// range are taken to be like those around them.
	Measured []string
	// Experiments are the GOEXPERIMENT settings, other than the defaults,
	// whose layouts are known as well.
	Experiments []string
}

// String returns the range for the user: "go1.26.0–go1.26.8 linux/amd64".
func (r Range) String() string { return span(r.First, r.Last) + " " + r.GOOS + "/" + r.GOARCH }

// All lists the ranges, ascending by version.
func All() ([]Range, error) {
	minors, err := minors()
	if err != nil {
		return nil, err
	}
	var all []Range
	for _, minor := range minors {
		f, err := load(minor)
		if err != nil {
			return nil, err
		}
		for _, platform := range f.Platforms() {
			all = append(all, ranges(f, platform)...)
		}
	}
	return all, nil
}

func ranges(f *tablefile.File, platform string) []Range {
	var rs []Range
	patches := f.Patches(platform, "")
	goos, goarch, _ := strings.Cut(platform, "/")
	for i := 0; i < len(patches); {
		first, last := extent(f, patches[i], platform, nil, patches)
		r := Range{First: f.Version(first).String(), Last: f.Version(last).String(), GOOS: goos, GOARCH: goarch}
		for ; i < len(patches) && patches[i] <= last; i++ {
			r.Measured = append(r.Measured, f.Version(patches[i]).String())
		}
		for _, x := range f.Experiments() {
			if f.Patches(platform, x) != nil {
				r.Experiments = append(r.Experiments, x)
			}
		}
		rs = append(rs, r)
	}
	return rs
}

// minors lists the minors that have a file, ascending.
func minors() ([]int, error) {
	entries, err := fs.ReadDir(data, "data")
	if err != nil {
		return nil, err
	}
	var ns []int
	for _, e := range entries {
		v, err := tablefile.ParseVersion(strings.TrimSuffix(e.Name(), ".txt"))
		if err != nil {
			return nil, fmt.Errorf("built-in layouts: %w", err)
		}
		ns = append(ns, v.Minor)
	}
	slices.Sort(ns)
	return ns, nil
}

func load(minor int) (*tablefile.File, error) {
	name := path.Join("data", tablefile.Version{Minor: minor}.MinorName()+".txt")
	text, err := data.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f, err := tablefile.Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("built-in layouts, %s: %w", name, err)
	}
	return f, nil
}

func span(first, last string) string {
	if first == last {
		return first
	}
	return first + "–" + last
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

func abs(n int) int { return max(n, -n) }
