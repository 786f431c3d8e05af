package wake

import (
	"context"
	"slices"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/wait"
)

// act says that the members of a group can act on an object.
type act struct {
	object, group uint32
	side          uint8
	// hops is how many nodes lie between their stacks and the object's.
	hops uint8
}

// maxActs bounds the groups that are named for one object, and maxPaths the
// nodes through which they are looked for.
const (
	maxActs  = 512
	maxPaths = 512
)

// route leads from a node to an object.
type route struct {
	node uint32
	// need is the offset in the node that a pointer must not lie behind to
	// lead on: pointers lead to the beginning of what they lead to.
	need uint32
	// edge is the number of the edge to the node that is nearer, and next the
	// index of its path; -1 for the object's own node.
	edge, next int32
	hops       uint8
}

// paths lists the nodes that lead to object n, the nearest first. The result
// is valid until the next call with the same list.
func (a *Analyzer) paths(n int, list []route) []route {
	o := &a.objects[n]
	list = append(list[:0], route{node: o.node, need: offset(o.addr, a.nodes[o.node].extent.Start), edge: -1, next: -1})
	for i := 0; i < len(list) && len(list) < maxPaths; i++ {
		p := list[i]
		if p.hops >= maxLevels {
			break
		}
		edges, from := a.holdersOf(p.node)
		for j, e := range edges {
			if e.to > p.need || onPath(list, e.holder, e.at) {
				continue
			}
			list = append(list, route{node: e.holder, need: e.at, edge: int32(from) + int32(j), next: int32(i), hops: p.hops + 1})
		}
	}
	return list
}

// onPath reports whether a node is on one of the paths already, with all that
// leads there.
func onPath(list []route, node, need uint32) bool {
	for i := range list {
		if list[i].node == node && list[i].need >= need {
			return true
		}
	}
	return false
}

func offset(a, start mem.Addr) uint32 { return uint32(min(a-start, 1<<32-1)) }

// findActs finds who can act on which object.
func (a *Analyzer) findActs(ctx context.Context) error {
	a.placeObjects()
	found := make([][]act, workers())
	lists := make([][]route, workers())
	err := each(ctx, len(a.objects), func(w, n int) {
		lists[w] = a.paths(n, lists[w])
		found[w] = a.actsOn(n, lists[w], found[w])
	})
	if err != nil {
		return err
	}
	a.acts = slices.Concat(found...)
	a.actsByObject = make([]uint32, len(a.objects)+1)
	a.actsByGroup = make([]uint32, len(a.groups)+1)
	for i := range a.acts {
		a.actsByObject[a.acts[i].object+1]++
		a.actsByGroup[a.acts[i].group+1]++
	}
	sum(a.actsByObject)
	sum(a.actsByGroup)
	a.groupActs = make([]uint32, len(a.acts))
	at := slices.Clone(a.actsByGroup)
	for i := range a.acts {
		g := a.acts[i].group
		a.groupActs[at[g]] = uint32(i)
		at[g]++
	}
	a.indexRefs()
	return nil
}

// sum makes beginnings of counts, each of which stands behind its place.
func sum(counts []uint32) {
	for i := 1; i < len(counts); i++ {
		counts[i] += counts[i-1]
	}
}

// indexRefs lists the references of each goroutine.
func (a *Analyzer) indexRefs() {
	a.refsByG = make([]uint32, len(a.info)+1)
	for i := range a.refs {
		a.refsByG[a.refs[i].g+1]++
	}
	sum(a.refsByG)
	a.groupsByG = make([]uint32, len(a.refs))
	at := slices.Clone(a.refsByG)
	for n := range a.groups {
		for _, r := range a.members(uint32(n)) {
			a.groupsByG[at[r.g]] = uint32(n)
			at[r.g]++
		}
	}
}

// actsOn appends the groups that can act on object n for its waiters.
func (a *Analyzer) actsOn(n int, paths []route, list []act) []act {
	var wanted [sides]bool
	var ops [sides]wait.Op
	for _, w := range a.waitersOf(n) {
		wanted[side(w.op())], ops[side(w.op())] = true, w.op()
	}
	from := len(list)
	for s := range uint8(sides) {
		if !wanted[s] {
			continue
		}
		for _, p := range paths {
			first, to := a.groupsOf(p.node)
			for g := first; g < to && len(list)-from < maxActs; g++ {
				if a.canAct(g, n, p, ops[s]) {
					list = append(list, act{object: uint32(n), group: g, side: s, hops: p.hops})
				}
			}
		}
	}
	return list
}

// canAct reports whether the members of group g, which refer to the node of p,
// can be those that act on object n for its waiters with op: not if all that
// they do is wait on it themselves in the same way, since then somebody else
// has to wake them first.
func (a *Analyzer) canAct(g uint32, n int, p route, op wait.Op) bool {
	gr := &a.groups[g]
	if gr.waits == int32(n) && gr.only || !a.leads(g, n, p) {
		return false
	}
	return a.able(g, n, op).can != no
}

// leads reports whether the reference of a member of group g leads to object n
// and the member does more than to wait on it.
func (a *Analyzer) leads(g uint32, n int, p route) bool {
	members := a.members(g)
	for j := range members {
		if i := int(members[j].g); members[j].off <= p.need && !a.waitsOnlyOn(i, n) && !a.outside(i, n) {
			return true
		}
	}
	return false
}

// actsOnObject are the acts on object n, the nearest groups first.
func (a *Analyzer) actsOnObject(n int) []act {
	return a.acts[a.actsByObject[n]:a.actsByObject[n+1]]
}

// actsOfGroup are the numbers of the acts of group g.
func (a *Analyzer) actsOfGroup(g uint32) []uint32 {
	return a.groupActs[a.actsByGroup[g]:a.actsByGroup[g+1]]
}

// groupsOfG are the groups that goroutine i is in.
func (a *Analyzer) groupsOfG(i int) []uint32 {
	return a.groupsByG[a.refsByG[i]:a.refsByG[i+1]]
}

// chain lists the numbers of the edges from path number i down to the object.
func chain(paths []route, i int32) []int32 {
	var edges []int32
	for ; i >= 0 && paths[i].edge >= 0; i = paths[i].next {
		edges = append(edges, paths[i].edge)
	}
	return edges
}
