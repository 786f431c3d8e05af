package wake

import (
	"cmp"
	"slices"

	"rtdbg/inspect/code"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/wait"
)

// Candidate is goroutines with the same stack that can act on an object in the
// same way.
type Candidate struct {
	// Members are the numbers of the goroutines, in ascending order.
	Members []int32
	How     string
	// Certainty is how sure it is that they are those who act.
	Certainty Certainty
	// Peer says that they wait on the object themselves, and that somebody
	// else has to wake them first: they do not count for a verdict.
	Peer bool
	// Hops is how many objects lie between their stacks and the object.
	Hops int

	ability ability
	// rank is less for likelier candidates.
	rank int
	// ref is how the first of them refers to the node where chain begins.
	ref ref
	// chain are the edges from there to the object.
	chain []int32
	// fact is what makes an owner one, "" for others.
	fact string
}

// Candidates returns who can act on object n for those who want op of it, the
// likeliest first. The result is shared: it must not be changed.
func (a *Analyzer) Candidates(n int, op wait.Op) []Candidate {
	k := held{uint32(n), side(op)}
	if list, ok := a.cached.Load(k); ok {
		return list.([]Candidate)
	}
	list := a.candidates(n, op)
	if len(a.waitersOf(n)) > 1 {
		a.cached.Store(k, list)
	}
	return list
}

func (a *Analyzer) candidates(n int, op wait.Op) []Candidate {
	list := a.ownerCandidates(n, op)
	var seen few[int32]
	for i := range list {
		for _, m := range list[i].Members {
			seen.add(m)
		}
	}
	paths := a.paths(n, nil)
	// index has the places in list behind the owners.
	var index few[candidateKey]
	owners := len(list)
	for i, p := range paths {
		first, to := a.groupsOf(p.node)
		for g := first; g < to; g++ {
			gr := &a.groups[g]
			ab := a.able(g, n, op)
			if gr.waits == int32(n) && gr.only {
				list = a.addPeers(list, owners, &index, &seen, g, n, op)
				continue
			}
			if ab.can == no {
				continue
			}
			c := Candidate{How: how(a.objects[n].kind, op), Certainty: Possible, Hops: int(p.hops), ability: ab, ref: a.members(g)[0]}
			if ab.can == yes {
				c.How = opWords(ab.ops)
			}
			k := candidateKey{shape: gr.shape}
			at, known := index.place(k)
			at += owners
			if known && ab.better(list[at].ability) {
				c.Members = list[at].Members
				c.chain = chain(paths, int32(i))
				list[at] = c
			}
			for _, r := range a.members(g) {
				if r.off > p.need || seen.has(int32(r.g)) || a.outside(int(r.g), n) {
					continue
				}
				if a.retakes(&r, n, p) {
					list = a.addPeer(list, owners, &index, &seen, g, n, op, int32(r.g))
					continue
				}
				seen.add(int32(r.g))
				if !known {
					known, at = true, len(list)
					index.add(k)
					c.ref, c.chain = r, chain(paths, int32(i))
					list = append(list, c)
				}
				list[at].Members = append(list[at].Members, int32(r.g))
			}
		}
	}
	for i := range list {
		slices.Sort(list[i].Members)
		list[i].rank = a.rankOf(&list[i], a.objects[n].kind)
	}
	slices.SortStableFunc(list, func(x, y Candidate) int {
		return cmp.Or(cmp.Compare(x.rank, y.rank), cmp.Compare(x.Members[0], y.Members[0]))
	})
	return list
}

// candidateKey is what goroutines of one Candidate share. All peers are one.
type candidateKey struct {
	shape uint32
	peer  bool
}

// addPeers adds the members of group g, which wait on object n themselves.
func (a *Analyzer) addPeers(list []Candidate, owners int, index *few[candidateKey], seen *few[int32], g uint32, n int, op wait.Op) []Candidate {
	if !a.follows(g, n, op) {
		return list
	}
	for _, r := range a.members(g) {
		list = a.addPeer(list, owners, index, seen, g, n, op, int32(r.g))
	}
	return list
}

func (a *Analyzer) addPeer(list []Candidate, owners int, index *few[candidateKey], seen *few[int32], g uint32, n int, op wait.Op, i int32) []Candidate {
	if seen.has(i) || !a.follows(g, n, op) {
		return list
	}
	seen.add(i)
	at, ok := index.place(candidateKey{peer: true})
	at += owners
	if !ok {
		at = len(list)
		index.add(candidateKey{peer: true})
		list = append(list, Candidate{How: how(a.objects[n].kind, op), Certainty: Possible, Peer: true, ability: ability{can: yes}, ref: a.members(g)[0]})
	}
	list[at].Members = append(list[at].Members, i)
	return list
}

