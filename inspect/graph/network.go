package graph

import (
	"context"
	"slices"

	"rtdbg/inspect/rt"
	"rtdbg/inspect/wake"
)

// network is the part of the graph in which cycles can be: the stuck
// goroutines that others wait for, and the objects between them. Its nodes are
// goroutines, from 0, and then objects; its edges lead from a goroutine to what
// it waits on, and from an object to those who can end that.
type network struct {
	in *Input
	// gs and objects are the numbers of the nodes in the Input.
	gs, objects []int32
	// start has for each node where its edges begin in to and grade.
	start []int32
	to    []int32
	grade []uint8
	enders

	members arena[int32]
	steps   arena[Step]
}

// enders are the stuck goroutines that can end waits of others that are stuck.
type enders struct {
	// list are the objects; those who can end waits on number i of them are
	// who[from[i]:from[i+1]], as sure as sure says.
	list []int32
	from []int32
	who  []int32
	sure []uint8
}

// newNetwork returns the network of in. Its cost is linear in waits and roles.
func newNetwork(in *Input) *network {
	n := &network{in: in, enders: findEnders(in)}
	if len(n.who) == 0 {
		return n
	}
	node := make([]int32, in.Goroutines)
	for i := range node {
		node[i] = -1
	}
	for _, g := range n.who {
		node[g] = 0
	}
	for g, is := range node {
		if is == 0 {
			node[g] = int32(len(n.gs))
			n.gs = append(n.gs, int32(g))
		}
	}
	n.link(node)
	return n
}

// findEnders asks once for the roles of every object with a stuck waiter, on all
// processors.
func findEnders(in *Input) enders {
	parts, _ := rt.InSections(context.Background(), in.Objects, func(from, to int) enders { return endersOf(in, int32(from), int32(to)) })
	e := parts[0]
	for _, p := range parts[1:] {
		base := int32(len(e.who))
		e.list, e.who, e.sure = append(e.list, p.list...), append(e.who, p.who...), append(e.sure, p.sure...)
		for _, f := range p.from[1:] {
			e.from = append(e.from, base+f)
		}
	}
	return e
}

// endersOf is findEnders for the objects from number from on, up to number to.
func endersOf(in *Input, from, to int32) enders {
	e := enders{from: []int32{0}}
	for o := from; o < to; o++ {
		if !slices.ContainsFunc(in.Waiters(o), in.Stuck) {
			continue
		}
		before := len(e.who)
		in.Enders(o, func(g int32, c wake.Certainty) {
			if in.Stuck(g) {
				e.who, e.sure = append(e.who, g), append(e.sure, grade(c))
			}
		})
		if len(e.who) > before {
			e.list, e.from = append(e.list, o), append(e.from, int32(len(e.who)))
		}
	}
	return e
}

// of are those who can end waits on number i of the objects, and how sure that
// is.
func (e *enders) of(i int) (who []int32, sure []uint8) {
	return e.who[e.from[i]:e.from[i+1]], e.sure[e.from[i]:e.from[i+1]]
}

// link makes the edges.
func (n *network) link(node []int32) {
	for _, o := range n.list {
		if slices.ContainsFunc(n.in.Waiters(o), func(g int32) bool { return node[g] >= 0 }) {
			n.objects = append(n.objects, o)
		}
	}
	counts := make([]int32, n.nodes()+1)
	n.edges(node, func(from, _ int32, _ uint8) { counts[from+1]++ })
	for i := 1; i < len(counts); i++ {
		counts[i] += counts[i-1]
	}
	n.start = counts
	n.to = make([]int32, counts[len(counts)-1])
	n.grade = make([]uint8, len(n.to))
	next := make([]int32, len(counts)-1)
	copy(next, counts)
	n.edges(node, func(from, to int32, grade uint8) {
		n.to[next[from]], n.grade[next[from]] = to, grade
		next[from]++
	})
}

// edges calls f for each edge.
func (n *network) edges(node []int32, f func(from, to int32, grade uint8)) {
	const certain = 3 // that it waits is no question
	next := 0
	for i, o := range n.list {
		if next == len(n.objects) || n.objects[next] != o {
			continue
		}
		at := int32(len(n.gs) + next)
		next++
		for _, g := range n.in.Waiters(o) {
			if node[g] >= 0 {
				f(node[g], at, certain)
			}
		}
		who, sure := n.of(i)
		for j, g := range who {
			f(at, node[g], sure[j])
		}
	}
}

// nodes is the number of nodes.
func (n *network) nodes() int { return len(n.gs) + len(n.objects) }

// isObject reports whether a node is an object.
func (n *network) isObject(node int32) bool { return int(node) >= len(n.gs) }

// object returns the number of the object of a node.
func (n *network) object(node int32) int32 { return n.objects[int(node)-len(n.gs)] }
