package code

import (
	"slices"
	"sort"
	"strings"

	"rtdbg/inspect/mem"
)

// eventKind is what an event of a function's code is.
type eventKind uint8

const (
	does       eventKind = iota // an operation
	calls                       // a call of another function
	makes                       // a function value is made: it may be called later
	makesDefer                  // one that is called when the function returns; to is nil if it is not known
	makesGo                     // one that a new goroutine calls
)

// event is something that a function's code does at one instruction.
type event struct {
	off  uint32
	kind eventKind
	ops  Ops
	to   *fn
	// on is what is known of the object of an operation.
	on value
}

// ref is a reference to a package-level variable.
type ref struct {
	off  uint32
	addr mem.Addr
}

// atomicOp is an atomic instruction and the address that it works on.
type atomicOp struct {
	off uint32
	on  value
}

// span is code at offsets [lo, hi) of a function.
type span struct{ lo, hi uint32 }

// inlined is code that belongs to an inlined operation. call tells apart the
// calls that were inlined: the code of one may lie in several places.
type inlined struct {
	span
	ops  Ops
	call int
}

// body is what a function's code does, in the order of its instructions.
type body struct {
	events  []event
	inlined []inlined
	refs    []ref
	// atomics are where its atomic instructions are whose operand is known.
	atomics []atomicOp
	// unread says that not all of the code could be read and decoded.
	unread bool
}

// bodyOf returns what the code of n does. That of primitives and of the
// runtime is empty.
func (p *Program) bodyOf(n *fn) *body {
	n.bodyOnce.Do(func() {
		n.body = &body{}
		if !n.opaque {
			p.build(n)
		}
	})
	return n.body
}

// builder builds the body of one function.
type builder struct {
	p *Program
	n *fn
	*body
	// openDefers says that the function calls its deferred functions itself,
	// slots where it keeps their values.
	openDefers bool
	slots      []uint32
	// stores are the words that it stores into its frame, if it keeps
	// function values there: deferred ones, or those that cancel contexts.
	stores   []store
	contexts bool
	// values are the events of function values whose use is not yet known.
	values []int
}

func (p *Program) build(n *fn) {
	b := builder{p: p, n: n, body: n.body}
	od, ok, _ := n.OpenDefers()
	b.openDefers, b.slots = ok, od.Slots
	code := p.code(n.Func)
	b.unread = code == nil || !p.machine.walk(code, n.Entry, b.visit)
	b.addInlined()
	b.resolve()
}

func (b *builder) visit(in *inst, regs *registers) bool {
	if in.ref != 0 {
		b.refer(in)
	}
	if in.atomic.kind != unknown {
		b.atomics = append(b.atomics, atomicOp{uint32(in.off), in.atomic})
	}
	for _, s := range in.stores {
		if s.ok && (b.openDefers || b.contexts) {
			b.stores = append(b.stores, s)
		}
	}
	switch in.kind {
	case call:
		f := b.direct(in.to)
		b.call(in, f, regs)
		if f != nil && givesCancel(f.Name) {
			b.contexts = true
			in.set(b.p.machine.args[2], value{kind: canceller})
		}
	case jump, branch:
		if in.to < 0 || in.to >= int64(b.n.End-b.n.Entry) {
			b.call(in, b.direct(in.to), regs)
		}
	case callIndirect:
		f := b.known(in.target)
		b.call(in, f, regs)
		if f == nil {
			b.events[len(b.events)-1].on = in.target
		}
	case jumpIndirect:
		if f := b.known(in.target); f != nil {
			b.call(in, f, regs)
		}
	}
	return true
}

// direct returns the function that a direct call or jump to offset to goes to.
// Some go into the middle of one: runtime.duffzero.
func (b *builder) direct(to int64) *fn {
	f := b.p.table.Func(b.n.Entry + mem.Addr(to))
	if f == nil {
		return nil
	}
	return b.p.fn(f)
}

// known returns the function that an indirect call is known to call.
func (b *builder) known(v value) *fn {
	if v.kind != address {
		return nil
	}
	return b.p.entry(mem.Addr(v.n))
}

// resolve finds out of indirect calls what they call, where the function value
// is one that the function has put into its frame: a deferred one, which is an
// event where it is deferred, or one that cancels a context.
func (b *builder) resolve() {
	for i := range b.events {
		e := &b.events[i]
		if e.kind != does || e.ops != Dynamic {
			continue
		}
		on := e.on
		e.on = value{}
		deferred := on.kind == through && b.isSlot(e.off, on.n)
		if deferred {
			e.kind = makesDefer
		}
		switch {
		case on.kind == cancels, on.kind == through && b.holdsOnly(on.n, canceller):
			e.ops = Cancel
		case deferred && b.holdsOnly(on.n, frame, address):
			e.ops = 0
		case on.kind == slot && b.openDefers && b.holdsOnly(on.n, address):
			// The deferred function value itself lies in the frame, too.
			e.ops = 0
		}
	}
}

// isSlot reports whether the word at offset at from SP is one of b.slots. off
// is that of an instruction.
func (b *builder) isSlot(off uint32, at int64) bool {
	delta, ok := b.n.SPDelta(b.n.Entry + mem.Addr(off))
	// The locals end below the saved frame pointer.
	down := int64(delta) - int64(b.p.arch.PtrSize) - at
	return ok && down > 0 && slices.Contains(b.slots, uint32(down))
}

