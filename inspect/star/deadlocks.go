package star

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/render"
	"rtdbg/inspect/wait"
)

func deadlockClass() *class[*inspect.Deadlock] {
	type D = *inspect.Deadlock
	return (&class[D]{
		name: "Deadlock",
		doc:  "goroutines that wait only for each other",
		str:  func(_ *Interp, d D) string { return deadlockHead(d) },
		report: func(in *Interp, d D) render.Report {
			return render.Report{Sections: []render.Section{render.Text(in.deadlockLines(d)...)}, Records: render.Of[any](d)}
		},
		attrs: []attr[D]{
			{"goids", "ids of the members, oldest first, at most 100", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(goids(d.Goids)) }},
			{"count", "number of members", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(integer(d.Count)) }},
			{"cycle", "a shortest cycle: each WaitStep", plain, func(in *Interp, d D) (starlark.Value, error) { return ok(in.classes.waitStep.list(in, d.Cycle)) }},
			{"certainty", "that of the weakest step: proven, inferred or possible", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(text(d.Certainty)) }},
			{"alike", "number of later sets with the same stacks", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(integer(d.Alike)) }},
			{"behind", "number of goroutines that are stuck behind the members", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(integer(d.Behind)) }},
		},
	}).finish()
}

func waitStepClass() *class[inspect.WaitStep] {
	type S = inspect.WaitStep
	return (&class[S]{
		name: "WaitStep",
		doc:  "a goroutine of a cycle and what it waits for",
		str:  func(_ *Interp, s S) string { return stepLine(&s) },
		attrs: []attr[S]{
			{"goid", "id of the goroutine", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(natural(s.Goid)) }},
			{"waits_for", "id of the goroutine that it waits for", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(natural(s.WaitsFor)) }},
			{"object", "address of what it waits on", address, func(_ *Interp, s S) (starlark.Value, error) { return ok(addr(s.Object)) }},
			{"kind", "kind of the object: chan, mutex, …", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(text(s.Kind)) }},
			{"op", "what it wants of the object: recv, lock, …", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(text(s.Op)) }},
			{"how", "what would end the wait: send, unlock, …", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(text(s.How)) }},
			{"place", "where the program stands in it", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(text(s.Place)) }},
			{"certainty", "how sure it is that the other one has to act", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(text(s.Certainty)) }},
		},
	}).finish()
}

func leakClass() *class[*inspect.Leak] {
	type L = *inspect.Leak
	return (&class[L]{
		name: "Leak",
		doc:  "a goroutine that nothing can ever wake",
		str:  func(_ *Interp, l L) string { return fmt.Sprintf("goroutine %d [%s]: %s", l.Goid, l.WaitReason, l.Why) },
		key:  func(l L) uint64 { return l.Goid },
		attrs: []attr[L]{
			{"goid", "its id", plain, func(_ *Interp, l L) (starlark.Value, error) { return ok(natural(l.Goid)) }},
			{"g", "the G", plain, func(in *Interp, l L) (starlark.Value, error) {
				g, err := in.p.Goroutine(in.ctx, l.Goid)
				if err != nil {
					return nil, err
				}
				return in.classes.g.of(in, g), nil
			}},
			{"wait_reason", "why it is parked", plain, func(_ *Interp, l L) (starlark.Value, error) { return ok(text(l.WaitReason)) }},
			{"why", "why nobody wakes it", plain, func(_ *Interp, l L) (starlark.Value, error) { return ok(text(l.Why)) }},
			{"group", "the function that it runs", plain, func(_ *Interp, l L) (starlark.Value, error) { return ok(text(l.Group)) }},
			{"place", "where the program stands in it", plain, func(_ *Interp, l L) (starlark.Value, error) { return ok(text(l.Place)) }},
		},
	}).finish()
}

func deadlockBuiltins() []Builtin {
	return []Builtin{
		{
			Name: "deadlocks", Doc: "The sets of goroutines that wait only for each other, the surest first.",
			Example: "[d.goids for d in deadlocks()]",
			call: func(in *Interp, _ args) (starlark.Value, error) {
				list, err := in.p.Deadlocks(in.ctx)
				if err != nil {
					return nil, err
				}
				return &deadlockList{in, list}, nil
			},
		},
		{
			Name: "leaks", Doc: "The goroutines that nothing can ever wake.",
			Example: "[l.goid for l in leaks()]",
			call: func(in *Interp, _ args) (starlark.Value, error) {
				l, err := in.p.Leaks(in.ctx)
				if err != nil {
					return nil, err
				}
				return &leakList{in, l}, nil
			},
		},
		graphBuiltin(),
	}
}

