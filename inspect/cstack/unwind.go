package cstack

import (
	"errors"
	"fmt"
	"sync"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
)

var (
	// ErrOutermost: the function at a PC returns to nobody.
	ErrOutermost = errors.New("outermost frame")
	// errAstray: what a table says cannot be, as the stack or the registers are
	// not what its function leaves.
	errAstray = errors.New("the stack does not fit the unwind table")
)

// Tables are the unwind tables and the symbols of the images of a process. They
// may be used concurrently.
type Tables struct {
	mem    mem.Memory
	arch   *arch.Arch
	images []mem.Loaded

	indexMu sync.Mutex
	indexes map[*mem.Loaded][]indexed

	mu     sync.Mutex
	places map[placeKey]Place
	debug  map[string]*debugFile
}

// New returns the tables of the given images. Memory and images must outlive them.
func New(m mem.Memory, a *arch.Arch, images []mem.Loaded) *Tables {
	return &Tables{mem: m, arch: a, images: images, indexes: make(map[*mem.Loaded][]indexed),
		places: make(map[placeKey]Place), debug: make(map[string]*debugFile)}
}

// Frame is where a function goes on and what its registers are then.
type Frame struct {
	PC   mem.Addr
	Regs arch.CallRegs
	// Exact says that PC is the instruction to be executed next; else it is a
	// return address.
	Exact bool
}

// SP is the stack pointer at PC.
func (f *Frame) SP(a *arch.Arch) mem.Addr {
	sp, _ := f.Regs.Get(a.CallFrame.SP)
	return mem.Addr(sp)
}

// Start returns the innermost frame of a thread with the given registers.
func (t *Tables) Start(r *arch.Regs) Frame {
	return Frame{PC: mem.Addr(r.PC), Regs: t.arch.CallRegs(r), Exact: true}
}

// within is an address within the instruction that f is at.
func (f *Frame) within() mem.Addr {
	if f.Exact || f.PC == 0 {
		return f.PC
	}
	return f.PC - 1
}

// image returns the image that is mapped at a, nil if none is known to be.
func (t *Tables) image(a mem.Addr) *mem.Loaded {
	for i := range t.images {
		if t.images[i].Contains(a) {
			return &t.images[i]
		}
	}
	return nil
}

// fde returns the table's entry of the function at a.
func (t *Tables) fde(a mem.Addr) (*fde, error) {
	img := t.image(a)
	if img == nil {
		return nil, fmt.Errorf("%w: %v is in no known image", ErrNoTable, a)
	}
	at, err := t.find(img, uint64(a))
	if err != nil {
		return nil, err
	}
	f, err := t.fdeAt(at)
	if err != nil {
		return nil, fmt.Errorf("unwind table of %s for %v: %w", img.Path, a, err)
	}
	if uint64(a)-f.begin >= f.size {
		return nil, fmt.Errorf("%w for %v in %s", ErrNoTable, a, img.Path)
	}
	return f, nil
}

// Caller returns the frame that called f. The error is ErrOutermost at the end of
// the stack, and ErrNoTable or another one where the way is not known: there is no
// guess.
func (t *Tables) Caller(f Frame) (Frame, error) {
	e, err := t.fde(f.within())
	if err != nil {
		return Frame{}, err
	}
	rules, err := e.rules(uint64(f.within()))
	if err != nil {
		return Frame{}, fmt.Errorf("unwind table for %v: %w", f.PC, err)
	}
	up, err := t.apply(e, rules, &f)
	if err != nil && !errors.Is(err, ErrOutermost) {
		return Frame{}, fmt.Errorf("caller of %v: %w", f.PC, err)
	}
	return up, err
}

// apply finds the caller's registers by the rules.
func (t *Tables) apply(e *fde, rules *row, f *Frame) (Frame, error) {
	cfa, err := t.cfa(rules, &f.Regs)
	if err != nil {
		return Frame{}, err
	}
	// Only a signal leaves a stack that the caller's is not above.
	if sp := uint64(f.SP(t.arch)); !e.signal && (cfa < sp || cfa == sp && !f.Exact || cfa-sp > maxFrame) {
		return Frame{}, errAstray
	}
	up := Frame{Exact: e.signal}
	for n := range rules.regs {
		v, known, err := t.callers(n, rules, &f.Regs, cfa)
		switch {
		case known:
			up.Regs.Set(n, v)
		case err != nil && uint64(n) == e.ret: // others may not be needed
			return Frame{}, fmt.Errorf("return address: %w", err)
		}
	}
	pc, known := up.Regs.Get(int(min(e.ret, arch.MaxCallRegs)))
	if rules.signed {
		pc &= unsigned
	}
	if !known || pc == 0 {
		return Frame{}, ErrOutermost
	}
	up.PC = mem.Addr(pc)
	return up, nil
}

const (
	// maxFrame is more bytes than any frame has: thread stacks are smaller.
	maxFrame = 1 << 30
	// unsigned are the bits of an address on AArch64 that carry no signature.
	unsigned = 1<<48 - 1
)

// cfa computes the canonical frame address: the caller's stack pointer.
func (t *Tables) cfa(rules *row, regs *arch.CallRegs) (uint64, error) {
	switch rules.cfa.kind {
	case inRegister:
		v, known := regs.Get(int(rules.cfa.n))
		if !known {
			return 0, fmt.Errorf("frame in register %d, which is not known", rules.cfa.n)
		}
		return v + uint64(rules.offset), nil
	case valExpression:
		return t.evaluate(rules.cfa.expr, regs, nil)
	}
	return 0, errDamaged
}

// callers returns the caller's value of register n.
func (t *Tables) callers(n int, rules *row, regs *arch.CallRegs, cfa uint64) (v uint64, known bool, err error) {
	x := &rules.regs[n]
	switch x.kind {
	case unspecified:
		return t.byConvention(n, regs, cfa)
	case undefined:
		return 0, false, nil
	case sameValue:
		v, known = regs.Get(n)
		return v, known, nil
	case inRegister:
		v, known = regs.Get(int(x.n))
		return v, known, nil
	case valOffset:
		return cfa + uint64(x.n), true, nil
	case atOffset:
		v, err = t.word(cfa + uint64(x.n))
	case valExpression:
		v, err = t.evaluate(x.expr, regs, &cfa)
	case atExpression:
		if v, err = t.evaluate(x.expr, regs, &cfa); err == nil {
			v, err = t.word(v)
		}
	}
	return v, err == nil, err
}

// byConvention is the caller's value of a register of which the table says
// nothing.
func (t *Tables) byConvention(n int, regs *arch.CallRegs, cfa uint64) (v uint64, known bool, err error) {
	c := &t.arch.CallFrame
	if n == c.SP {
		return cfa, true, nil
	}
	for _, saved := range c.Saved {
		if n == saved {
			v, known = regs.Get(n)
		}
	}
	return v, known, nil
}

func (t *Tables) word(a uint64) (uint64, error) {
	b, err := t.mem.View(mem.Addr(a), 8)
	if err != nil {
		return 0, err
	}
	return t.arch.Order.Uint64(b), nil
}
