package wake

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// ref is a goroutine's reference to a node.
type ref struct {
	node, g uint32
	// off is where in the node it points.
	off uint32
	// inner and outer are the innermost and outermost frames that hold it.
	inner, outer uint16
	exact, own   bool
	// named says that it is not on the stack: the code names the variable.
	named bool
}

// group is goroutines with the same stack that refer to a node in the same
// way: a part of Analyzer.refs, which ends where that of the next group
// begins.
type group struct {
	from  uint32
	shape uint32
	// waits is the object in the node that they wait on themselves, -1 for
	// none; only says that they wait on nothing else.
	waits int32
	only  bool
}

// matchStacks finds which goroutines refer to which nodes, and groups them.
func (a *Analyzer) matchStacks(ctx context.Context) error {
	found := make([]blocks[ref], workers(), workers()+1)
	lists := make([][]ref, workers())
	err := each(ctx, len(a.info), func(w, i int) {
		lists[w] = a.match(i, lists[w][:0])
		found[w].add(lists[w])
	})
	if err != nil {
		return err
	}
	found = append(found, a.variableRefs(ctx))
	count := make([]uint32, len(a.nodes)+1)
	eachFound(found, func(r *ref) { count[r.node+1]++ })
	for n := range a.nodes {
		count[n+1] += count[n]
		a.nodes[n].refs = count[n]
	}
	a.refs = make([]ref, count[len(a.nodes)])
	eachFound(found, func(r *ref) {
		a.refs[count[r.node]] = *r
		count[r.node]++
	})
	a.groupRefs(ctx)
	return ctx.Err()
}

// eachFound calls visit for the references that were found, in order.
func eachFound(found []blocks[ref], visit func(r *ref)) {
	for i := range found {
		for _, block := range found[i].list {
			for j := range block {
				visit(&block[j])
			}
		}
	}
}

// match appends the references of goroutine i, one for each node.
func (a *Analyzer) match(i int, list []ref) []ref {
	from := len(list)
	for _, s := range a.slotsOf(i) {
		v := s.value()
		n, ok := a.nodeOf(v)
		if !ok {
			continue
		}
		r := ref{node: n, g: uint32(i), off: uint32(min(v-a.nodes[n].extent.Start, math.MaxUint32)),
			inner: s.inner, outer: s.outer, exact: s.word&slotExact != 0, own: s.word&slotOwn != 0}
		list = addRef(list, from, r)
	}
	return list
}

// addRef adds a reference to the list of a goroutine's, which begins at from:
// each node stands there once, with what is most telling.
func addRef(list []ref, from int, r ref) []ref {
	for j := from; j < len(list); j++ {
		old := &list[j]
		if old.node != r.node {
			continue
		}
		switch {
		case r.own && !old.own:
			r.exact = r.exact || old.exact
			*old = r
		case r.own == old.own:
			old.inner, old.outer = min(old.inner, r.inner), max(old.outer, r.outer)
			old.exact = old.exact || r.exact
			old.off = min(old.off, r.off)
		}
		return list
	}
	return append(list, r)
}

// groupRefs puts the references to each node in order of their groups, and
// those of one group in order of goroutines.
func (a *Analyzer) groupRefs(ctx context.Context) {
	type part struct {
		groups []group // of a.groups, from a place at which there is room
		from   uint32
		keyed  []keyed
	}
	parts := make([]part, workers())
	// There are no more groups than references. What is not used is not
	// touched, and costs nothing.
	a.groups = make([]group, len(a.refs))
	_ = each(ctx, len(a.nodes), func(w, n int) {
		p := &parts[w]
		if p.groups == nil {
			p.from = a.nodes[n].refs
			p.groups = a.groups[p.from:p.from:len(a.groups)]
		}
		refs := a.refsOf(uint32(n))
		a.nodes[n].groups = uint32(len(p.groups))
		p.groups, p.keyed = a.groupNode(uint32(n), refs, p.groups, p.keyed[:0])
	})
	total := uint32(0)
	for w := range parts {
		p := &parts[w]
		copy(a.groups[total:], p.groups)
		for n := w * len(a.nodes) / workers(); n < (w+1)*len(a.nodes)/workers(); n++ {
			a.nodes[n].groups += total
		}
		total += uint32(len(p.groups))
	}
	a.groups = a.groups[:total:total]
}

// keyed is a reference with the group that it belongs to.
type keyed struct {
	group
	ref
}

// groupNode orders the references to one node and appends their groups. It
// returns list, which is scratch, for the next call.
func (a *Analyzer) groupNode(n uint32, refs []ref, groups []group, list []keyed) ([]group, []keyed) {
	key := func(r *ref) group {
		g := group{shape: a.info[r.g].shape, waits: -1}
		ws := a.waitsOf(int(r.g))
		for i := range ws {
			if o := ws[i].obj; o >= 0 && a.objects[o].node == n {
				g.waits, g.only = o, onlyWaits(ws, o)
				break
			}
		}
		return g
	}
	for i := range refs {
		list = append(list, keyed{key(&refs[i]), refs[i]})
	}
	compare := func(x, y *keyed) int {
		c := cmp.Or(cmp.Compare(x.shape, y.shape), cmp.Compare(x.waits, y.waits))
		if c == 0 && x.only != y.only {
			c = -1
			if y.only {
				c = 1
			}
		}
		return c
	}
	sorted := true
	for i := 1; i < len(list) && sorted; i++ {
		sorted = compare(&list[i-1], &list[i]) <= 0
	}
	if !sorted {
		slices.SortStableFunc(list, func(x, y keyed) int { return compare(&x, &y) })
	}
	base := a.nodes[n].refs
	for i := range list {
		refs[i] = list[i].ref
		if i == 0 || compare(&list[i-1], &list[i]) != 0 {
			g := list[i].group
			g.from = base + uint32(i)
			groups = append(groups, g)
		}
	}
	return groups, list
}

// onlyWaits reports whether all that ws waits on is object o.
func onlyWaits(ws []waitRef, o int32) bool {
	for i := range ws {
		if ws[i].obj != o && !ws[i].Nil {
			return false
		}
	}
	return true
}

// refsOf are the references to node n.
func (a *Analyzer) refsOf(n uint32) []ref {
	to := len(a.refs)
	if int(n)+1 < len(a.nodes) {
		to = int(a.nodes[n+1].refs)
	}
	return a.refs[a.nodes[n].refs:to]
}

// groupsOf returns the numbers of the first group of node n and of the first
// behind them.
func (a *Analyzer) groupsOf(n uint32) (from, to uint32) {
	to = uint32(len(a.groups))
	if int(n)+1 < len(a.nodes) {
		to = a.nodes[n+1].groups
	}
	return a.nodes[n].groups, to
}

// members are the references of group n.
func (a *Analyzer) members(n uint32) []ref {
	to := uint32(len(a.refs))
	if int(n)+1 < len(a.groups) {
		to = a.groups[n+1].from
	}
	return a.refs[a.groups[n].from:to]
}