// deadlockHead sums a set up.
func deadlockHead(d *inspect.Deadlock) string {
	s := fmt.Sprintf("deadlock of %d goroutines", d.Count)
	if d.Count == 1 {
		s = "a goroutine waits for itself"
	}
	s += ", " + string(d.Certainty)
	if d.Behind > 0 {
		s += fmt.Sprintf("; %d more %s stuck behind", d.Behind, isAre(d.Behind))
	}
	return s
}

// more is "1 more group", "3 more groups".
func more(n int, noun string) string {
	if n == 1 {
		return "1 more " + noun
	}
	return fmt.Sprintf("%d more %ss", n, noun)
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// maxSteps is how many steps of a cycle people are shown.
const maxSteps = 20

// deadlockLines tells the cycle, step by step.
func (in *Interp) deadlockLines(d *inspect.Deadlock) []string {
	lines := []string{deadlockHead(d)}
	for i := range d.Cycle[:min(len(d.Cycle), maxSteps)] {
		lines = append(lines, "    "+stepLine(&d.Cycle[i]))
	}
	if more := len(d.Cycle) - maxSteps; more > 0 {
		lines = append(lines, fmt.Sprintf("    … %d more steps, back to goroutine %d", more, d.Cycle[0].Goid))
	}
	if d.Count > len(d.Cycle) {
		lines = append(lines, "    ids "+joinIDs(d.Goids, 20, d.Count))
	}
	if d.Alike > 0 {
		lines = append(lines, "    "+more(d.Alike, "deadlock")+" like this, with the same stacks")
	}
	return lines
}

// stepLine says what a goroutine waits for, and where it stands.
func stepLine(s *inspect.WaitStep) string {
	who := fmt.Sprintf("goroutine %d", s.WaitsFor)
	if s.WaitsFor == s.Goid {
		who = "itself"
	}
	line := fmt.Sprintf("goroutine %d [%s %s %v] waits for %s to %s", s.Goid, s.Op, objectWord(s.Kind), s.Object, who, howPhrase(s.How))
	if s.Place != "" {
		line += ", at " + s.Place
	}
	return line
}

// howPhrase is what ends a wait as something that somebody does to an object.
func howPhrase(how string) string {
	switch how {
	case "send":
		return "send to it"
	case "recv":
		return "receive from it"
	case "done":
		return "call Done on it"
	}
	return how + " it"
}

// objectWord names a kind of object.
func objectWord(k wait.Kind) string {
	return orWord(kindWord(k), string(k))
}

// deadlockList is the answer of deadlocks().
type deadlockList struct {
	in *Interp
	v  []inspect.Deadlock
}

var _ starlark.Indexable = (*deadlockList)(nil)

func (l *deadlockList) String() string             { return fmt.Sprintf("<deadlocks: %d>", len(l.v)) }
func (l *deadlockList) Type() string               { return "deadlocks" }
func (l *deadlockList) Freeze()                    {}
func (l *deadlockList) Truth() starlark.Bool       { return len(l.v) > 0 }
func (l *deadlockList) Hash() (uint32, error)      { return 0, fmt.Errorf("unhashable: deadlocks") }
func (l *deadlockList) Len() int                   { return len(l.v) }
func (l *deadlockList) Index(i int) starlark.Value { return l.in.classes.deadlock.of(l.in, &l.v[i]) }
func (l *deadlockList) Iterate() starlark.Iterator { return &indexIterator{list: l} }

func (l *deadlockList) report() render.Report {
	lines := func(yield func(string, error) bool) {
		if len(l.v) == 0 {
			yield("no goroutines wait only for each other", nil)
			return
		}
		shown, left := 0, 0
		for i := range l.v {
			switch d := &l.v[i]; {
			case d.LikeEarlier:
				continue
			case shown == shownRows:
				left++
				continue
			case shown > 0 && !yield("", nil):
				return
			}
			shown++
			for _, line := range l.in.deadlockLines(&l.v[i]) {
				if !yield(line, nil) {
					return
				}
			}
		}
		if left > 0 {
			yield(fmt.Sprintf("… and %d more kinds: -o json lists all %d deadlocks", left, len(l.v)), nil)
		}
	}
	return render.Report{Sections: []render.Section{render.Lines(lines)}, Records: func(yield func(any, error) bool) {
		for i := range l.v {
			if !yield(&l.v[i], nil) {
				return
			}
		}
	}}
}

// indexIterator iterates over what can be indexed.
type indexIterator struct {
	list starlark.Indexable
	i    int
}

func (it *indexIterator) Next(v *starlark.Value) bool {
	if it.i >= it.list.Len() {
		return false
	}
	*v = it.list.Index(it.i)
	it.i++
	return true
}

func (it *indexIterator) Done() {}

// leakList is the answer of leaks().
type leakList struct {
	in *Interp
	v  *inspect.Leaks
}

var _ starlark.Indexable = (*leakList)(nil)

func (l *leakList) String() string             { return fmt.Sprintf("<leaks: %d>", l.v.Len()) }
func (l *leakList) Type() string               { return "leaks" }
func (l *leakList) Freeze()                    {}
func (l *leakList) Truth() starlark.Bool       { return l.v.Len() > 0 }
func (l *leakList) Hash() (uint32, error)      { return 0, fmt.Errorf("unhashable: leaks") }
func (l *leakList) Len() int                   { return l.v.Len() }
func (l *leakList) Iterate() starlark.Iterator { return &indexIterator{list: l} }

func (l *leakList) Index(i int) starlark.Value {
	leak := l.v.At(i)
	return l.in.classes.leak.of(l.in, &leak)
}

// leakGroup is leaks that people are told of together.
type leakGroup struct {
	inspect.Leak
	goids []uint64
	count int
}

// groups puts like leaks together, the most first.
func (l *leakList) groups() []*leakGroup {
	index := make(map[inspect.Leak]*leakGroup)
	var list []*leakGroup
	for i := range l.v.Len() {
		leak := l.v.At(i)
		id := leak.Goid
		leak.Goid = 0
		g := index[leak]
		if g == nil {
			g = &leakGroup{Leak: leak}
			index[leak] = g
			list = append(list, g)
		}
		if g.count++; len(g.goids) < shownIDs {
			g.goids = append(g.goids, id)
		}
	}
	slices.SortStableFunc(list, func(x, y *leakGroup) int { return cmp.Compare(y.count, x.count) })
	return list
}

func (l *leakList) report() render.Report {
	if l.v.Len() == 0 {
		return render.Report{Sections: []render.Section{render.Text("no goroutine is known to be stuck forever")}, Records: render.Of[any]()}
	}
	groups := l.groups()
	head := fmt.Sprintf("%s that nothing can ever wake", count(l.v.Len(), "goroutine"))
	sections := []render.Section{render.Text(head), render.Table{
		Columns: render.Columns(">COUNT", "WAITS", "RUNS", "WHY", "AT", "GOROUTINES"),
		Rows: func(yield func([]string, error) bool) {
			for _, g := range groups[:min(len(groups), shownRows)] {
				if !yield([]string{fmt.Sprint(g.count), g.WaitReason, g.Group, g.Why, shortPlace(g.Place), joinIDs(g.goids, shownIDs, g.count)}, nil) {
					return
				}
			}
		},
	}}
	if more := len(groups) - shownRows; more > 0 {
		sections = append(sections, render.Text(fmt.Sprintf("… and %d more groups: -o json lists all goroutines", more)))
	}
	return render.Report{Sections: sections, Records: func(yield func(any, error) bool) {
		for i := range l.v.Len() {
			if !yield(l.v.At(i), nil) {
				return
			}
		}
	}}
}

// shortPlace is a place with the file's name alone.
func shortPlace(place string) string {
	i := strings.LastIndexByte(place, ' ')
	return place[:i+1] + path.Base(place[i+1:])
}

// objectLabel names one object or several that are alike.
func objectLabel(kind wait.Kind, n int, at *mem.Addr) string {
	if n == 1 && at != nil {
		return objectWord(kind) + " " + at.String()
	}
	return fmt.Sprintf("%d × %s", n, objectWord(kind))
}
