package pcln

import (
	"sort"

	"rtdbg/inspect/mem"
)

// Inlining says which parts of a function's code come from calls inlined into
// it.
type Inlining struct {
	// Ranges are those parts, in order of their PCs. Code between them is the
	// function's own.
	Ranges []InlinedRange
	// Calls are the inlined calls that Ranges name.
	Calls []InlinedCall
}

// InlinedRange is code at [Lo, Hi) of which Calls[Call] is the innermost
// inlined call.
type InlinedRange struct {
	Lo, Hi mem.Addr
	Call   int
}

// InlinedCall is a call that was inlined.
type InlinedCall struct {
	// Func is the symbol name of the function that was called.
	Func string
	// Parent is the index of the inlined call that it is part of, -1 where
	// the function itself made it.
	Parent int
}

// Inlining returns the calls inlined into f, as Lines has them for single PCs.
// What does not decode is left out.
func (f *Func) Inlining() Inlining {
	var in Inlining
	tree := f.FuncData(FuncDataInlTree)
	if tree == 0 || PCDataInlTreeIndex >= len(f.pcdata)/4 {
		return in
	}
	numbers := make(map[int32]int)
	var parents []int32
	add := func(index int32) int {
		if n, ok := numbers[index]; ok {
			return n
		}
		c, ok := f.inlinedCall(tree, index)
		if !ok {
			numbers[index] = -1
			return -1
		}
		n := len(in.Calls)
		numbers[index] = n
		in.Calls = append(in.Calls, InlinedCall{Func: c.name, Parent: -1})
		parents = append(parents, c.parentPC)
		return n
	}
	f.steps(f.mod.tab.order.Uint32(f.pcdata[4*PCDataInlTreeIndex:]), func(lo, hi mem.Addr, index int32) {
		if index < 0 {
			return
		}
		if n := add(index); n >= 0 {
			in.Ranges = append(in.Ranges, InlinedRange{Lo: lo, Hi: hi, Call: n})
		}
	})
	// The parent of a call is what its parentPC is part of. A parent may have
	// no instruction left but that one.
	for n := range parents {
		pc := f.Entry + mem.Addr(parents[n])
		i := sort.Search(len(in.Ranges), func(i int) bool { return in.Ranges[i].Hi > pc })
		if i < len(in.Ranges) && in.Ranges[i].Lo <= pc && in.Ranges[i].Call != n {
			in.Calls[n].Parent = in.Ranges[i].Call
		}
	}
	return in
}

// steps calls visit for each step of the pcvalue table at off in pctab:
// code at [lo, hi) has the value.
func (f *Func) steps(off uint32, visit func(lo, hi mem.Addr, value int32)) {
	p := f.mod.pctab
	if off == 0 || uint64(off) >= uint64(len(p)) {
		return
	}
	p = p[off:]
	quantum := mem.Addr(f.mod.tab.arch.PCQuantum)
	pc, val := f.Entry, int32(-1)
	for range maxSteps {
		uv, n := readvarint(p)
		if n == 0 || uv == 0 && pc != f.Entry {
			return
		}
		val += int32(-(uv & 1) ^ (uv >> 1))
		p = p[n:]
		delta, n := readvarint(p)
		if n == 0 {
			return
		}
		p = p[n:]
		lo := pc
		pc += mem.Addr(delta) * quantum
		visit(lo, pc, val)
	}
}
