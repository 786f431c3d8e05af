package code

import (
	"slices"
	"sort"

	"rtdbg/inspect/mem"
)

// Locked returns the places at which the function at pc has done one of lock
// on the shortest way to pc without having done one of unlock since: the locks
// that it holds there, if it locks and unlocks by turns. A function that it
// calls counts as locking if it locks and does not unlock, and the other way
// round. The call in progress at pc does not count, nor what is deferred.
func (p *Program) Locked(pc mem.Addr, lock, unlock Ops) []Site {
	f := p.table.Func(pc)
	if f == nil {
		return nil
	}
	n := p.fn(f)
	if n.opaque || n.prim != 0 {
		return nil
	}
	fl := p.flowOf(n)
	off := uint32(pc - f.Entry)
	if fl.whole || off == 0 {
		return nil
	}
	turns := p.turns(n, lock, unlock, off)
	if len(turns) == 0 {
		return nil
	}
	return heldAt(fl, turns, off)
}

// turn is a place at which a function locks or unlocks.
type turn struct {
	off    uint32
	unlock bool
	site   Site
}

// callSize is how many bytes in front of a return address belong to the call:
// the size of a direct call.
const callSize = 5

// turns lists the places in n at which it locks or unlocks, in order, but for
// what is in progress at off.
func (p *Program) turns(n *fn, lock, unlock Ops, off uint32) []turn {
	b := p.bodyOf(n)
	var list []turn
	add := func(at uint32, ops Ops) {
		locks, unlocks := ops&lock != 0, ops&unlock != 0
		if locks == unlocks {
			return
		}
		s := Site{Ops: ops & (lock | unlock), PC: n.Entry + mem.Addr(at)}
		p.place(n, &s)
		list = append(list, turn{at, unlocks, s})
	}
	for i := range b.events {
		e := &b.events[i]
		if e.off < off && e.off+callSize >= off || inInlined(b, e.off) {
			continue
		}
		switch {
		case e.kind == does:
			add(e.off, e.ops)
		case e.kind == calls:
			s := p.sumOf(e.to)
			add(e.off, s.do[program]|s.do[library])
		}
	}
	for _, in := range b.inlined {
		if off <= in.lo || off > in.hi {
			add(in.lo, in.ops)
		}
	}
	slices.SortFunc(list, func(x, y turn) int { return int(x.off) - int(y.off) })
	return list
}

// inInlined reports whether offset off belongs to an inlined operation.
func inInlined(b *body, off uint32) bool {
	at := sort.Search(len(b.inlined), func(j int) bool { return b.inlined[j].hi > off })
	return at < len(b.inlined) && b.inlined[at].lo <= off
}

// way is the state at the beginning of a block on the shortest way there.
type way struct {
	block int
	held  []Site
	last  turn
}

// heldAt follows the blocks from the function's entry to off.
func heldAt(fl *flow, turns []turn, off uint32) []Site {
	goal, ok := fl.find(int64(off) - 1)
	if !ok {
		return nil
	}
	seen := make([]bool, len(fl.blocks))
	queue := []way{{}}
	seen[0] = true
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		b := &fl.blocks[w.block]
		i := sort.Search(len(turns), func(i int) bool { return turns[i].off >= b.lo })
		for ; i < len(turns) && turns[i].off < b.hi && (w.block != goal || turns[i].off < off); i++ {
			w.take(turns[i])
		}
		if w.block == goal {
			return w.held
		}
		for _, next := range b.next {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, way{next, slices.Clone(w.held), w.last})
			}
		}
	}
	return nil
}

// take notes that the way comes by t. One inlined operation may lie in several
// pieces, which have the same line.
func (w *way) take(t turn) {
	if w.last.site.PC != 0 && w.last.unlock == t.unlock && w.last.site.Line == t.site.Line && w.last.site.Func == t.site.Func {
		return
	}
	w.last = t
	if t.unlock {
		w.held = w.held[:max(len(w.held)-1, 0)]
		return
	}
	w.held = append(w.held, t.site)
}
