package graph

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// Folded is a graph that a person can read: goroutines in groups, and objects
// that the same groups wait on and act on as one Thing.
type Folded struct {
	// Groups are the numbers of the groups that appear, in ascending order.
	Groups []int32
	Things []Thing
	Waits  []Waits
	Acts   []Acts
	// Rest is what the limit left out: groups, and things that only they
	// touch. Edges of things that appear lead to group Others instead.
	Rest, RestThings int
	// thingOf has the thing of each object, -1 for none.
	thingOf []int32
}

// Others stands for all groups that do not appear.
const Others int32 = -1

// Thing is one object or several that are alike.
type Thing struct {
	Kind  wait.Kind
	Count int
	// First is the number of the first of them.
	First int32
}

// Waits says that Count goroutines of Group wait on Thing.
type Waits struct{ Group, Thing, Count int32 }

// Acts says that Count goroutines of Group can end waits on Thing.
type Acts struct {
	Thing, Group, Count int32
	How                 string
	Certainty           wake.Certainty
}

// Thing returns the thing that an object became, -1 if it was left out.
func (f *Folded) Thing(object int32) int32 { return f.thingOf[object] }

// Fold folds in. groupOf is the group of each goroutine, groups with less
// numbers being more telling; at most limit of them appear, and twice as many
// things.
func Fold(in Input, groupOf []int32, limit int) *Folded {
	f := &folder{in: &in, groupOf: groupOf, things: make(map[string]int32), alike: make(map[string]int32)}
	f.thingOf = make([]int32, in.Objects)
	for o := range int32(in.Objects) {
		f.thingOf[o] = -1
		if len(in.Waiters(o)) > 0 {
			f.thingOf[o] = f.take(o)
		}
	}
	f.cut(limit)
	return &f.Folded
}

type folder struct {
	Folded
	in      *Input
	groupOf []int32
	// things are by what all objects in one share; alike are those of objects
	// with one waiter by what is seen without looking for who ends the wait.
	things, alike map[string]int32
	singles       int
	buf           []byte
}

// part is a number of goroutines of one group.
type part struct{ group, count int32 }

// parts counts goroutines by group, in order of groups.
func (f *folder) parts(gs []int32) []part {
	var list []part
	at := 0
	for _, g := range gs {
		group := f.groupOf[g]
		if group < 0 {
			continue
		}
		if at >= len(list) || list[at].group != group {
			at = slices.IndexFunc(list, func(p part) bool { return p.group == group })
			if at < 0 {
				at = len(list)
				list = append(list, part{group: group})
			}
		}
		list[at].count++
	}
	slices.SortFunc(list, func(x, y part) int { return cmp.Compare(x.group, y.group) })
	return list
}

// take puts object o into a thing.
func (f *folder) take(o int32) int32 {
	waiters := f.parts(f.in.Waiters(o))
	if len(waiters) == 0 {
		return -1
	}
	f.buf = append(f.buf[:0], f.in.Kind(o)...)
	for _, p := range waiters {
		f.buf = binary.AppendUvarint(f.buf, uint64(p.group)+1)
	}
	single := len(f.in.Waiters(o)) == 1
	if single {
		if at, ok := f.alike[string(f.buf)]; ok && f.singles > lone {
			return f.more(at, waiters)
		}
		f.singles++
	}
	plain := string(f.buf)
	roles := f.in.Roles(o)
	actors := make([][]part, len(roles))
	for i, r := range roles {
		if r.Peer {
			continue
		}
		actors[i] = f.parts(r.Goroutines)
		f.buf = append(append(f.buf, 0, grade(r.Certainty)), r.How...)
		for _, p := range actors[i] {
			f.buf = binary.AppendUvarint(f.buf, uint64(p.group)+1)
		}
	}
	at, ok := f.things[string(f.buf)]
	if ok {
		return f.more(at, waiters)
	}
	at = int32(len(f.Things))
	f.things[string(f.buf)] = at
	if single {
		f.alike[plain] = at
	}
	f.Things = append(f.Things, Thing{Kind: f.in.Kind(o), Count: 1, First: o})
	for _, p := range waiters {
		f.Waits = append(f.Waits, Waits{p.group, at, p.count})
	}
	for i, r := range roles {
		for _, p := range actors[i] {
			f.act(Acts{at, p.group, p.count, r.How, r.Certainty})
		}
	}
	return at
}