// maxCopies bounds how often a value is copied from one word of the frame to
// another.
const maxCopies = 4

// holdsOnly reports whether only values of some kinds are stored at an offset
// from SP, perhaps by way of other words, and at least one is. Constants clear
// it.
func (b *builder) holdsOnly(off int64, kinds ...valueKind) bool {
	return b.holds(off, maxCopies, kinds)
}

func (b *builder) holds(off int64, copies int, kinds []valueKind) bool {
	found := false
	for _, s := range b.stores {
		switch {
		case s.off != off || s.kind == constant:
			continue
		case slices.Contains(kinds, s.kind):
		case s.kind != slot || copies == 0 || !b.holds(s.n, copies-1, kinds):
			return false
		}
		found = true
	}
	return found
}

// refer notes what an operand names: a function value or a variable.
func (b *builder) refer(in *inst) {
	off := uint32(in.off)
	if b.p.inData(in.ref) {
		b.refs = append(b.refs, ref{off, in.ref})
		return
	}
	if !in.taken {
		return
	}
	f := b.p.entry(in.ref)
	if f == nil {
		f = b.p.funcValue(in.ref)
	}
	if f == nil || f == b.n || f.opaque && f.prim == 0 {
		return
	}
	kind := makes
	switch name := f.Name; {
	case strings.Contains(name, ".gowrap"):
		kind = makesGo
	case strings.Contains(name, ".deferwrap"), b.openDefers && strings.HasPrefix(name, b.n.Name+".func"):
		kind = makesDefer
	}
	b.values = append(b.values, len(b.events))
	b.events = append(b.events, event{off: off, kind: kind, to: f})
}

// call notes a call of f, nil if it is not known what is called.
func (b *builder) call(in *inst, f *fn, regs *registers) {
	if f == nil {
		b.values = b.values[:0]
		b.events = append(b.events, event{off: uint32(in.off), kind: does, ops: Dynamic})
		return
	}
	name := plainName(f.Name)
	if deferring(name) && len(b.values) == 0 {
		b.events = append(b.events, event{off: uint32(in.off), kind: makesDefer, ops: Dynamic})
	}
	b.use(name)
	switch {
	case f.prim != 0:
		m := b.p.machine
		b.events = append(b.events, event{off: uint32(in.off), kind: does, ops: narrow(name, f.prim, m, regs), on: m.arg(regs, 0)})
	case f.opaque, f == b.n:
	default:
		b.events = append(b.events, event{off: uint32(in.off), kind: calls, to: f})
	}
}

// use tells what the function values made in front of a call of name are for.
func (b *builder) use(name string) {
	if len(b.values) == 0 || betweenValueAndCall(name) {
		return
	}
	last := &b.events[b.values[len(b.values)-1]]
	switch {
	case name == newproc:
		last.kind = makesGo
	case deferring(name):
		last.kind = makesDefer
	}
	b.values = b.values[:0]
}

// narrow leaves of a primitive's operations those that its arguments allow.
func narrow(name string, ops Ops, m *machine, regs *registers) Ops {
	switch name {
	case selectgo:
		// selectgo(cas0, order0, pc0, nsends, nrecvs, block)
		if v := m.arg(regs, 3); v == (value{kind: constant}) {
			ops &^= SelectSend
		}
		if v := m.arg(regs, 4); v == (value{kind: constant}) {
			ops &^= SelectRecv
		}
	case groupAdd:
		if v := m.arg(regs, 1); v.kind == constant && v.n < 0 {
			ops &^= Add
		} else if v.kind == constant {
			ops &^= Done
		}
	}
	return ops
}

// addInlined notes the operations among the inlined calls.
func (b *builder) addInlined() {
	in := b.n.Inlining()
	if len(in.Ranges) == 0 {
		return
	}
	ops, outer := make([]Ops, len(in.Calls)), make([]int, len(in.Calls))
	for i := range in.Calls {
		// A call is part of its parents, too; a corrupt tree may loop.
		for j, steps := i, 0; j >= 0 && steps < len(in.Calls); j, steps = in.Calls[j].Parent, steps+1 {
			if o := b.p.ops[in.Calls[j].Func]; o != 0 {
				ops[i], outer[i] = ops[i]|o, j
			}
		}
	}
	for _, r := range in.Ranges {
		o, call := ops[r.Call], outer[r.Call]
		if o == 0 {
			continue
		}
		lo, hi := uint32(r.Lo-b.n.Entry), uint32(r.Hi-b.n.Entry)
		if last := len(b.inlined) - 1; last >= 0 && b.inlined[last].hi == lo && b.inlined[last].call == call {
			b.inlined[last].hi = hi
			b.inlined[last].ops |= o
			continue
		}
		b.inlined = append(b.inlined, inlined{span{lo, hi}, o, call})
	}
	b.dropSemaphores()
}

// dropSemaphores removes what inlined operations do to the semaphores that
// they are made of.
func (b *builder) dropSemaphores() {
	for i := range b.events {
		e := &b.events[i]
		at := sort.Search(len(b.inlined), func(j int) bool { return b.inlined[j].hi > e.off })
		if at < len(b.inlined) && b.inlined[at].lo <= e.off {
			e.ops &^= Acquire | Release
		}
	}
}
