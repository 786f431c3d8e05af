package code

import (
	"cmp"
	"slices"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// SelectCall is how a function hands the cases of a select statement to
// runtime.selectgo: an array of them in its frame, the sends first in the order
// of the source, then the receives in reverse
// (cmd/compile/internal/walk/select.go; since Go 1.16).
type SelectCall struct {
	// Array is the offset of the array from SP, in bytes.
	Array int64
	// Sends and Recvs are the numbers of cases of each kind, those on nil
	// channels included and the default case not.
	Sends, Recvs int
	// Order lists the places in the array in the order of the source, nil
	// where that is not known. Lines are the lines of the source by place, 0
	// for one that is not known.
	Order, Lines []int
}

// maxCases bounds the cases of a select (runtime/select.go).
const maxCases = 1 << 16

// SelectCall returns how the function at pc, the return address of a call of
// runtime.selectgo, makes that call; ok is false if its code does not say.
func (p *Program) SelectCall(pc mem.Addr) (c SelectCall, ok bool) {
	f := p.table.Func(pc)
	if f == nil || pc <= f.Entry {
		return SelectCall{}, false
	}
	at := int(pc - f.Entry)
	code := p.code(f)
	var stores []frameStores
	p.machine.walkWith(make(map[int64]value), code, f.Entry, func(in *inst, regs *registers) bool {
		switch end := in.off + in.size; {
		case end == at:
			c, ok = p.selectArgs(regs)
			return false
		case end > at:
			return false
		}
		if in.kind == call && p.isDuff(f.Entry+mem.Addr(in.to)) {
			in.kind = plain // it leaves the registers that matter alone
		}
		if in.kind != plain {
			stores = stores[:0] // the cases are stored without a jump in between
		}
		if in.stores[0].ok {
			stores = append(stores, frameStores{in.stores, f.Entry + mem.Addr(in.off)})
		}
		return true
	})
	if !ok {
		return SelectCall{}, false
	}
	c.Lines = make([]int, c.Sends+c.Recvs)
	for i := range stores {
		c.stored(&stores[i], f)
	}
	p.dispatched(&c, code, at, f)
	c.order()
	return c, true
}

// frameStores is what the instruction at pc stores into the frame.
type frameStores struct {
	stores [2]store
	pc     mem.Addr
}

// stored takes the line of a case from the instruction that stores its channel.
// One that stores the element of another case with it may bear the line of that
// one. Constants clear the array.
func (c *SelectCall) stored(s *frameStores, f *pcln.Func) {
	for j, w := range s.stores {
		i, part, of := c.place(w.off)
		if !w.ok || !of || part != 0 || w.kind == constant {
			continue
		}
		_, c.Lines[i] = f.Line(s.pc)
		if other := s.stores[1-j]; other.ok {
			if k, _, of := c.place(other.off); of && k != i {
				c.Lines[i] = 0
			}
		}
	}
}

// dispatched fills in lines from the comparisons of what selectgo returned with
// the places in the array, which follow its call: each bears the line of a case.
func (p *Program) dispatched(c *SelectCall, code []byte, at int, f *pcln.Func) {
	n := c.Sends + c.Recvs
	var in inst
	var regs registers
	for off, seen := at, 0; off < len(code) && seen < maxDispatch*n; seen++ {
		if i, ok := p.machine.compares(code[off:]); ok && i < int64(n) && c.Lines[i] == 0 {
			_, c.Lines[i] = f.Line(f.Entry + mem.Addr(off))
		}
		if !p.machine.decode(code, off, f.Entry, &regs, &in) || in.kind == call || in.kind == callIndirect || in.kind == ret {
			return
		}
		off += in.size
	}
}

// maxDispatch bounds the instructions for each case that tell it from others.
const maxDispatch = 4

// isDuff reports whether a call to a clears or copies a part of the frame
// (runtime.duffzero, runtime.duffcopy).
func (p *Program) isDuff(a mem.Addr) bool {
	f := p.table.Func(a)
	return f != nil && (f.Name == "runtime.duffzero" || f.Name == "runtime.duffcopy")
}

// selectArgs reads the arguments of selectgo(cas0, order0, pc0, nsends, nrecvs,
// block) from the registers.
func (p *Program) selectArgs(regs *registers) (SelectCall, bool) {
	array, sends, recvs := p.machine.arg(regs, 0), p.machine.arg(regs, 3), p.machine.arg(regs, 4)
	if array.kind != frame || sends.kind != constant || recvs.kind != constant {
		return SelectCall{}, false
	}
	n, m := sends.n, recvs.n
	if n < 0 || m < 0 || n > maxCases || m > maxCases || n+m == 0 {
		return SelectCall{}, false
	}
	return SelectCall{Array: array.n, Sends: int(n), Recvs: int(m)}, true
}

// scaseSize is the size of runtime.scase in bytes (select.go): channel and
// element.
const scaseSize = 16

// place is the place in the array of what lies at an offset from SP, and its
// offset in that.
func (c *SelectCall) place(off int64) (i int, part int64, ok bool) {
	n := off - c.Array
	return int(n / scaseSize), n % scaseSize, n >= 0 && n < int64(scaseSize*(c.Sends+c.Recvs))
}

// order finds the order of the source. Sends among each other, and receives, are
// in a known one; between them the lines decide, if all are known and different.
func (c *SelectCall) order() {
	n := c.Sends + c.Recvs
	for i := range c.Sends {
		c.Order = append(c.Order, i)
	}
	for i := n - 1; i >= c.Sends; i-- {
		c.Order = append(c.Order, i)
	}
	if c.Sends == 0 || c.Recvs == 0 {
		return
	}
	ascending := func(list []int) bool {
		for j, i := range list {
			if c.Lines[i] == 0 || j > 0 && c.Lines[list[j-1]] >= c.Lines[i] {
				return false
			}
		}
		return true
	}
	if !ascending(c.Order[:c.Sends]) || !ascending(c.Order[c.Sends:]) {
		c.Order = nil
		return
	}
	slices.SortFunc(c.Order, func(i, j int) int { return cmp.Compare(c.Lines[i], c.Lines[j]) })
	if !ascending(c.Order) {
		c.Order = nil
	}
}