// follows reports whether the members of group g, which wait on object n as
// others do, will act on it when they have been woken.
func (a *Analyzer) follows(g uint32, n int, op wait.Op) bool {
	switch a.objects[n].kind {
	case wait.Mutex, wait.RWMutex:
		return true
	}
	return a.able(g, n, op).can == yes
}

// rankOf orders candidates: owners first, then by what the code can do and how
// near it is, those that can run before those that cannot.
func (a *Analyzer) rankOf(c *Candidate, kind wait.Kind) int {
	n := map[Certainty]int{Proven: 0, Inferred: 100, Possible: 200}[c.Certainty]
	switch best := a.bestState(c.Members); {
	case best == live || c.Peer:
		if !c.Peer && !slices.ContainsFunc(c.Members, a.goesOn) {
			n += 12
		}
	case best == unsure:
		n += 20
	case c.Certainty == Possible:
		n += 400
	}
	if c.Peer {
		// Those who wait for a lock will hold it one after the other.
		if kind == wait.Mutex || kind == wait.RWMutex {
			return 190
		}
		n += 100
	}
	if c.fact != "" && c.Certainty == Possible {
		n -= 30
	}
	switch c.ability.can {
	case yes:
		n += 2 * min(c.ability.depth, 8)
	case perhaps:
		n += 18
	}
	if c.ability.ops == code.Close && kind == wait.Chan {
		n++ // mostly at the end
	}
	n += 3 * c.Hops
	if !c.ref.exact {
		n += 4
	}
	if !c.ref.own {
		n += 2
	}
	return n
}

// goesOn reports whether goroutine i runs or goes on by itself: it waits for
// nobody's act.
func (a *Analyzer) goesOn(i int32) bool {
	return a.info[i].state == live && a.wait.Class(&a.gs[i]) != wait.ByGoroutine
}

// bestState is the best state among goroutines.
func (a *Analyzer) bestState(members []int32) state {
	best := stuck
	for _, i := range members {
		if s := a.info[i].state; s != gone && s > best {
			best = s
			if best == live {
				break
			}
		}
	}
	return best
}

// State is what is known of a goroutine's future.
type State string

// The states.
const (
	// Stuck: nobody who can run is able to wake it.
	Stuck State = "stuck"
	// Unsure: somebody who can run reaches what it waits on.
	Unsure State = "unsure"
	// Live: it runs, or something outside of Go or a live goroutine can wake
	// it.
	Live State = "live"
	// Gone: it is dead.
	Gone State = "gone"
)

// State returns what is known of the future of goroutine number i.
func (a *Analyzer) State(i int) State {
	return [...]State{stuck: Stuck, unsure: Unsure, live: Live, gone: Gone}[a.info[i].state]
}

// Objects returns the number of objects that goroutines wait on and that other
// goroutines act on: channels, locks, conditions, coroutines.
func (a *Analyzer) Objects() int { return len(a.objects) }

// Object is one of them.
type Object struct {
	Addr mem.Addr
	Kind wait.Kind
	// Waiters are in order of goroutines. Global says that it lies in a
	// package-level variable.
	Waiters []Waiter
	Global  bool
	// Fires says that a timer will end the waits on it.
	Fires bool
}

// Waiter is a goroutine, by its number, and what it wants of an object.
type Waiter struct {
	G  int32
	Op wait.Op
}

// Object returns object number n.
func (a *Analyzer) Object(n int) Object {
	o := &a.objects[n]
	_, fires := a.timerOf(n)
	x := Object{Addr: o.addr, Kind: o.kind, Global: a.nodes[o.node].global, Fires: fires}
	for _, w := range a.waitersOf(n) {
		x.Waiters = append(x.Waiters, Waiter{w.g, w.op()})
	}
	return x
}

// Awaits calls visit with the numbers of the objects that goroutine number i
// waits on, and what it wants of each, as Candidates takes it: for the writer
// that waits for the readers of an RWMutex that is wait.Wait.
func (a *Analyzer) Awaits(i int, visit func(object int, op wait.Op)) {
	ws := a.waitsOf(i)
	for j := range ws {
		if ws[j].obj >= 0 {
			visit(int(ws[j].obj), roleOf(&ws[j]))
		}
	}
}
