package stack

import (
	"errors"
	"fmt"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
)

// ErrNoSigframe: a signal handler's frame has no signal context above it
// that makes sense.
var ErrNoSigframe = errors.New("no signal context")

// maxNested bounds signal handlers that were interrupted by signals.
const maxNested = 16

// SignalContext finds out where a thread was when a signal interrupted it.
// regs are the thread's registers now and [lo, hi) bounds its signal stack,
// m.gsignal.stack; both 0 when that is unknown.
//
// It unwinds to runtime.sigtramp, above which the kernel put the interrupted
// registers. Where these are a signal handler's again, as in a program that
// crashes and raises SIGABRT in its handler, it goes on to the outermost one.
// It is false, without an error, when the thread is not in a Go signal
// handler: its stack does not pass through sigtramp. It fails when it does,
// but what is above it is not a signal frame.
//
// Of the result TLS is that of regs: a signal does not change it.
func (u *Unwinder) SignalContext(regs arch.Regs, lo, hi mem.Addr) (arch.Regs, bool, error) {
	found := false
	for range maxNested {
		sp := mem.Addr(regs.SP)
		if hi != 0 && (sp < lo || sp >= hi) {
			return regs, found, nil
		}
		at, ok := u.sigframe(regs, lo, hi)
		if !ok {
			return regs, found, nil
		}
		r, stack, err := u.readSigframe(at)
		if err != nil {
			return regs, true, err
		}
		r.TLS = regs.TLS
		if mem.Addr(r.SP) >= stack.Start && mem.Addr(r.SP) < at {
			return regs, true, fmt.Errorf("stack: signal frame at %v interrupts SP %#x below it: %w", at, r.SP, ErrNoSigframe)
		}
		regs, found = r, true
		if !stack.Contains(mem.Addr(r.SP)) {
			return regs, true, nil
		}
	}
	return regs, true, fmt.Errorf("stack: more than %d nested signal handlers: %w", maxNested, ErrNoSigframe)
}

// sigframe returns the address of the signal frame that a thread with these
// registers will return to.
func (u *Unwinder) sigframe(regs arch.Regs, lo, hi mem.Addr) (mem.Addr, bool) {
	t := u.Unwind(Start{
		PC: mem.Addr(regs.PC), SP: mem.Addr(regs.SP), LR: mem.Addr(regs.LR),
		Lo: lo, Hi: hi, Trap: true,
	})
	for i := range t.Stack.Frames {
		if p := &t.Stack.Frames[i]; p.Func.Name == "runtime.sigtramp" {
			return t.SP + mem.Addr(p.FP), true
		}
	}
	return 0, false
}

// readSigframe reads the registers, and the signal stack's bounds, from the
// signal frame that begins at the SP to which the handler's return pops.
func (u *Unwinder) readSigframe(at mem.Addr) (arch.Regs, mem.Range, error) {
	l := &u.syms.traits.sigframe
	at += mem.Addr(l.ucontext)
	b, err := u.syms.mem.View(at, int(l.size))
	if err != nil {
		return arch.Regs{}, mem.Range{}, fmt.Errorf("stack: ucontext: %w", err)
	}
	word := func(off uint64) uint64 { return u.syms.arch.Order.Uint64(b[off:]) }
	// The kernel records the alternate stack that it runs the handler on.
	stack, size := word(l.stackSP), word(l.stackSize)
	if uint64(at) < stack || uint64(at)-stack >= size {
		return arch.Regs{}, mem.Range{}, fmt.Errorf("stack: ucontext at %v is not on its signal stack at %#x: %w", at, stack, ErrNoSigframe)
	}
	if cs := u.syms.arch.Order.Uint16(b[l.cs:]); l.csUser != 0 && cs != l.csUser {
		return arch.Regs{}, mem.Range{}, fmt.Errorf("stack: ucontext at %v has code segment %#x: %w", at, cs, ErrNoSigframe)
	}
	r := arch.Regs{PC: word(l.pc), SP: word(l.sp), FP: word(l.fp), G: word(l.g)}
	if l.lr != 0 {
		r.LR = word(l.lr)
	}
	for i := range min(len(b)/8, len(r.General)) {
		r.General[i] = word(uint64(8 * i))
	}
	return r, mem.Range{Start: mem.Addr(stack), End: mem.Addr(stack + size)}, nil
}
