package code

import (
	"slices"
	"sort"

	"rtdbg/inspect/mem"
)

// flow is the control flow of one function: its basic blocks in order.
type flow struct {
	blocks []block
	// stops are the ends of calls that do not return, in order.
	stops []uint32
	// whole says that the code could not be decoded: any instruction may
	// follow any other.
	whole bool
}

// block is code that is entered at lo only.
type block struct {
	span
	// next are the numbers of the blocks that may follow.
	next []int
}

// edge is an instruction that ends a block.
type edge struct {
	off, end uint32
	kind     instKind
	to       int64
}

// flowOf returns the control flow of n.
func (p *Program) flowOf(n *fn) *flow {
	n.flowOnce.Do(func() { n.flow = p.buildFlow(n) })
	return n.flow
}

func (p *Program) buildFlow(n *fn) *flow {
	code := p.code(n.Func)
	var edges []edge
	var tables []int64 // targets of jump tables
	var stops []uint32
	ok := code != nil && p.machine.walk(code, n.Entry, func(in *inst, _ *registers) bool {
		e := edge{off: uint32(in.off), end: uint32(in.off + in.size), kind: in.kind, to: in.to}
		switch in.kind {
		case jump, branch, jumpIndirect, ret, trap:
			edges = append(edges, e)
		case call:
			if f := p.table.Func(n.Entry + mem.Addr(in.to)); f != nil && noReturn(f.Name) {
				e.kind = trap
				edges = append(edges, e)
				stops = append(stops, e.end)
			}
		}
		if in.taken {
			tables = p.jumpTable(n, in.ref, tables)
		}
		return true
	})
	if !ok {
		return &flow{whole: true}
	}
	fl := newFlow(uint32(len(code)), edges, tables)
	fl.stops = stops
	return fl
}

// maxTable bounds a jump table in entries.
const maxTable = 1 << 14

// jumpTable adds the targets of the jump table of n at a, if it is one: a list
// of addresses inside the function.
func (p *Program) jumpTable(n *fn, a mem.Addr, targets []int64) []int64 {
	if a >= n.Entry && a < n.End {
		return targets
	}
	for range maxTable {
		w, ok := p.word(a)
		if t := mem.Addr(w); !ok || t <= n.Entry || t >= n.End {
			break
		}
		targets = append(targets, int64(mem.Addr(w)-n.Entry))
		a += 8
	}
	return targets
}

func newFlow(size uint32, edges []edge, tables []int64) *flow {
	inside := func(to int64) bool { return to >= 0 && to < int64(size) }
	cuts := []uint32{0}
	for _, e := range edges {
		cuts = append(cuts, e.end)
		if (e.kind == jump || e.kind == branch) && inside(e.to) {
			cuts = append(cuts, uint32(e.to))
		}
	}
	for _, t := range tables {
		cuts = append(cuts, uint32(t))
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	fl := &flow{}
	for i, lo := range cuts {
		hi := size
		if i+1 < len(cuts) {
			hi = cuts[i+1]
		}
		if lo < hi {
			fl.blocks = append(fl.blocks, block{span: span{lo, hi}})
		}
	}
	e := 0
	for i := range fl.blocks {
		b := &fl.blocks[i]
		for e < len(edges) && edges[e].end < b.hi {
			e++
		}
		var last *edge
		if e < len(edges) && edges[e].end == b.hi {
			last = &edges[e]
		}
		fl.connect(i, last, tables)
	}
	return fl
}

// connect finds what follows block i, which ends with the instruction last if
// that is not nil.
func (fl *flow) connect(i int, last *edge, tables []int64) {
	b := &fl.blocks[i]
	if last == nil || last.kind == branch {
		if i+1 < len(fl.blocks) {
			b.next = append(b.next, i+1)
		}
	}
	if last == nil {
		return
	}
	switch last.kind {
	case jump, branch:
		if j, ok := fl.find(last.to); ok {
			b.next = append(b.next, j)
		}
	case jumpIndirect:
		for _, t := range tables {
			if j, ok := fl.find(t); ok {
				b.next = append(b.next, j)
			}
		}
	}
}

// find returns the number of the block that offset off lies in.
func (fl *flow) find(off int64) (int, bool) {
	i := sort.Search(len(fl.blocks), func(i int) bool { return int64(fl.blocks[i].hi) > off })
	return i, i < len(fl.blocks) && int64(fl.blocks[i].lo) <= off
}

// after returns the code that can be executed from off on.
func (fl *flow) after(off uint32) []span {
	if fl.whole {
		return []span{{0, ^uint32(0)}}
	}
	start, ok := fl.find(int64(off))
	if _, stops := slices.BinarySearch(fl.stops, off); !ok || stops {
		return nil
	}
	seen := fl.reach(fl.blocks[start].next, func(i int) []int { return fl.blocks[i].next })
	return fl.spans(seen, start, span{off, fl.blocks[start].hi})
}

// before returns the code that can have been executed when the instruction
// that ends at off is next: without that instruction, if it is a call.
func (fl *flow) before(off uint32) []span {
	if fl.whole {
		return []span{{0, ^uint32(0)}}
	}
	// A return address may be the start of the next block; the call is in
	// the one before.
	start, ok := fl.find(int64(off) - 1)
	if !ok {
		return nil
	}
	back := make([][]int, len(fl.blocks))
	for i := range fl.blocks {
		for _, j := range fl.blocks[i].next {
			back[j] = append(back[j], i)
		}
	}
	seen := fl.reach(back[start], func(i int) []int { return back[i] })
	from := fl.reach([]int{0}, func(i int) []int { return fl.blocks[i].next })
	for i := range seen {
		seen[i] = seen[i] && from[i]
	}
	return fl.spans(seen, start, span{fl.blocks[start].lo, off - 1})
}

// reach marks the blocks that can be reached from some.
func (fl *flow) reach(from []int, next func(i int) []int) []bool {
	seen := make([]bool, len(fl.blocks))
	todo := slices.Clone(from)
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[i] {
			continue
		}
		seen[i] = true
		todo = append(todo, next(i)...)
	}
	return seen
}

// spans lists the marked blocks and, of block start, at least part.
func (fl *flow) spans(seen []bool, start int, part span) []span {
	var list []span
	for i := range fl.blocks {
		s := fl.blocks[i].span
		if i == start && !seen[i] {
			s = part
		} else if !seen[i] {
			continue
		}
		if n := len(list); n > 0 && list[n-1].hi == s.lo {
			list[n-1].hi = s.hi
		} else if s.lo < s.hi {
			list = append(list, s)
		}
	}
	return list
}

// overlaps reports whether s shares code with one of list, which is in order.
func overlaps(list []span, s span) bool {
	i := sort.Search(len(list), func(i int) bool { return list[i].hi > s.lo })
	return i < len(list) && list[i].lo < s.hi
}
