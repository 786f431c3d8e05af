package inspect

import (
	"fmt"
	"slices"

	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// Deferred returns the calls that g has deferred and that have not begun, in
// the order in which they will run. The error says which could not be read.
func (g *Goroutine) Deferred() ([]stack.Deferred, error) {
	var list []stack.Deferred
	err := g.p.deferred(g, func(d *stack.Deferred) {
		c := *d
		c.Captured = slices.Clone(d.Captured)
		list = append(list, c)
	})
	return list, err
}

// deferred calls visit for the deferred calls of g; the argument is reused.
func (p *Process) deferred(g *Goroutine, visit func(*stack.Deferred)) error {
	program := p.code()
	if program == nil {
		return fmt.Errorf("deferred calls: the instructions of %s are not understood", p.arch.Name)
	}
	var records []stack.DeferRecord
	lerr := p.RT.Defers(g.G, func(d rt.Defer) {
		if !d.Started && !d.Open {
			records = append(records, stack.DeferRecord{SP: d.SP, Fn: d.Fn})
		}
	})
	var err error
	p.unwinder(func(u *stack.Unwinder) { err = u.Deferred(g.Trace(), records, program, visit) })
	if lerr != nil {
		return lerr
	}
	return err
}
