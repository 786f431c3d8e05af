package star

import (
	"context"
	"errors"
	"fmt"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
)

// current is the interpreter of the instant that is open: builtins belong to
// it, whichever instant the function that calls them was defined in.
type current struct{ in *Interp }

// errEarlier is what the values of an instant say that is over.
var errEarlier = errors.New("it is of an earlier instant: the target has been read again since")

// Renew returns the interpreter for the target as it was read again as p.
// Definitions stay; a value that is part of the target, and not a number or a
// string that was taken from it, answers from now on that it is of an earlier
// instant.
func (in *Interp) Renew(p *inspect.Process) *Interp {
	n := &Interp{
		p: p, print: in.print, trace: in.trace, classes: in.classes,
		predeclared: in.predeclared, globals: in.globals, current: in.current,
		ctx: context.Background(),
	}
	in.current.in = n
	return n
}

// stale reports whether the instant of in is over.
func (in *Interp) stale() bool { return in != nil && in.current.in != in }

// owned is a value that belongs to an instant.
type owned interface {
	starlark.Value
	owner() *Interp
}

func (o *object[T]) owner() *Interp    { return o.in }
func (l *goroutines) owner() *Interp   { return l.in }
func (a *allWakers) owner() *Interp    { return a.in }
func (l *deadlockList) owner() *Interp { return l.in }
func (l *leakList) owner() *Interp     { return l.in }
func (l *listing[T]) owner() *Interp   { return l.in }
func (d dumpText) owner() *Interp      { return d.in }

// ended returns why v cannot be used, nil if it can.
func ended(v starlark.Value) error {
	if o, ok := v.(owned); ok && o.owner().stale() {
		return fmt.Errorf("%s: %w", v.Type(), errEarlier)
	}
	return nil
}

// failed is a report that is an error.
func failed(err error) render.Report {
	return render.Report{
		Sections: []render.Section{render.Lines(func(yield func(string, error) bool) { yield("", err) })},
		Records:  func(yield func(any, error) bool) { yield(nil, err) },
	}
}