// more adds an object to a thing.
func (f *folder) more(at int32, waiters []part) int32 {
	f.Things[at].Count++
	for i := range f.Waits {
		w := &f.Waits[i]
		if w.Thing != at {
			continue
		}
		for _, p := range waiters {
			if p.group == w.Group {
				w.Count += p.count
			}
		}
	}
	return at
}

// act adds an edge, or to the one that is there.
func (f *folder) act(a Acts) {
	for i := len(f.Acts) - 1; i >= 0 && f.Acts[i].Thing == a.Thing; i-- {
		if x := &f.Acts[i]; x.Group == a.Group && x.How == a.How && x.Certainty == a.Certainty {
			x.Count += a.Count
			return
		}
	}
	f.Acts = append(f.Acts, a)
}

// cut leaves out what is beyond the limit.
func (f *folder) cut(limit int) {
	seen := make(map[int32]bool)
	for _, w := range f.Waits {
		seen[w.Group] = true
	}
	for _, a := range f.Acts {
		seen[a.Group] = true
	}
	for g := range seen {
		f.Groups = append(f.Groups, g)
	}
	slices.Sort(f.Groups)
	last := int32(math.MaxInt32)
	if len(f.Groups) > limit {
		f.Rest = len(f.Groups) - limit
		f.Groups = f.Groups[:limit]
		last = f.Groups[limit-1]
	}
	f.cutThings(last, 2*limit)
	shown := func(g int32) int32 {
		if g > last {
			return Others
		}
		return g
	}
	for i := range f.Waits {
		f.Waits[i].Group = shown(f.Waits[i].Group)
	}
	for i := range f.Acts {
		f.Acts[i].Group = shown(f.Acts[i].Group)
	}
	f.Waits = merge(f.Waits, func(w Waits) Waits { w.Count = 0; return w }, func(to *Waits, w Waits) { to.Count += w.Count })
	f.Acts = merge(f.Acts, func(a Acts) Acts { a.Count = 0; return a }, func(to *Acts, a Acts) { to.Count += a.Count })
}

// merge adds up the edges with the same key, in their order.
func merge[E comparable](list []E, key func(E) E, add func(to *E, e E)) []E {
	index := make(map[E]int)
	var out []E
	for _, e := range list {
		at, ok := index[key(e)]
		if !ok {
			index[key(e)] = len(out)
			out = append(out, e)
			continue
		}
		add(&out[at], e)
	}
	return out
}

// cutThings keeps at most most things that a group up to last touches: those of
// the most telling groups.
func (f *folder) cutThings(last int32, most int) {
	type groups struct{ waits, acts int32 }
	best := make([]groups, len(f.Things))
	for i := range best {
		best[i] = groups{math.MaxInt32, math.MaxInt32}
	}
	for _, w := range f.Waits {
		best[w.Thing].waits = min(best[w.Thing].waits, w.Group)
	}
	for _, a := range f.Acts {
		best[a.Thing].acts = min(best[a.Thing].acts, a.Group)
	}
	order := make([]int32, 0, len(f.Things))
	for t := range f.Things {
		if min(best[t].waits, best[t].acts) <= last {
			order = append(order, int32(t))
		}
	}
	slices.SortStableFunc(order, func(x, y int32) int {
		return cmp.Or(cmp.Compare(min(best[x].waits, best[x].acts), min(best[y].waits, best[y].acts)),
			cmp.Compare(best[x].waits, best[y].waits), cmp.Compare(best[x].acts, best[y].acts))
	})
	order = order[:min(len(order), most)]
	f.RestThings = len(f.Things) - len(order)
	number := make([]int32, len(f.Things))
	for i := range number {
		number[i] = -1
	}
	kept := make([]Thing, len(order))
	for i, t := range order {
		number[t], kept[i] = int32(i), f.Things[t]
	}
	f.Things = kept
	for o, t := range f.thingOf {
		if t >= 0 {
			f.thingOf[o] = number[t]
		}
	}
	f.Waits = slices.DeleteFunc(f.Waits, func(w Waits) bool { return number[w.Thing] < 0 })
	f.Acts = slices.DeleteFunc(f.Acts, func(a Acts) bool { return number[a.Thing] < 0 })
	for i := range f.Waits {
		f.Waits[i].Thing = number[f.Waits[i].Thing]
	}
	for i := range f.Acts {
		f.Acts[i].Thing = number[f.Acts[i].Thing]
	}
}
