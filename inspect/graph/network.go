package graph

import "slices"

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
}

// newNetwork returns the network of in. Its cost is linear in waits and roles.
func newNetwork(in *Input) *network {
	n := &network{in: in}
	node := n.number()
	if len(n.gs) == 0 {
		return n
	}
	n.keepObjects(node)
	n.link(node)
	return n
}

// number picks the goroutines that are stuck and can wake somebody who is stuck,
// with the objects between, and returns each goroutine's node, -1 for the
// others.
func (n *network) number() []int32 {
	node := make([]int32, n.in.Goroutines)
	for i := range node {
		node[i] = -1
	}
	for o := range int32(n.in.Objects) {
		if !n.anyStuck(n.in.Waiters(o)) {
			continue
		}
		some := false
		for _, r := range n.in.Roles(o) {
			for _, g := range r.Goroutines {
				if r.Peer || !n.in.Stuck(g) {
					continue
				}
				node[g], some = 0, true
			}
		}
		if some {
			n.objects = append(n.objects, o)
		}
	}
	for g, is := range node {
		if is == 0 {
			node[g] = int32(len(n.gs))
			n.gs = append(n.gs, int32(g))
		}
	}
	return node
}

func (n *network) anyStuck(list []int32) bool {
	return slices.ContainsFunc(list, n.in.Stuck)
}

// keepObjects keeps the objects on which picked goroutines wait.
func (n *network) keepObjects(node []int32) {
	n.objects = slices.DeleteFunc(n.objects, func(o int32) bool {
		return !slices.ContainsFunc(n.in.Waiters(o), func(g int32) bool { return node[g] >= 0 })
	})
}

// link makes the edges.
func (n *network) link(node []int32) {
	counts := make([]int32, len(n.gs)+len(n.objects)+1)
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
	const sure = 3 // that it waits is no question
	for i, o := range n.objects {
		at := int32(len(n.gs) + i)
		for _, g := range n.in.Waiters(o) {
			if node[g] >= 0 {
				f(node[g], at, sure)
			}
		}
		for _, r := range n.in.Roles(o) {
			if r.Peer {
				continue
			}
			for _, g := range r.Goroutines {
				if node[g] >= 0 {
					f(at, node[g], grade(r.Certainty))
				}
			}
		}
	}
}

// nodes is the number of nodes.
func (n *network) nodes() int { return len(n.gs) + len(n.objects) }

// isObject reports whether a node is an object.
func (n *network) isObject(node int32) bool { return int(node) >= len(n.gs) }

// object returns the number of the object of a node.
func (n *network) object(node int32) int32 { return n.objects[int(node)-len(n.gs)] }

// components calls f with each strongly connected component of more than one
// node of the network without the removed nodes and the edges below a grade
// (Tarjan, without recursion). The slice is valid during the call.
func (n *network) components(least uint8, removed []bool, f func(nodes []int32)) {
	const unseen = -1
	index := make([]int32, n.nodes())
	low := make([]int32, n.nodes())
	onStack := make([]bool, n.nodes())
	at := make([]int32, n.nodes()) // the next edge of each node to follow
	for i := range index {
		index[i] = unseen
	}
	var stack, path []int32
	var count int32
	enter := func(v int32) {
		index[v], low[v], at[v] = count, count, n.start[v]
		count++
		stack, path, onStack[v] = append(stack, v), append(path, v), true
	}
	for root := range int32(n.nodes()) {
		if index[root] != unseen || removed[root] {
			continue
		}
		enter(root)
		for len(path) > 0 {
			v := path[len(path)-1]
			if e := at[v]; e < n.start[v+1] {
				at[v]++
				w := n.to[e]
				switch {
				case n.grade[e] < least || removed[w]:
				case index[w] == unseen:
					enter(w)
				case onStack[w]:
					low[v] = min(low[v], index[w])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				u := path[len(path)-1]
				low[u] = min(low[u], low[v])
			}
			if low[v] == index[v] {
				stack = pop(stack, v, onStack, f)
			}
		}
	}
}

// pop takes the component that ends with v off the stack.
func pop(stack []int32, v int32, onStack []bool, f func(nodes []int32)) []int32 {
	i := len(stack) - 1
	for stack[i] != v {
		i--
	}
	for _, w := range stack[i:] {
		onStack[w] = false
	}
	if len(stack)-i > 1 {
		f(stack[i:])
	}
	return stack[:i]
}
