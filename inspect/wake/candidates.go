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
	// cancel is the function that they hold and that cancels the context
	// whose done channel the object is, "" for others.
	cancel string
	// noCancel says that the object is the done channel of a context, and that
	// they reach it only through what cannot cancel that.
	noCancel bool
}

// Candidates returns who can act on object n for those who want op of it, the
// likeliest first. The result is shared: it must not be changed.
func (a *Analyzer) Candidates(n int, op wait.Op) []Candidate {
	k := held{uint32(n), side(op)}
	if list, ok := a.cached.Load(k); ok {
		return list.([]Candidate)
	}
	s := search{full: true}
	a.candidates(&s, n, op)
	if len(a.waitersOf(n)) > 1 {
		a.cached.Store(k, s.list)
	}
	return s.list
}

// EachActor calls visit for those who can act on object n for those who want op
// of it, but for peers, with how sure that is: in no order.
func (a *Analyzer) EachActor(n int, op wait.Op, visit func(g int32, c Certainty)) {
	if list, ok := a.cached.Load(held{uint32(n), side(op)}); ok {
		eachActor(list.([]Candidate), visit)
		return
	}
	s, _ := a.searches.Get().(*search)
	if s == nil {
		s = new(search)
	}
	a.candidates(s, n, op)
	eachActor(s.list, visit)
	a.searches.Put(s)
}

func eachActor(list []Candidate, visit func(g int32, c Certainty)) {
	for i := range list {
		if c := &list[i]; !c.Peer {
			for _, g := range c.Members {
				visit(g, c.Certainty)
			}
		}
	}
}

// search is the state of a search for candidates, which can be used again.
type search struct {
	list []Candidate
	// owners is how many of list are owners; index has the places of those
	// behind them, seen is all members.
	owners int
	index  few[candidateKey]
	seen   few[int32]
	paths  []route
	// full says that the order and the evidence are wanted. cancels says then
	// what the paths mean to a context, if the object is the done channel of
	// one; else it is nil.
	full    bool
	cancels []cancelPath
}

// add appends a candidate without members and returns its place. Slices of what
// lay there before are used again.
func (s *search) add(k candidateKey, c Candidate) (at int) {
	at = len(s.list)
	s.index.add(k)
	if at < cap(s.list) {
		c.Members = s.list[:at+1][at].Members[:0]
	}
	s.list = append(s.list, c)
	return at
}

func (a *Analyzer) candidates(s *search, n int, op wait.Op) {
	s.list = append(s.list[:0], a.ownerCandidates(n, op)...)
	s.owners = len(s.list)
	s.index.reset()
	s.seen.reset()
	for i := range s.list {
		for _, m := range s.list[i].Members {
			s.seen.add(m)
		}
	}
	s.paths = a.paths(n, s.paths)
	if s.full {
		s.cancels = a.cancels(n, op, s.paths)
	}
	for i := range s.cancels {
		if s.cancels[i].fn != "" {
			a.addPath(s, i, n, op) // who holds it is not found by a shorter way
		}
	}
	for i := range s.paths {
		a.addPath(s, i, n, op)
	}
	for i := range s.list {
		slices.Sort(s.list[i].Members)
		s.list[i].rank = a.rankOf(&s.list[i], a.objects[n].kind)
	}
	slices.SortStableFunc(s.list, func(x, y Candidate) int {
		return cmp.Or(cmp.Compare(x.rank, y.rank), cmp.Compare(x.Members[0], y.Members[0]))
	})
}

// addPath adds those who refer to the node of a path.
func (a *Analyzer) addPath(s *search, path, n int, op wait.Op) {
	first, to := a.groupsOf(s.paths[path].node)
	for g := first; g < to; g++ {
		if gr := &a.groups[g]; gr.waits == int32(n) && gr.only {
			a.addPeers(s, g, n, op)
		} else if ab := a.able(g, n, op); ab.can != no {
			a.addGroup(s, g, n, op, int32(path), ab)
		}
	}
}

// addGroup adds the members of group g, which refer to the node of a path and
// are able to act.
func (a *Analyzer) addGroup(s *search, g uint32, n int, op wait.Op, path int32, ab ability) {
	p := &s.paths[path]
	c := Candidate{How: how(a.objects[n].kind, op), Certainty: Possible, Hops: int(p.hops), ability: ab, ref: a.members(g)[0]}
	if s.cancels != nil {
		s.cancels[path].apply(&c)
	}
	if c.ability.can == yes {
		c.How = opWords(c.ability.ops)
	}
	k := candidateKey{shape: a.groups[g].shape}
	at, known := s.index.place(k)
	at += s.owners
	if known && s.list[at].cancel == "" && c.ability.better(s.list[at].ability) {
		c.Members = s.list[at].Members
		c.chain = chain(s.paths, path)
		s.list[at] = c
	}
	for _, r := range a.members(g) {
		if r.off > p.need || s.seen.has(int32(r.g)) || a.outside(int(r.g), n) {
			continue
		}
		if a.retakes(&r, n, *p) {
			a.addPeer(s, g, n, op, int32(r.g))
			continue
		}
		s.seen.add(int32(r.g))
		if !known {
			c.ref, c.chain = r, chain(s.paths, path)
			known, at = true, s.add(k, c)
		}
		s.list[at].Members = append(s.list[at].Members, int32(r.g))
	}
}

// candidateKey is what goroutines of one Candidate share. All peers are one.
type candidateKey struct {
	shape uint32
	peer  bool
}

// addPeers adds the members of group g, which wait on object n themselves.
func (a *Analyzer) addPeers(s *search, g uint32, n int, op wait.Op) {
	if !a.follows(g, n, op) {
		return
	}
	for _, r := range a.members(g) {
		a.addPeer(s, g, n, op, int32(r.g))
	}
}

func (a *Analyzer) addPeer(s *search, g uint32, n int, op wait.Op, i int32) {
	if s.seen.has(i) || !a.follows(g, n, op) {
		return
	}
	s.seen.add(i)
	k := candidateKey{peer: true}
	at, ok := s.index.place(k)
	at += s.owners
	if !ok {
		at = s.add(k, Candidate{How: how(a.objects[n].kind, op), Certainty: Possible, Peer: true, ability: ability{can: yes}, ref: a.members(g)[0]})
	}
	s.list[at].Members = append(s.list[at].Members, i)
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
	switch {
	case c.cancel != "":
		n += 6
	case c.ability.can == yes:
		n += 2 * min(c.ability.depth, 8)
	case c.ability.can == perhaps:
		n += 18
	}
	if c.noCancel {
		n += 60
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
