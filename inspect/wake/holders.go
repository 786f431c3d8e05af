package wake

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"rtdbg/inspect/heap"
	"rtdbg/inspect/mem"
)

// edge is a word in one node that points into another, of a lower level or
// not.
type edge struct {
	// target and holder are numbers of nodes.
	target, holder uint32
	// at is the offset of the word in the holder, to the offset in the target
	// to which it points.
	at, to uint32
}

// The limits that keep the search for holders linear.
const (
	// maxLevels is how many pointers lead from a stack to an object, at
	// most: a map takes four of them.
	maxLevels = 6
	// maxHolders is how many words that point to one node are followed.
	maxHolders = 256
	// maxReferences is how many words are looked at for each level.
	maxReferences = 4 << 20
	// maxSearch is how many bytes of heap are searched in all.
	maxSearch = 16 << 30
)

// findHolders finds, level by level, what holds the objects that goroutines
// wait on: heap objects and package-level variables.
func (a *Analyzer) findHolders(ctx context.Context) error {
	if a.heap == nil || len(a.objects) == 0 {
		a.linkEdges()
		return nil
	}
	held := a.stackHeld()
	targets := a.heap.NewSet()
	var vars []heap.Extent
	for i := range a.nodes {
		targets.Add(a.nodes[i].extent.Start)
		if a.nodes[i].global {
			vars = append(vars, a.nodes[i].extent)
		}
	}
	variables := heap.NewExtents(vars)
	var pending heap.References // of the level before, not yet known to matter
	searched := uint64(0)
	for level := uint8(1); level <= maxLevels+1; level++ {
		if level > maxLevels || searched > maxSearch {
			targets = nil
		}
		var refs heap.References
		if targets != nil {
			var more bool
			var err error
			refs, more, _, err = a.heap.References(ctx, targets, a.books, variables, maxReferences)
			if err != nil {
				return err
			}
			searched += a.heap.InUse()
			if more {
				a.notes = append(a.notes, fmt.Sprintf("more than %d words refer to what goroutines wait on, at a distance of %d: some are left out", maxReferences, level))
			}
			refs.Each(func(r heap.Reference) { held.Add(r.Value) })
		}
		a.addHolders(pending, held, level-1)
		if targets == nil || refs.Len() == 0 {
			break
		}
		pending = refs
		targets, variables = a.nextTargets(refs)
	}
	a.linkEdges()
	return nil
}

// stackHeld is the set of heap objects to which a pointer on a stack leads, or
// that a timer will call.
func (a *Analyzer) stackHeld() *heap.Set {
	held := a.heap.NewSet()
	for w := range a.workers {
		for _, block := range a.workers[w].slots.list {
			for _, s := range block {
				held.Add(s.value())
			}
		}
	}
	for i := range a.starts {
		held.Add(a.starts[i].Fn)
	}
	return held
}

// nextTargets are the heap objects and variables with the words of refs in them
// that are no nodes yet; nil if there are none.
func (a *Analyzer) nextTargets(refs heap.References) (*heap.Set, *heap.Extents) {
	targets := a.heap.NewSet()
	var vars []heap.Extent
	any := false
	refs.Each(func(r heap.Reference) {
		x, global := a.extentOf(r.At)
		if _, known := a.nodeAt.find(x.Start); known {
			return
		}
		switch {
		case global:
			vars = append(vars, x)
			any = true
		case targets.Add(r.At):
			any = true
		}
	})
	if !any {
		return nil, nil
	}
	return targets, heap.NewExtents(vars)
}

// addHolders makes nodes and edges of references, of those that something
// else leads to.
func (a *Analyzer) addHolders(refs heap.References, held *heap.Set, level uint8) {
	refs.Each(func(r heap.Reference) {
		target, ok := a.nodeOf(r.Value)
		if !ok {
			return // dropped
		}
		x, global := a.extentOf(r.At)
		if !global && !held.Has(r.At) {
			return
		}
		holder := a.node(x, level, global)
		a.edges = append(a.edges, edge{target: target, holder: holder,
			at: uint32(min(r.At-x.Start, 1<<32-1)), to: uint32(min(r.Value-a.nodes[target].extent.Start, 1<<32-1))})
	})
}

// nodeOf returns the number of the node that v points into.
func (a *Analyzer) nodeOf(v mem.Addr) (uint32, bool) {
	if a.heap != nil {
		n, has, in := a.nodeAt.slots.Get(v)
		switch {
		case in && !has:
			return 0, false
		case has && a.nodes[n].extent.Contains(v):
			return n, true
		case has:
			return a.nodeAt.find(v) // a slot of several objects: see tiny
		}
	}
	if n, ok := a.nodeAt.find(v); ok {
		return n, true
	}
	if x, global := a.extentOf(v); global {
		return a.nodeAt.find(x.Start)
	}
	return 0, false
}

// linkEdges puts the edges in order of their targets, cuts what is too much,
// and indexes them by holder too.
func (a *Analyzer) linkEdges() {
	slices.SortFunc(a.edges, func(x, y edge) int {
		return cmp.Or(cmp.Compare(x.target, y.target), cmp.Compare(x.holder, y.holder), cmp.Compare(x.at, y.at))
	})
	kept := a.edges[:0]
	n := 0
	for i, e := range a.edges {
		if i > 0 && e.target == a.edges[i-1].target {
			n++
		} else {
			n = 0
		}
		if n >= maxHolders {
			a.nodes[e.target].crowded = true
			continue
		}
		kept = append(kept, e)
	}
	a.edges = kept
	a.downs = make([]uint32, len(a.edges))
	for i := range a.downs {
		a.downs[i] = uint32(i)
	}
	slices.SortFunc(a.downs, func(x, y uint32) int {
		return cmp.Or(cmp.Compare(a.edges[x].holder, a.edges[y].holder), cmp.Compare(x, y))
	})
	up, down := 0, 0
	for n := range a.nodes {
		a.nodes[n].holders, a.nodes[n].held = uint32(up), uint32(down)
		for up < len(a.edges) && a.edges[up].target == uint32(n) {
			up++
		}
		for down < len(a.downs) && a.edges[a.downs[down]].holder == uint32(n) {
			down++
		}
	}
}

// holdersOf are the edges that lead to node n, from is the number of the first.
func (a *Analyzer) holdersOf(n uint32) (edges []edge, from uint32) {
	to := len(a.edges)
	if int(n)+1 < len(a.nodes) {
		to = int(a.nodes[n+1].holders)
	}
	from = a.nodes[n].holders
	return a.edges[from:to], from
}

// heldBy are the numbers of the edges that lead from node n.
func (a *Analyzer) heldBy(n uint32) []uint32 {
	to := len(a.downs)
	if int(n)+1 < len(a.nodes) {
		to = int(a.nodes[n+1].held)
	}
	return a.downs[a.nodes[n].held:to]
}
