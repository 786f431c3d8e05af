package graph

import (
	"cmp"
	"slices"

	"rtdbg/inspect/wake"
)

// Root is the end of chains: a goroutine that others wait for, through others
// or not, and that itself waits for no goroutine, or for none that is known.
type Root struct {
	Goroutine int32
	// Behind counts those who wait for it.
	Behind int
	// Objects are those on which its neighbours in the chains wait, the ones
	// with the most goroutines behind them first; at most MaxVia.
	Objects []int32
	// Certainty is that of the weakest step of the surest chain.
	Certainty wake.Certainty
	// Choice is how many goroutines share the role that makes it the end, at
	// least: 1 where only it can end the wait on an object.
	Choice int
	// Circle says that it waits itself for one of those behind it, as far as
	// is known, which is less sure than that they wait for it.
	Circle bool
}

// MaxVia limits the objects of a Root.
const MaxVia = 8

// chain is what is known of an object: who ends the waits on it, and where that
// leads.
type chain struct {
	// next is the likeliest goroutine, -1 for none; choice how many share
	// its role.
	next, choice int32
	// root is the goroutine at the end, -1 for none or a circle; through is
	// the last object before it.
	root, through int32
	grade         uint8
	state         uint8
}

// The states of a chain.
const (
	walking uint8 = iota + 1
	known
)

// lone is on how many objects with a single waiter chains are begun: of a
// million pairs a sample tells enough.
const lone = 10000

// Roots finds the ends of chains: from waiter to the likeliest of those who can
// wake it, and so on, the surest and longest first. Circles have no end unless
// one of their steps is less sure than others: see Deadlocks.
func Roots(in Input) []Root {
	w := &walk{in: &in, chains: make(map[int32]*chain)}
	singles := 0
	for o := range int32(in.Objects) {
		switch len(in.Waiters(o)) {
		case 0:
			continue
		case 1:
			if singles++; singles > lone {
				continue
			}
		}
		w.follow(o)
	}
	return w.gather()
}

// walk is the state of Roots.
type walk struct {
	in     *Input
	chains map[int32]*chain
	// circles are the roots that are in a circle.
	circles map[int32]bool
}

// at returns the chain of object o with its first step.
func (w *walk) at(o int32) *chain {
	c := w.chains[o]
	if c != nil {
		return c
	}
	c = &chain{next: -1, root: -1, through: -1}
	w.chains[o] = c
	for _, r := range w.in.Roles(o) {
		if !r.Peer && len(r.Goroutines) > 0 {
			c.next, c.choice, c.grade = r.Goroutines[0], int32(len(r.Goroutines)), grade(r.Certainty)
			break
		}
	}
	return c
}

// on is the object that decides over g: that with the surest waker, -1 if none
// has one.
func (w *walk) on(g int32) int32 {
	best, sure := int32(-1), uint8(0)
	for _, o := range slices.Clone(w.in.Waits(g)) {
		if c := w.at(o); c.next >= 0 && c.next != g && c.first() > sure {
			best, sure = o, c.first()
		}
	}
	return best
}

// first is the grade of the chain, at least 1.
func (c *chain) first() uint8 { return max(c.grade, 1) }

// tells reports whether the first step of chain c, of object o, explains the
// wait: it is sure, or there is one goroutine only that can act, and not just to
// send something. A chain that explains is not followed to where it would not.
func (w *walk) tells(c *chain, o int32) bool {
	return c.first() > grade(wake.Possible) || c.choice == 1 && (w.in.Receives == nil || !w.in.Receives(o))
}

// follow fills in the ends of the chain that begins at object o.
func (w *walk) follow(o int32) {
	var path []*chain
	var places []int32
	for o >= 0 {
		c := w.at(o)
		if c.state != 0 || c.next < 0 {
			break
		}
		c.state = walking
		path, places = append(path, c), append(places, o)
		o = w.on(c.next)
		if o >= 0 && w.tells(c, places[len(places)-1]) && !w.tells(w.at(o), o) {
			o = -1
		}
	}
	if len(path) == 0 {
		return
	}
	switch {
	case o < 0:
		settle(path, path[len(path)-1].next, places[len(path)-1], 3)
	case w.at(o).state == known:
		c := w.at(o)
		settle(path, c.root, c.through, c.grade)
	default:
		w.circle(path, places, slices.Index(places, o))
	}
}

// settle fills in the end of chains that lead to one another.
func settle(path []*chain, root, through int32, weakest uint8) {
	for _, c := range slices.Backward(path) {
		weakest = min(weakest, c.grade)
		c.root, c.through, c.grade, c.state = root, through, weakest, known
	}
}

// circle fills in the ends of chains that come back to number first of them.
// Where one step of the circle is less sure than others, as of who waits for a
// channel that many can reach, the one who waits for that is taken for the end;
// where all are alike there is none.
func (w *walk) circle(path []*chain, places []int32, first int) {
	least, most := first, path[first].first()
	for i := first; i < len(path); i++ {
		if path[i].first() < path[least].first() {
			least = i
		}
		most = max(most, path[i].first())
	}
	if path[least].first() == most {
		settle(path, -1, -1, 3)
		return
	}
	last := least - 1
	if least == first {
		last = len(path) - 1
	}
	root, through := path[last].next, places[last]
	settle(slices.Concat(path[least:], path[first:least]), root, through, 3)
	settle(path[:first], root, through, path[first].grade)
	if w.circles == nil {
		w.circles = make(map[int32]bool)
	}
	w.circles[root] = true
}

// gather counts who stands behind each root.
func (w *walk) gather() []Root {
	var roots []Root
	place := make(map[int32]int)
	via := make(map[int32]int) // by the last object of chains
	objects := make([]int32, 0, len(w.chains))
	for o, c := range w.chains {
		if c.root >= 0 {
			objects = append(objects, o)
		}
	}
	slices.Sort(objects)
	for _, o := range objects {
		c := w.chains[o]
		at, ok := place[c.root]
		if !ok {
			at = len(roots)
			place[c.root] = at
			roots = append(roots, Root{Goroutine: c.root, Choice: int(w.chains[c.through].choice), Circle: w.circles[c.root]})
		}
		r := &roots[at]
		for _, g := range w.in.Waiters(o) {
			if g == c.root || len(w.in.Waits(g)) > 1 && w.on(g) != o {
				continue
			}
			r.Behind++
			via[c.through]++
		}
		if grade(r.Certainty) < c.grade {
			r.Certainty = certainty(c.grade)
		}
		r.Choice = min(r.Choice, int(w.chains[c.through].choice))
		if !slices.Contains(r.Objects, c.through) && len(r.Objects) < 8*MaxVia {
			r.Objects = append(r.Objects, c.through)
		}
	}
	for i := range roots {
		slices.SortStableFunc(roots[i].Objects, func(x, y int32) int { return via[y] - via[x] })
		roots[i].Objects = slices.Clip(roots[i].Objects[:min(len(roots[i].Objects), MaxVia)])
	}
	slices.SortStableFunc(roots, func(x, y Root) int {
		return cmp.Or(cmp.Compare(grade(y.Certainty), grade(x.Certainty)), cmp.Compare(y.Behind, x.Behind), cmp.Compare(x.Goroutine, y.Goroutine))
	})
	return slices.DeleteFunc(roots, func(r Root) bool { return r.Behind == 0 })
}
