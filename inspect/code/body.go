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
	makesDefer                  // one that is called when the function returns
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

// span is code at offsets [lo, hi) of a function.
type span struct{ lo, hi uint32 }

// inlined is code that belongs to an inlined operation.
type inlined struct {
	span
	ops Ops
}

// body is what a function's code does, in the order of its instructions.
type body struct {
	events  []event
	inlined []inlined
	refs    []ref
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
}

func (b *builder) visit(in *inst, regs *registers) bool {
	if in.ref != 0 {
		b.refer(in)
	}
	switch in.kind {
	case call:
		b.call(in, b.direct(in.to), regs)
	case jump, branch:
		if in.to < 0 || in.to >= int64(b.n.End-b.n.Entry) {
			b.call(in, b.direct(in.to), regs)
		}
	case callIndirect:
		if !b.callsDeferred(in) {
			b.call(in, b.known(in.target), regs)
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

// callsDeferred reports whether an indirect call is one of those that the
// function has deferred: they are events where they are deferred.
func (b *builder) callsDeferred(in *inst) bool {
	if in.target.kind != through || !b.openDefers {
		return false
	}
	delta, ok := b.n.SPDelta(b.n.Entry + mem.Addr(in.off))
	if !ok {
		return false
	}
	// The locals end below the saved frame pointer.
	off := int64(delta) - int64(b.p.arch.PtrSize) - in.target.n
	return off > 0 && slices.Contains(b.slots, uint32(off))
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
	ops := make([]Ops, len(in.Calls))
	for i := range in.Calls {
		// A call is part of its parents, too; a corrupt tree may loop.
		for j, steps := i, 0; j >= 0 && steps < len(in.Calls); j, steps = in.Calls[j].Parent, steps+1 {
			ops[i] |= b.p.ops[in.Calls[j].Func]
		}
	}
	for _, r := range in.Ranges {
		o := ops[r.Call]
		if o == 0 {
			continue
		}
		lo, hi := uint32(r.Lo-b.n.Entry), uint32(r.Hi-b.n.Entry)
		if last := len(b.inlined) - 1; last >= 0 && b.inlined[last].hi == lo && b.inlined[last].ops == o {
			b.inlined[last].hi = hi
			continue
		}
		b.inlined = append(b.inlined, inlined{span{lo, hi}, o})
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
