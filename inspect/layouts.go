package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/exe"
	"rtdbg/inspect/layout"
	"rtdbg/inspect/locate"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/runtimeversions"
)

// fit is a table by which the target can be read, and what was found with it.
type fit struct {
	table *layout.Table
	// minor is the Go minor version, 26 for Go 1.26.
	minor int
	rt    *rt.Runtime
	found locate.Found
	// threads are those of the target by their own ids, where it has them by
	// others.
	threads []arch.Thread
	// doubt is what in the target does not agree with the table, nil for
	// nothing; refuted says that structures contradict it, not only that
	// something was not found.
	doubt   error
	refuted bool
}

// fitLayouts chooses the target's layouts: its own DWARF where it has some,
// completed and checked by the built-in table for its version; otherwise a
// built-in table, and one that is not known to be of the target's version only
// if the target's structures agree with it.
func (p *Process) fitLayouts(ctx context.Context, t target) (*fit, error) {
	goos := "linux"
	if p.exe != nil {
		goos = p.exe.GOOS()
	}
	dwarf, derr := p.dwarf()
	v := p.version(t, p.symbols(t, dwarf))
	if err := v.tooOld(); err != nil {
		return nil, fmt.Errorf("%s: %w", p.name(), err)
	}
	if v.contradicted() {
		p.opts.warnf("the build information says %s, the program itself %s", v.declared, strings.Join(v.own, ", "))
	}
	tr := &trial{p: p, t: t, goos: goos, version: v,
		headers: sync.OnceValue(func() []mem.Addr { return locate.Headers(p.Mem, t.arch) })}
	if dwarf != nil {
		return tr.dwarf(dwarf)
	}
	p.opts.verbosef("no DWARF: %v", derr)
	f, err := tr.builtin(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name(), err)
	}
	return f, nil
}

// noExecutable stands for the layouts of an executable that is not at hand.
func noExecutable() (*layout.Table, error) {
	return nil, errors.New("the executable is not at hand")
}

// dwarfTable extracts the layouts from an executable.
func dwarfTable(f *exe.File) (*layout.Table, error) {
	d, err := f.DWARF()
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
	t.GOOS, t.GOARCH, t.Source = f.GOOS(), f.GOARCH(), "DWARF of the executable"
	return t, nil
}

// maxDifferences bounds the differences that are shown.
const maxDifferences = 3

// perBuild are the constants that differ between builds with one version: the
// race detector doubles the guard of stacks (runtime/stack.go,
// sys.StackGuardMultiplier), by which rtdbg reads nothing.
var perBuild = []string{"runtime.stackGuard", "runtime._StackGuard"}

// compare warns when the DWARF and the built-in table for the same version
// disagree. The DWARF is used.
func (p *Process) compare(dwarf, builtin *layout.Table, match runtimeversions.Match) {
	if match.Quality != runtimeversions.Exact {
		p.opts.verbosef("layouts of %s are not built in (%s): nothing to compare the DWARF with", dwarf.Go, match.Note)
		return
	}
	diffs := slices.DeleteFunc(layout.Compare(dwarf, builtin), func(d layout.Difference) bool { return slices.Contains(perBuild, d.What) })
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
		if dwarf.Structs[name] == nil && ofRuntime(name) {
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

// ofRuntime reports whether a type belongs to the runtime or the packages that
// are part of it, which were called runtime/internal/… up to Go 1.22.
func ofRuntime(name string) bool {
	return strings.HasPrefix(name, "runtime.") || strings.HasPrefix(name, "runtime/internal/") || strings.HasPrefix(name, "internal/runtime/")
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
