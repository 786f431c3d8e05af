package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/locate"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
	"rtdbg/inspect/rt"
	"rtdbg/runtimeversions"
)

// trial tries tables of layouts on one target.
type trial struct {
	p       *Process
	t       target
	goos    string
	version version
	headers func() []mem.Addr
}

// try reads the target by a table. The error says why that cannot be; a fit's
// doubt, what in the target contradicts the table.
func (tr *trial) try(table *layout.Table) (*fit, error) {
	minor, err := minorOf(table.Go)
	if err != nil {
		return nil, err
	}
	f := &fit{table: table, minor: minor}
	if f.rt, err = rt.New(tr.p.Mem, tr.t.arch, table); err != nil {
		return nil, err
	}
	tids := tr.t.tids
	if f.threads = tr.p.ownThreads(f.rt, tr.t.threads); f.threads != nil {
		tids = idsOf(f.threads)
	}
	f.found, err = locate.Globals(locate.Target{RT: f.rt, Arch: tr.t.arch, Symbols: tr.p.symbols(tr.t, table), Threads: tids, Headers: tr.headers})
	if err != nil {
		return nil, err
	}
	if err := f.rt.Locate(f.found.Globals); err != nil {
		return nil, err
	}
	if f.doubt = cmp.Or(tr.minorFits(f), f.rt.Fits(tids)); f.doubt != nil {
		f.refuted = true
	} else {
		f.doubt = allFound(f)
	}
	return f, nil
}

// alwaysThere are the variables that every running program has and that are
// found by the structure of what they hold.
var alwaysThere = []string{"runtime.sched", "runtime.allm", "runtime.mheap_"}

// allFound returns an error if a variable was not found: the table does not
// describe what it holds.
func allFound(f *fit) error {
	for _, name := range alwaysThere {
		if err := f.found.Missing[name]; err != nil {
			return &rt.MisfitError{Source: f.table.Source, Err: fmt.Errorf("%s was not found: %w", name, err)}
		}
	}
	return nil
}

// minorFits returns an error if the program's function tables are those of
// other Go versions, as far as they tell.
func (tr *trial) minorFits(f *fit) error {
	if len(f.rt.Modules) == 0 {
		return nil
	}
	lo, hi, ok := pcln.Minors(tr.p.Mem, tr.t.arch, f.rt.Modules[0].PCHeader)
	if !ok || f.minor >= lo && f.minor <= hi {
		return nil
	}
	return &rt.MisfitError{Source: f.table.Source, Err: fmt.Errorf("the function tables are those of go1.%d or another version, but not of go1.%d", lo, f.minor)}
}

// dwarf reads the target by its own DWARF. There is nothing better: what
// contradicts it is the target's own disorder.
func (tr *trial) dwarf(table *layout.Table) (*fit, error) {
	p := tr.p
	names := tr.version.names()
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: the Go version is not known: %w", p.name(), tr.version.err)
	}
	table.Go = names[0]
	builtin, match, err := runtimeversions.For(table.Go, tr.goos, tr.t.arch.Name)
	if err != nil {
		p.opts.verbosef("no built-in layouts to compare with: %v", err)
	} else {
		p.compare(table, builtin, match)
		table = complete(table, builtin, match)
	}
	f, err := tr.try(table)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name(), err)
	}
	return f, nil
}

// builtin reads the target by a built-in table: that of its version, or if
// that is not known, or not true, that of the nearest version which the
// target's structures agree with. Where nothing fits better, that of its
// version does although something was not found by it, since memory may be
// missing or damaged; but not if the target's structures contradict it.
func (tr *trial) builtin(ctx context.Context) (*fit, error) {
	var doubtful *fit
	var first error
	for _, name := range tr.version.names() {
		table, match, err := runtimeversions.For(name, tr.goos, tr.t.arch.Name)
		if err != nil || match.Quality != runtimeversions.Exact {
			continue
		}
		f, err := tr.try(table)
		switch {
		case err == nil && f.doubt == nil:
			tr.name(f, name, match)
			return f, nil
		case err == nil:
			if err = f.doubt; doubtful == nil && !f.refuted {
				doubtful = f
				f.table.Go = name
			}
		}
		if first == nil {
			first = err
		}
	}
	f, err := tr.nearest(ctx)
	if err != nil {
		return nil, err
	}
	if f != nil {
		return f, nil
	}
	if doubtful != nil {
		return doubtful, nil
	}
	return nil, tr.nothing(first)
}

// name puts down which version the table of f was taken for.
func (tr *trial) name(f *fit, version string, match runtimeversions.Match) {
	f.table.Go = version
	if match.Note != "" {
		f.table.Source += " (" + match.Note + ")"
		tr.p.opts.verbosef("layouts of %s: %s", version, match.Note)
	}
}

// everything is more than there are tables for one platform.
const everything = 1000

// nearest tries the tables of all other versions, those around the target's
// first, and takes the one that nothing in the target contradicts, and whose
// wait reasons are the target's if there is such a one. It returns nil if there
// is none.
func (tr *trial) nearest(ctx context.Context) (*fit, error) {
	around := "go1.999" // the newest first
	for _, name := range tr.version.names() {
		if _, err := minorOf(name); err == nil {
			around = name
			break
		}
	}
	tables, err := runtimeversions.Nearby(around, tr.goos, tr.t.arch.Name, everything)
	if err != nil {
		return nil, fmt.Errorf("%w (see rtdbg versions)", err)
	}
	var second *fit
	for _, table := range tables {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		table.Assumed = true
		f, err := tr.try(table)
		if err == nil {
			err = f.doubt
		}
		if err != nil {
			tr.p.opts.verbosef("%s: %v", table.Source, err)
			continue
		}
		if f.rt.ReasonsFit() {
			tr.tell(f)
			return f, nil
		}
		tr.p.opts.verbosef("%s: its wait reasons are not the target's", table.Source)
		if second == nil {
			second = f
		}
	}
	if second != nil {
		tr.tell(second)
	}
	return second, nil
}

// tell warns of a table of another version.
func (tr *trial) tell(f *fit) {
	like := f.table.Go
	names := tr.version.names()
	if len(names) == 0 {
		tr.p.opts.warnf("the Go version is not known (%v); its structures are those of %s and are read so", tr.version.err, like)
		f.table.Go = "unknown"
		f.table.Source += ", which the target's structures agree with"
		return
	}
	why := "no table is built in"
	if _, match, err := runtimeversions.For(names[0], tr.goos, tr.t.arch.Name); err == nil {
		if why = match.Note; match.Quality == runtimeversions.Exact {
			why = "the target contradicts them"
		}
	}
	tr.p.opts.warnf("layouts of %s are not used (%s); the target's structures agree with those of %s and are read so", names[0], why, like)
	f.table.Go = names[0]
	f.table.Source += ", which the target's structures agree with"
}

// nothing is the error when no table fits. first is why that of the target's
// own version does not, nil if there is none.
func (tr *trial) nothing(first error) error {
	names := tr.version.names()
	known := "those of all known versions were tried (see rtdbg versions)"
	if len(names) == 0 {
		return fmt.Errorf("the Go version is not known (%w) and no layouts fit: %s", tr.version.err, known)
	}
	if first == nil {
		first = errors.New("it is none of the known versions")
	}
	return fmt.Errorf("no layouts fit %s: %w; %s", names[0], oneLine(first), known)
}

// oneLine is err without line breaks.
func oneLine(err error) error {
	if !strings.Contains(err.Error(), "\n") {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}
