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
	scratch := n.newSearch()
	var found []int32 // the components, one behind the other
	var ends []int
	for _, least := range []uint8{grade(wake.Proven), grade(wake.Inferred), grade(wake.Possible)} {
		found, ends = found[:0], ends[:0]
		n.components(least, removed, func(nodes []int32) {
			found = append(found, nodes...)
			ends = append(ends, len(found))
		})
		from := 0
		for _, to := range ends {
			nodes := found[from:to]
			from = to
			set, ok := n.deadlock(nodes, scratch.shortest(nodes, least))
			if !ok {
				continue
			}
			sets = append(sets, set)
			for _, v := range nodes {
				removed[v] = !n.isObject(v)
			}
		}
	}
	n.behind(sets)
	slices.SortStableFunc(sets, func(x, y Deadlock) int {
		return cmp.Or(cmp.Compare(grade(y.Certainty), grade(x.Certainty)), cmp.Compare(y.size(), x.size()), cmp.Compare(x.Goroutines[0], y.Goroutines[0]))
	})
	return sets
}

// size is how many goroutines the set keeps.
func (d *Deadlock) size() int { return len(d.Goroutines) + d.Behind }

// deadlock makes a set of a component and the shortest cycle in it; ok is false
// if there is none.
func (n *network) deadlock(nodes, path []int32) (set Deadlock, ok bool) {
	if path == nil {
		return set, false
	}
	set.Goroutines, set.Cycle = n.members.take(len(nodes))[:0], n.steps.take(len(path) / 2)[:0]
	for _, v := range nodes {
		if !n.isObject(v) {
			set.Goroutines = append(set.Goroutines, n.gs[v])
		}
	}
	slices.Sort(set.Goroutines)
	weakest := uint8(3)
	for i := 0; i < len(path); i += 2 {
		from, over, next := path[i], path[i+1], path[(i+2)%len(path)]
		sure := uint8(0)
		for e := n.start[over]; e < n.start[over+1]; e++ {
			if n.to[e] == next {
				sure = max(sure, n.grade[e])
			}
		}
		weakest = min(weakest, sure)
		set.Cycle = append(set.Cycle, Step{From: n.gs[from], Next: n.gs[next], Object: n.object(over), Certainty: certainty(sure)})
	}
	set.Certainty = certainty(weakest)
	return set, true
}

// arena gives out short slices from long ones: there may be a million.
type arena[T any] struct{ free []T }

func (a *arena[T]) take(n int) []T {
	const block = 1 << 12
	if n > len(a.free) {
		a.free = make([]T, max(n, block))
	}
	s := a.free[:n:n]
	a.free = a.free[n:]
	return s
}

// effort limits the search for the shortest cycle of one component, in edges.
const effort = 4 << 20

// search is the scratch of the searches for shortest cycles. Both slices are
// by node.
type search struct {
	n *network
	// inside marks the nodes of the component; from has the node that led to
	// one, -1 where nothing did.
	inside []bool
	from   []int32
	queue  []int32
	starts []int32
}

func (n *network) newSearch() *search {
	s := &search{n: n, inside: make([]bool, n.nodes()), from: make([]int32, n.nodes())}
	for i := range s.from {
		s.from[i] = -1
	}
	return s
}

// shortest returns a shortest cycle within a component: goroutine, object,
// goroutine, object … . In a large component only some starts are tried. nil
// says that nothing is there but goroutines that use their own channel.
func (s *search) shortest(nodes []int32, least uint8) []int32 {
	edges := 0
	starts := s.starts[:0]
	for _, v := range nodes {
		s.inside[v] = true
		edges += int(s.n.start[v+1] - s.n.start[v])
		if !s.n.isObject(v) {
			starts = append(starts, v)
		}
	}
	slices.Sort(starts)
	s.starts = starts
	var best []int32
	for i, v := range starts {
		// A cycle of two goroutines and two objects is all but the best.
		if i > 0 && i*edges > effort || len(starts) > 64 && best != nil && len(best) <= 4 {
			break
		}
		if c := s.around(v, least); c != nil && (best == nil || len(c) < len(best)) {
			best = c
		}
	}
	for _, v := range nodes {
		s.inside[v] = false
	}
	return best
}

// around returns a shortest cycle through start by breadth-first search.
func (s *search) around(start int32, least uint8) []int32 {
	s.queue = append(s.queue[:0], start)
	defer func() {
		for _, v := range s.queue {
			s.from[v] = -1
		}
	}()
	n := s.n
	for i := 0; i < len(s.queue); i++ {
		v := s.queue[i]
		for e := n.start[v]; e < n.start[v+1]; e++ {
			w := n.to[e]
			switch {
			case n.grade[e] < least || !s.inside[w]:
			case w == start:
				if s.from[v] != start || selfCan(n.in.Kind(n.object(v))) {
					return s.trail(start, v)
				}
			case s.from[w] < 0:
				s.from[w] = v
				s.queue = append(s.queue, w)
			}
		}
	}
	return nil
}

// trail returns the way that the search went from start to v.
func (s *search) trail(start, v int32) []int32 {
	var path []int32
	for ; v != start; v = s.from[v] {
		path = append(path, v)
	}
	path = append(path, start)
	slices.Reverse(path)
	return path
}

// behind counts those who wait for a set without being members.
func (n *network) behind(sets []Deadlock) {
	if len(sets) == 0 {
		return
	}
	r := n.enders.reverse(n.in.Goroutines)
	taken := make([]bool, n.in.Goroutines)
	for i := range sets {
		for _, g := range sets[i].Goroutines {
			taken[g] = true
		}
	}
	seen := make([]bool, len(n.list))
	var todo []int32
	for i := range sets {
		todo = append(todo[:0], sets[i].Goroutines...)
		for len(todo) > 0 {
			g := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for _, o := range r.can(g) {
				if seen[o] {
					continue
				}
				seen[o] = true
				for _, w := range n.in.Waiters(n.list[o]) {
					if !taken[w] && n.in.Stuck(w) {
						taken[w] = true
						sets[i].Behind++
						todo = append(todo, w)
					}
				}
			}
		}
	}
}

// reverse has for each goroutine the objects with stuck waiters on which it can
// end waits, by their place in enders.list.
type reverse struct{ start, objects []int32 }

func (e *enders) reverse(goroutines int) *reverse {
	r := &reverse{start: make([]int32, goroutines+1)}
	for _, g := range e.who {
		r.start[g+1]++
	}
	for i := 1; i < len(r.start); i++ {
		r.start[i] += r.start[i-1]
	}
	r.objects = make([]int32, len(e.who))
	next := slices.Clone(r.start)
	for i := range e.list {
		who, _ := e.of(i)
		for _, g := range who {
			r.objects[next[g]] = int32(i)
			next[g]++
		}
	}
	return r
}

// can returns the objects on which g can end waits.
func (r *reverse) can(g int32) []int32 { return r.objects[r.start[g]:r.start[g+1]] }
