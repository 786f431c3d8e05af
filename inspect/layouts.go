package inspect

import (
	"errors"
	"fmt"
	"strings"

	"rtdbg/inspect/layout"
	"rtdbg/runtimeversions"
)

// layouts is the table that the target is read with.
type layouts struct {
	table *layout.Table
	// minor is the Go minor version, 26 for Go 1.26.
	minor int
}

// layouts chooses the target's layouts: its own DWARF where it has some,
// completed and checked by the built-in table for its version; the built-in
// table otherwise.
func (p *Process) layouts(t target) (layouts, error) {
	goVersion, goos := t.goVersion, "linux"
	if p.exe != nil {
		b, err := p.exe.BuildInfo()
		if err != nil {
			return layouts{}, err
		}
		goVersion, goos = b.GoVersion, p.exe.GOOS()
	}
	minor, err := minorOf(goVersion)
	if err != nil {
		return layouts{}, fmt.Errorf("%s: %w", p.name(), err)
	}
	builtin, match, terr := runtimeversions.For(goVersion, goos, t.arch.Name)
	dwarf, derr := p.dwarfTable(goVersion, goos, t.arch.Name)
	switch {
	case dwarf != nil && builtin != nil:
		p.compare(dwarf, builtin, match)
		return layouts{complete(dwarf, builtin, match), minor}, nil
	case dwarf != nil:
		p.opts.verbosef("no built-in layouts to compare with: %v", terr)
		return layouts{dwarf, minor}, nil
	case builtin != nil:
		p.opts.verbosef("no DWARF: %v", derr)
		builtin.Go = goVersion
		if match.Quality != runtimeversions.Exact {
			p.opts.warnf("layouts of %s are not built in (%s); trying those of %s", goVersion, match.Note, match.First)
			builtin.Source += ", the nearest to " + goVersion
			// Numbers of wait reasons move between versions.
			builtin.WaitReasons, builtin.Strings = nil, nil
		}
		return layouts{builtin, minor}, nil
	}
	return layouts{}, fmt.Errorf("%s: no layouts for %s %s/%s: no DWARF (%w), and %w (see rtdbg versions)", p.name(), goVersion, goos, t.arch.Name, derr, terr)
}

// dwarfTable extracts the layouts from the executable.
func (p *Process) dwarfTable(goVersion, goos, goarch string) (*layout.Table, error) {
	if p.exe == nil {
		return nil, errors.New("the executable is not at hand")
	}
	d, err := p.exe.DWARF()
	if err != nil {
		return nil, err
	}
	t, err := layout.FromDWARF(d, runtimeversions.Want())
	if err != nil {
		return nil, err
	}
	if t.Structs["runtime.g"] == nil {
		return nil, errors.New("it does not describe runtime.g")
	}
	t.Go, t.GOOS, t.GOARCH, t.Source = goVersion, goos, goarch, "DWARF of the executable"
	return t, nil
}

// maxDifferences bounds the differences that are shown.
const maxDifferences = 3

// compare warns when the DWARF and the built-in table for the same version
// disagree. The DWARF is used.
func (p *Process) compare(dwarf, builtin *layout.Table, match runtimeversions.Match) {
	if match.Quality != runtimeversions.Exact {
		p.opts.verbosef("layouts of %s are not built in (%s): nothing to compare the DWARF with", dwarf.Go, match.Note)
		return
	}
	diffs := layout.Compare(dwarf, builtin)
	if len(diffs) == 0 {
		p.opts.verbosef("DWARF and %s agree", builtin.Source)
		return
	}
	var lines []string
	for _, d := range diffs[:min(len(diffs), maxDifferences)] {
		lines = append(lines, d.String())
	}
	p.opts.warnf("the executable's DWARF differs from the %s in %d places (%s); the DWARF is used", builtin.Source, len(diffs), strings.Join(lines, "; "))
}

// complete adds to the DWARF's table what only the built-in table has: strings,
// and the structures and constants that the program does not use itself.
// A table of another version lends constants only, which are stable, and the
// structures of which the program has none.
func complete(dwarf, builtin *layout.Table, match runtimeversions.Match) *layout.Table {
	if match.Quality == runtimeversions.Exact {
		dwarf.WaitReasons, dwarf.Strings = builtin.WaitReasons, builtin.Strings
	}
	for name, v := range builtin.Consts {
		if _, ok := dwarf.Consts[name]; !ok {
			dwarf.Consts[name] = v
		}
	}
	for name, s := range builtin.Structs {
		if dwarf.Structs[name] == nil && strings.HasPrefix(name, "runtime.") {
			dwarf.Structs[name] = s
		}
	}
	for name, u := range builtin.Under {
		if _, ok := dwarf.Under[name]; !ok {
			dwarf.Under[name] = u
		}
	}
	return dwarf
}

// minorOf returns the minor number of a Go version: 26 for "go1.26.8" and for
// "devel go1.26-abcdef".
func minorOf(v string) (int, error) {
	s := v
	if i := strings.Index(s, "go1."); i >= 0 {
		s = s[i+len("go1."):]
	} else {
		return 0, fmt.Errorf("%q is no Go version", v)
	}
	n, digits := 0, 0
	for ; digits < len(s) && digits < 3 && s[digits] >= '0' && s[digits] <= '9'; digits++ {
		n = 10*n + int(s[digits]-'0')
	}
	if digits == 0 {
		return 0, fmt.Errorf("%q is no Go version", v)
	}
	return n, nil
}
