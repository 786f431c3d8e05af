package code

import (
	"strings"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// Closure is what is known of a function that is called through a function
// value.
type Closure struct {
	// Name is the function's.
	Name string
	// Words is how many words behind the code pointer its code is seen to
	// read: at least so many variables are captured.
	Words int
	// Wrapper says that the compiler made it for a defer or go statement
	// that calls a function with arguments: the fields below describe that
	// call.
	Wrapper bool
	// Callee is the function that the wrapper calls, "" if it calls what is
	// not known from the code; Ops is what that does if it is an operation.
	Callee string
	Ops    Ops
	// Itab is the index of the captured word that points to the method table
	// of an interface, Method the offset in it of the address of the method
	// that the wrapper calls. Method is 0 where it calls none.
	Itab, Method int
	// Receiver is the index of the captured word that is the callee's first
	// argument or receiver, -1 if that is not known; Global is the address
	// of a package-level variable if that is the first argument.
	Receiver int
	Global   mem.Addr
}

// maxWords bounds the captured words that are believed.
const maxWords = 64

// Closure describes the function that begins at entry. It is false if none
// does.
func (p *Program) Closure(entry mem.Addr) (Closure, bool) {
	p.reachMu.RLock()
	c, ok := p.closures[entry]
	p.reachMu.RUnlock()
	if ok {
		return c, true
	}
	n := p.entry(entry)
	if n == nil {
		return Closure{}, false
	}
	c = p.describe(n)
	p.reachMu.Lock()
	defer p.reachMu.Unlock()
	p.closures[entry] = c
	return c, true
}

func (p *Program) describe(n *fn) Closure {
	c := Closure{Name: n.Name, Receiver: -1}
	c.Wrapper = n.ID == pcln.FuncIDWrapper || strings.Contains(n.Name, ".deferwrap") || strings.Contains(n.Name, ".gowrap")
	p.captures(n, &c)
	if c.Wrapper {
		p.unwrap(n, &c)
	}
	return c
}

// captures fills in the captured words, and for a wrapper what it calls.
func (p *Program) captures(n *fn, c *Closure) {
	p.machine.walkWith(make(map[int64]value), p.code(n.Func), n.Entry, func(in *inst, regs *registers) bool {
		for _, v := range regs {
			if v.kind == captured && v.n > 0 && v.n%8 == 0 {
				c.Words = max(c.Words, min(int(v.n/8), maxWords))
			}
		}
		if !c.Wrapper || c.Callee != "" || c.Method != 0 {
			return true
		}
		switch in.kind {
		case call:
			p.calledBy(c, p.table.Func(n.Entry+mem.Addr(in.to)), regs)
		case callIndirect:
			if v := in.target; v.kind == method && v.n>>32 >= 8 {
				c.Itab, c.Method = int(v.n>>32/8)-1, int(uint32(v.n))
				c.passes(p.machine.arg(regs, 0))
			}
		}
		return true
	})
}

// calledBy fills in the function that a wrapper calls, unless it is one of the
// runtime's that helps it.
func (p *Program) calledBy(c *Closure, f *pcln.Func, regs *registers) {
	if f == nil {
		return
	}
	callee := p.fn(f)
	if callee.opaque && callee.prim == 0 {
		return
	}
	c.Callee, c.Ops = f.Name, narrow(plainName(f.Name), callee.prim, p.machine, regs)
	c.passes(p.machine.arg(regs, 0))
}

// passes fills in the first argument of what a wrapper calls.
func (c *Closure) passes(v value) {
	switch v.kind {
	case captured:
		c.Receiver = int(v.n/8) - 1
	case address:
		c.Global = mem.Addr(v.n)
	}
}

// unwrap fills in what a wrapper calls where the call was inlined into it.
func (p *Program) unwrap(n *fn, c *Closure) {
	b := p.bodyOf(n)
	if in := n.Inlining(); len(in.Ranges) > 0 {
		// The outermost inlined call is the deferred one.
		for i := range in.Calls {
			if in.Calls[i].Parent < 0 {
				c.Callee, c.Ops = in.Calls[i].Func, p.ops[in.Calls[i].Func]
				break
			}
		}
		for _, i := range b.inlined {
			c.Ops |= i.ops
		}
	}
	switch {
	case c.Receiver >= 0 || c.Global != 0 || c.Callee == "":
	case c.Words > 0:
		c.Receiver = 0
	case len(b.refs) > 0:
		c.Global = b.refs[0].addr
	}
}

// Operation names the function that begins at entry and says what it does if
// it is an operation; "" and 0 where none begins there.
func (p *Program) Operation(entry mem.Addr) (name string, ops Ops) {
	n := p.entry(entry)
	if n == nil {
		return "", 0
	}
	return n.Name, n.prim
}
