package graph

import (
	"cmp"
	"slices"

	"rtdbg/inspect/wake"
)

// Deadlocks finds the sets of stuck goroutines that wait only for each other,
// the surest first. Sets are looked for among the sure edges first, so that a
// cycle of locks is told from all that might be reached beside it. A goroutine
// waits for any of the objects of its select, an object for any of those who
// can end the wait; since everybody here is stuck, whoever is in a strongly
// connected part waits for its members, and for nobody who could help.
func Deadlocks(in Input) []Deadlock {
	n := newNetwork(&in)
	if len(n.gs) == 0 {
		return nil
	}
	var sets []Deadlock
	removed := make([]bool, n.nodes())
	for _, least := range []uint8{grade(wake.Proven), grade(wake.Inferred), grade(wake.Possible)} {
		var found [][]int32
		n.components(least, removed, func(nodes []int32) { found = append(found, slices.Clone(nodes)) })
		for _, nodes := range found {
			set, ok := n.deadlock(nodes, least)
			if !ok {
				continue
			}
			sets = append(sets, set)
			for _, v := range nodes {
				removed[v] = !n.isObject(v)
			}
		}
	}
	behind(&in, sets)
	slices.SortStableFunc(sets, func(x, y Deadlock) int {
		return cmp.Or(cmp.Compare(grade(y.Certainty), grade(x.Certainty)), cmp.Compare(y.size(), x.size()), cmp.Compare(x.Goroutines[0], y.Goroutines[0]))
	})
	return sets
}

// size is how many goroutines the set keeps.
func (d *Deadlock) size() int { return len(d.Goroutines) + d.Behind }

// deadlock makes a set of a component; ok is false if there is no cycle in it
// that keeps anybody.
func (n *network) deadlock(nodes []int32, least uint8) (set Deadlock, ok bool) {
	path := n.shortest(nodes, least)
	if path == nil {
		return set, false
	}
	for _, v := range nodes {
		if !n.isObject(v) {
			set.Goroutines = append(set.Goroutines, n.gs[v])
		}
	}
	slices.Sort(set.Goroutines)
	weakest := uint8(3)
	for i := 0; i < len(path); i += 2 {
		s := n.step(path[i], path[i+1], path[(i+2)%len(path)])
		weakest = min(weakest, grade(s.Certainty))
		set.Cycle = append(set.Cycle, s)
	}
	set.Certainty = certainty(weakest)
	return set, true
}

// step describes the way from goroutine to goroutine over an object.
func (n *network) step(from, over, next int32) Step {
	s := Step{From: n.gs[from], Next: n.gs[next], Object: n.objects[int(over)-len(n.gs)]}
	for _, r := range n.object(over).Roles {
		if !r.Peer && slices.Contains(r.Goroutines, s.Next) && grade(r.Certainty) > grade(s.Certainty)-boolGrade(s.How == "") {
			s.How, s.Certainty = r.How, r.Certainty
		}
	}
	return s
}

// boolGrade lets the first role that fits be better than none.
func boolGrade(first bool) uint8 {
	if first {
		return 1
	}
	return 0
}

// effort limits the search for the shortest cycle of one component, in edges.
const effort = 4 << 20

// shortest returns a shortest cycle within a component: goroutine, object,
// goroutine, object … . In a large component only some starts are tried. nil
// says that nothing but goroutines that use their own channel is there.
func (n *network) shortest(nodes []int32, least uint8) []int32 {
	inside := make(map[int32]int32, len(nodes)) // the node that led here, while searching
	edges := 0
	var starts []int32
	for _, v := range nodes {
		inside[v] = -1
		edges += int(n.start[v+1] - n.start[v])
		if !n.isObject(v) {
			starts = append(starts, v)
		}
	}
	slices.Sort(starts)
	var best []int32
	for i, s := range starts {
		if i > 0 && i*edges > effort || len(best) == 2 {
			break
		}
		if i > 0 {
			for v := range inside {
				inside[v] = -1
			}
		}
		if c := n.around(s, inside, least); c != nil && (best == nil || len(c) < len(best)) {
			best = c
		}
	}
	return best
}

// around returns a shortest cycle through s by breadth-first search among the
// nodes of from, which are -1 before.
func (n *network) around(s int32, from map[int32]int32, least uint8) []int32 {
	queue := []int32{s}
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		for e := n.start[v]; e < n.start[v+1]; e++ {
			w := n.to[e]
			before, inside := from[w]
			if n.grade[e] < least || !inside {
				continue
			}
			if w == s {
				if from[v] == s && !selfCan(n.object(v).Kind) {
					continue
				}
				return trail(s, v, from)
			}
			if before < 0 {
				from[w] = v
				queue = append(queue, w)
			}
		}
	}
	return nil
}

// trail returns the way that the search went from s to v.
func trail(s, v int32, from map[int32]int32) []int32 {
	var path []int32
	for ; v != s; v = from[v] {
		path = append(path, v)
	}
	path = append(path, s)
	slices.Reverse(path)
	return path
}

// behind counts those who wait for a set without being members.
func behind(in *Input, sets []Deadlock) {
	if len(sets) == 0 {
		return
	}
	r := newReverse(in)
	taken := make([]bool, in.Goroutines)
	for i := range sets {
		for _, g := range sets[i].Goroutines {
			taken[g] = true
		}
	}
	seen := make([]bool, in.Objects)
	for i := range sets {
		todo := slices.Clone(sets[i].Goroutines)
		for len(todo) > 0 {
			g := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for _, o := range r.can(g) {
				if seen[o] {
					continue
				}
				seen[o] = true
				for _, w := range in.Object(o).Waiters {
					if !taken[w] && in.Stuck(w) {
						taken[w] = true
						sets[i].Behind++
						todo = append(todo, w)
					}
				}
			}
		}
	}
}

// reverse has for each goroutine the objects on which it can end waits.
type reverse struct{ start, objects []int32 }

func newReverse(in *Input) *reverse {
	r := &reverse{start: make([]int32, in.Goroutines+1)}
	each := func(f func(g, o int32)) {
		for o := range int32(in.Objects) {
			for _, role := range in.Object(o).Roles {
				for _, g := range role.Goroutines {
					if !role.Peer {
						f(g, o)
					}
				}
			}
		}
	}
	each(func(g, _ int32) { r.start[g+1]++ })
	for i := 1; i < len(r.start); i++ {
		r.start[i] += r.start[i-1]
	}
	r.objects = make([]int32, r.start[len(r.start)-1])
	next := slices.Clone(r.start)
	each(func(g, o int32) {
		r.objects[next[g]] = o
		next[g]++
	})
	return r
}

// can returns the objects on which g can end waits.
func (r *reverse) can(g int32) []int32 { return r.objects[r.start[g]:r.start[g+1]] }
