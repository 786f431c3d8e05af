package code

import "sync/atomic"

// Whose code an operation is in.
const (
	program = iota // the program's and its modules'
	library        // the standard library's
	owners
)

// sum is what a function can do, itself and through others, by whose code
// the operations are in.
type sum struct {
	// do happens before the function returns, later by the function values
	// that it leaves behind, spawned in the goroutines that it starts.
	do, later, spawned [owners]Ops
	// unread says that some of the code could not be read.
	unread bool
}

type sumCell = atomic.Pointer[sum]

func (n *fn) owner() int {
	if n.std {
		return library
	}
	return program
}

func join(to *[owners]Ops, from [owners]Ops) {
	for i := range to {
		to[i] |= from[i]
	}
}

// all is everything that a function may bring about.
func (s *sum) all() [owners]Ops {
	a := s.do
	join(&a, s.later)
	join(&a, s.spawned)
	return a
}

func (s *sum) any() Ops {
	a := s.all()
	return a[program] | a[library]
}

// add adds what an event of kind does by way of the function whose sum is
// from.
func (s *sum) add(kind eventKind, from *sum) {
	s.unread = s.unread || from.unread
	switch kind {
	case calls, makesDefer:
		join(&s.do, from.do)
		join(&s.later, from.later)
		join(&s.spawned, from.spawned)
	case makes:
		join(&s.later, from.do)
		join(&s.later, from.later)
		join(&s.spawned, from.spawned)
	case makesGo:
		join(&s.spawned, from.all())
	}
}

// own is what the code of n does itself.
func (p *Program) own(n *fn) sum {
	var s sum
	if n.prim != 0 {
		// A primitive whose value was made.
		s.do[program] = n.prim
		return s
	}
	b := p.bodyOf(n)
	s.unread = b.unread
	var ops Ops
	for i := range b.events {
		ops |= b.events[i].ops
	}
	for i := range b.inlined {
		ops |= b.inlined[i].ops
	}
	s.do[n.owner()] |= ops
	s.do[program] |= ops & libraryOps
	return s
}

// sumOf returns the sum of n. The first time it finds those of all that n
// reaches: the strongly connected parts of the call graph have to be summed
// together (Tarjan's algorithm, without recursion).
func (p *Program) sumOf(n *fn) *sum {
	if s := n.sum.Load(); s != nil {
		return s
	}
	p.sumMu.Lock()
	defer p.sumMu.Unlock()
	if s := n.sum.Load(); s != nil {
		return s
	}
	t := tarjan{p: p, at: make(map[*fn]*visit)}
	t.run(n)
	return n.sum.Load()
}

// visit is the state of a function during the search.
type visit struct {
	n          *fn
	index, low int
	onStack    bool
	events     []event // of n
	next       int     // of events
}

type tarjan struct {
	p     *Program
	at    map[*fn]*visit
	path  []*visit // the functions being visited, each called by the one before
	stack []*visit // those whose part is not complete
}

func (t *tarjan) enter(n *fn) *visit {
	v := &visit{n: n, index: len(t.at), low: len(t.at), onStack: true}
	if n.prim == 0 {
		v.events = t.p.bodyOf(n).events
	}
	t.at[n] = v
	t.path = append(t.path, v)
	t.stack = append(t.stack, v)
	return v
}

func (t *tarjan) run(root *fn) {
	t.enter(root)
	for len(t.path) > 0 {
		v := t.path[len(t.path)-1]
		if to := v.step(); to != nil {
			t.follow(v, to)
			continue
		}
		t.path = t.path[:len(t.path)-1]
		if len(t.path) > 0 {
			caller := t.path[len(t.path)-1]
			caller.low = min(caller.low, v.low)
		}
		if v.low == v.index {
			t.complete(v)
		}
	}
}

// step returns the next function that v leads to, nil when there is no more.
func (v *visit) step() *fn {
	for v.next < len(v.events) {
		e := &v.events[v.next]
		v.next++
		if e.to != nil {
			return e.to
		}
	}
	return nil
}

func (t *tarjan) follow(v *visit, to *fn) {
	if to.sum.Load() != nil {
		return
	}
	if w := t.at[to]; w == nil {
		t.enter(to)
	} else if w.onStack {
		v.low = min(v.low, w.index)
	}
}

// complete sums the connected part whose first function is v: what is above
// it on the stack.
func (t *tarjan) complete(v *visit) {
	i := len(t.stack) - 1
	for t.stack[i] != v {
		i--
	}
	part := t.stack[i:]
	t.stack = t.stack[:i]
	sums := make(map[*fn]*sum, len(part))
	for _, w := range part {
		w.onStack = false
		s := t.p.own(w.n)
		sums[w.n] = &s
	}
	// Within the part the sums depend on one another: until nothing changes,
	// which is soon, as sets of a few bits only grow.
	for changed := true; changed; {
		changed = false
		for _, w := range part {
			s := sums[w.n]
			old := *s
			for j := range w.events {
				e := &w.events[j]
				if e.to == nil {
					continue
				}
				if other := sums[e.to]; other != nil {
					s.add(e.kind, other)
				} else {
					s.add(e.kind, e.to.sum.Load())
				}
			}
			changed = changed || *s != old
		}
		if len(part) == 1 && !changed {
			break
		}
	}
	for _, w := range part {
		w.n.sum.Store(sums[w.n])
		w.events = nil
	}
}
