package wake

import (
	"rtdbg/inspect/code"
	"rtdbg/inspect/heap"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/wait"
)

// Of who reaches a context's done channel few can close it: who holds the
// function that cancels the context or one that it was made from, and the timer
// of a deadline. The context itself cannot be cancelled by those who have it,
// nor do those above it end when it does (context/context.go).

// cancelPath is what a path to the done channel of a context means.
type cancelPath struct {
	// fn is the function value on it that cancels the context or one above
	// it, "" for none.
	fn string
	// up says that it leads through a context, as to the one that that was made
	// from, or through a timer.
	up bool
}

// contextOf returns the context whose done channel object n is, nil if it is
// none or that is not known.
func (a *Analyzer) contextOf(n int) *wait.Context {
	o := &a.objects[n]
	if o.kind != wait.Chan || a.nodes[o.node].global {
		return nil
	}
	edges, _ := a.holdersOf(o.node)
	for _, e := range edges {
		slot := a.nodes[e.holder].extent.Start + mem.Addr(e.at)
		if c := a.wait.ContextByDone(slot, o.addr); c != nil {
			return c
		}
	}
	return nil
}

// cancels says of each of the paths to object n what it means to the context
// whose done channel that is; nil if it is none.
func (a *Analyzer) cancels(n int, op wait.Op, paths []route) []cancelPath {
	if op != wait.Recv || a.contextOf(n) == nil {
		return nil
	}
	list := make([]cancelPath, len(paths))
	fns := make(map[uint32]string)
	for i := range paths {
		p := &paths[i]
		if p.edge < 0 {
			continue
		}
		next := list[p.next] // paths are in the order of their lengths
		list[i] = next
		if a.nodes[p.node].global {
			continue
		}
		if len(a.startsAt[paths[p.next].node]) > 0 {
			list[i] = cancelPath{up: true} // through a timer, which calls it alone
			continue
		}
		if e := &a.edges[p.edge]; a.wait.InContextInterface(a.nodes[p.node].extent.Start + mem.Addr(e.at)) {
			list[i] = cancelPath{up: true}
			continue
		}
		if next.up || next.fn != "" || len(a.startsAt[p.node]) > 0 {
			continue
		}
		fn, known := fns[p.node]
		if !known {
			fn = a.canceller(a.nodes[p.node].extent)
			fns[p.node] = fn
		}
		list[i].fn = fn
	}
	return list
}

// maxCanceller bounds the size of a function value that is looked at.
const maxCanceller = 128

// canceller returns the name of the function of the function value in x if its
// code cancels a context, else "".
func (a *Analyzer) canceller(x heap.Extent) string {
	if a.code == nil || x.End-x.Start > maxCanceller {
		return ""
	}
	w, err := a.rt.ReadWord(x.Start)
	if err != nil {
		return ""
	}
	c, ok := a.code.Closure(mem.Addr(w))
	if !ok {
		return ""
	}
	if r := a.code.Func(mem.Addr(w)); (r.Own|r.Called)&code.Cancel == 0 {
		return ""
	}
	return c.Name
}

// apply makes of c what the path makes of it.
func (p *cancelPath) apply(c *Candidate) {
	if p.fn != "" {
		c.cancel = p.fn
		c.ability.can, c.ability.ops = yes, code.Cancel
		return
	}
	if c.ability.can != yes || c.ability.ops&code.Cancel == 0 {
		// What else it sends or closes are other channels.
		c.noCancel, c.ability.can = true, perhaps
	}
}
