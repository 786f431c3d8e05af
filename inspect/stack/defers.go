package stack

import (
	"errors"
	"fmt"

	"rtdbg/inspect/code"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// Deferred is a call that a frame has deferred and that has not begun.
type Deferred struct {
	// Frame is the index in Stack.Frames of the frame that deferred it.
	Frame int
	// Fn is the address of the function value that will be called, Entry the
	// function's.
	Fn, Entry mem.Addr
	// Closure says what it calls; its name is Closure.Name.
	code.Closure
	// Captured are the words behind the code pointer of Fn, as many as
	// Closure.Words says. It is valid until the visit ends.
	Captured []mem.Addr
	// Exact says that the frame's bits or the runtime's record prove the
	// call pending. It is false for a frame that was interrupted and may not
	// have set its bits up.
	Exact bool
}

// Argument returns the receiver or first argument that a wrapper passes on: the
// lock of a deferred Unlock. It is false where it is not known.
func (d *Deferred) Argument() (mem.Addr, bool) {
	switch {
	case !d.Wrapper:
	case d.Global != 0:
		return d.Global, true
	case d.Receiver >= 0 && d.Receiver < len(d.Captured):
		return d.Captured[d.Receiver], true
	}
	return 0, false
}

// DeferRecord is a deferred call that the runtime keeps on the goroutine's
// list: the SP of its frame and the address of its function value
// (runtime._defer). Those in progress and those that stand for open-coded
// calls are not among them.
type DeferRecord struct {
	SP, Fn mem.Addr
}

// Deferred calls visit for the deferred calls that are pending in the frames
// of t, in the order in which they will run: innermost frame first, and in it
// the last one deferred first. records are those of the goroutine's list, in
// its order; p describes the functions. The argument of visit is reused. The
// error says what could not be read; all the rest was visited. visit must not
// use u.
func (u *Unwinder) Deferred(t Trace, records []DeferRecord, p *code.Program, visit func(*Deferred)) error {
	var errs []error
	fail := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	var d Deferred
	for i := range t.Stack.Frames {
		f := &t.Stack.Frames[i]
		sp := t.SP + mem.Addr(f.SP)
		for len(records) > 0 && records[0].SP <= sp {
			// A record of a frame that is not shown was passed.
			if records[0].SP == sp {
				d = Deferred{Frame: i, Fn: records[0].Fn, Exact: true, Captured: d.Captured[:0]}
				fail(u.deferredFunc(&d, p, visit))
			}
			records = records[1:]
		}
		if !f.keepsDefers() {
			continue
		}
		slots, err := u.openCoded(f.PCInfo, u.varp(sp, t.SP+mem.Addr(f.FP)))
		fail(err)
		for _, slot := range slots {
			fn, err := u.words(slot, 1)
			if err != nil {
				fail(fmt.Errorf("stack: deferred call of %s: %w", f.Func.Name, err))
				continue
			}
			d = Deferred{Frame: i, Fn: fn(0), Exact: !f.Trap, Captured: d.Captured[:0]}
			fail(u.deferredFunc(&d, p, visit))
		}
	}
	return errors.Join(errs...)
}

// keepsDefers reports whether the frame itself keeps deferred calls: its
// function has open-coded ones, and the frame to keep them in is there already.
func (f *Phys) keepsDefers() bool {
	return f.Func.FuncData(pcln.FuncDataOpenCodedDeferInfo) != 0 && f.deltaOK && f.delta > 0
}

// deferredFunc completes d from its Fn and visits it.
func (u *Unwinder) deferredFunc(d *Deferred, p *code.Program, visit func(*Deferred)) error {
	if d.Fn == 0 {
		return nil
	}
	pc, err := u.words(d.Fn, 1)
	if err != nil {
		return fmt.Errorf("stack: deferred function value: %w", err)
	}
	c, ok := p.Closure(pc(0))
	if !ok {
		if !d.Exact {
			return nil // the slot of a frame that is not set up
		}
		return fmt.Errorf("stack: deferred function value %v: no function at %v", d.Fn, pc(0))
	}
	d.Entry, d.Closure = pc(0), c
	captured, err := u.words(d.Fn+8, c.Words)
	if err != nil {
		err = fmt.Errorf("stack: variables of %s: %w", c.Name, err)
	}
	for i := 0; err == nil && i < c.Words; i++ {
		d.Captured = append(d.Captured, captured(i))
	}
	if c.Method != 0 && c.Itab < len(d.Captured) {
		// A method of an interface: its table says which function that is.
		m, merr := u.words(d.Captured[c.Itab]+mem.Addr(c.Method), 1)
		if merr == nil {
			d.Callee, d.Ops = p.Operation(m(0))
		}
		err = errors.Join(err, merr)
	}
	visit(d)
	return err
}

// words reads n words at a; the function that it returns gives the i'th.
func (u *Unwinder) words(a mem.Addr, n int) (func(i int) mem.Addr, error) {
	b, err := u.syms.mem.View(a, 8*n)
	return func(i int) mem.Addr { return mem.Addr(u.syms.arch.Order.Uint64(b[8*i:])) }, err
}

// openCoded returns the addresses of the function values that are pending in a
// frame that calls its deferred functions itself, in the order in which they
// will be called.
func (u *Unwinder) openCoded(p *PCInfo, varp mem.Addr) ([]mem.Addr, error) {
	od, ok, err := p.Func.OpenDefers()
	if !ok || err != nil {
		return nil, err
	}
	bits, err := u.syms.mem.View(varp-mem.Addr(od.Bits), 1)
	if err != nil {
		return nil, fmt.Errorf("stack: deferred calls of %s: %w", p.Func.Name, err)
	}
	var slots []mem.Addr
	for i := len(od.Slots) - 1; i >= 0; i-- {
		if bits[0]>>i&1 != 0 {
			slots = append(slots, varp-mem.Addr(od.Slots[i]))
		}
	}
	return slots, nil
}
