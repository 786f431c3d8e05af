package star

import (
	"fmt"
	"iter"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wake"
)

func whyClass() *class[*inspect.Diagnosis] {
	type D = *inspect.Diagnosis
	return (&class[D]{
		name:   "Diagnosis",
		doc:    "why a program does not go on",
		str:    func(_ *Interp, d D) string { return d.Summary() },
		report: whyReport,
		attrs: []attr[D]{
			{"summary", "the diagnosis in one sentence", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(text(d.Summary())) }},
			{"goroutines", "number of goroutines that are not dead", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(integer(d.Goroutines)) }},
			{"stuck", "number of those that nobody was found to be able to wake", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(integer(d.Stuck)) }},
			{"threads", "number of threads", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(integer(d.Threads)) }},
			{"deadlocks", "the Deadlocks, the surest first, at most 100", plain, func(in *Interp, d D) (starlark.Value, error) {
				return ok(&deadlockList{in, d.Deadlocks})
			}},
			{"roots", "the Roots: goroutines for which others wait, of those that are alike the first, at most 100", plain, func(in *Interp, d D) (starlark.Value, error) { return ok(in.classes.root.list(in, d.Roots)) }},
			{"groups", "the Groups, the most telling first", plain, func(in *Interp, d D) (starlark.Value, error) { return ok(in.classes.group.list(in, d.Groups)) }},
		},
	}).finish()
}

func groupClass() *class[inspect.Group] {
	type G = inspect.Group
	return (&class[G]{
		name: "Group",
		doc:  "goroutines that stand at the same place for the same reason",
		str:  func(_ *Interp, g G) string { return groupHead(&g) },
		report: func(in *Interp, g G) render.Report {
			return render.Report{Sections: []render.Section{render.Text(in.groupLines(&g)...)}, Records: render.Of[any](g)}
		},
		attrs: []attr[G]{
			{"count", "number of goroutines", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(integer(g.Count)) }},
			{"goids", "their ids, the oldest first, at most 100", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(goids(g.Goids)) }},
			{"state", "the wait reason, or the status of goroutines that do not wait", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(text(g.State)) }},
			{"verdict", "woken, wakeable, external, deadlock, never, unknown", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(text(g.Verdict)) }},
			{"function", "where the program stands", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(text(g.Function)) }},
			{"file", "source file of that", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(text(g.File)) }},
			{"line", "line in the file", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(integer(g.Line)) }},
			{"created_by", "the function that started them", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(text(g.CreatedBy)) }},
			{"wait_ns", "the longest wait that is known, in ns", duration, func(_ *Interp, g G) (starlark.Value, error) { return ok(optional(g.WaitNS, integer)) }},
			{"behind", "number of goroutines that wait for one of these, where that is known", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(integer(g.Behind)) }},
			{"waits_on", "the WaitsOn of the first of them", plain, func(in *Interp, g G) (starlark.Value, error) { return ok(in.classes.waitsOn.list(in, g.WaitsOn)) }},
			{"wakers", "the Wakers of the first of them", plain, func(in *Interp, g G) (starlark.Value, error) { return ok(in.classes.waker.list(in, g.Wakers)) }},
			{"idle", "waiting like this is normal", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(starlark.Bool(g.Idle)) }},
			{"note", "what limits the answer", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(text(g.Note)) }},
		},
	}).finish()
}

// groupHead is how many goroutines do what where.
func groupHead(g *inspect.Group) string {
	who := fmt.Sprintf("goroutine %d", first(g.Goids))
	if g.Count != 1 {
		who = fmt.Sprintf("%d goroutines", g.Count)
	}
	s := fmt.Sprintf("%s [%s", who, g.State)
	if g.WaitNS != nil {
		s += ", " + lasting(*g.WaitNS, g.WaitAccuracy)
	}
	return s + "] at " + groupPlace(g)
}

func first(ids []uint64) uint64 {
	if len(ids) == 0 {
		return 0
	}
	return ids[0]
}

func groupPlace(g *inspect.Group) string {
	if g.Function == "" {
		return "an unknown place"
	}
	return fmt.Sprintf("%s %s:%d", g.Function, g.File, g.Line)
}

// whyReport tells the deadlocks, who keeps others waiting, each group that is
// not idle, and lists the idle ones.
func whyReport(in *Interp, d *inspect.Diagnosis) render.Report {
	lines := func(yield func(string, error) bool) {
		if !yield(d.Summary(), nil) {
			return
		}
		for block := range in.whyBlocks(d) {
			for _, l := range append([]string{""}, block...) {
				if !yield(l, nil) {
					return
				}
			}
		}
	}
	sections := []render.Section{render.Lines(lines)}
	if n := idle(d); n > 0 {
		sections = append(sections, render.Text("", fmt.Sprintf("%s as usual:", waiting(n))), in.idleTable(d))
	}
	return render.Report{Sections: sections, Records: render.Of[any](d)}
}

// stories is how many deadlocks, and how many roots, people are told of.
const stories = 10

// whyBlocks yields the blocks of lines of a diagnosis in order.
func (in *Interp) whyBlocks(d *inspect.Diagnosis) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for i := range d.Deadlocks[:min(len(d.Deadlocks), stories)] {
			if !yield(in.deadlockLines(&d.Deadlocks[i])) {
				return
			}
		}
		if n := len(d.Deadlocks) + d.MoreDeadlocks - stories; n > 0 && !yield([]string{more(n, "deadlock") + ": see the command deadlocks"}) {
			return
		}
		for i := range d.Roots[:min(len(d.Roots), stories)] {
			if !yield(rootLines(&d.Roots[i])) {
				return
			}
		}
		n := d.MoreRoots
		for _, r := range d.Roots[min(len(d.Roots), stories):] {
			n += 1 + r.Alike
		}
		if n > 0 && !yield([]string{more(n, "goroutine") + " for which others wait: see the command graph"}) {
			return
		}
		for i := range d.Groups {
			if !d.Groups[i].Idle && !yield(in.groupLines(&d.Groups[i])) {
				return
			}
		}
	}
}

// rootHead says whom a root keeps waiting.
func rootHead(r *inspect.Root) string {
	s := fmt.Sprintf("goroutine %d [%s] keeps %s waiting, %s", r.Goid, r.State, count(r.Behind, "goroutine"), r.Certainty)
	if r.Choice > 1 {
		s += fmt.Sprintf(" (it or another of %d)", r.Choice)
	}
	return s
}

func rootLines(r *inspect.Root) []string {
	lines := []string{rootHead(r)}
	if r.Place != "" {
		lines = append(lines, "    at "+r.Place)
	}
	for _, t := range r.Through {
		line := fmt.Sprintf("    %s on %s %v", waiting(t.Waiters), objectWord(t.Kind), t.Object)
		if t.How != "" {
			line += fmt.Sprintf(" for goroutine %d to %s", r.Goid, howPhrase(t.How))
		}
		lines = append(lines, line)
	}
	if r.Circle {
		lines = append(lines, "    it waits itself for one of those, as far as is known: if nobody else comes, that is a deadlock")
	}
	switch {
	case r.Alike == 1:
		lines = append(lines, "    1 more goroutine there keeps others waiting in the same way")
	case r.Alike > 1:
		lines = append(lines, fmt.Sprintf("    %d more goroutines there keep others waiting in the same way", r.Alike))
	}
	return lines
}

func rootClass() *class[inspect.Root] {
	type R = inspect.Root
	return (&class[R]{
		name: "Root",
		doc:  "a goroutine for which others wait and which waits for none",
		str:  func(_ *Interp, r R) string { return rootHead(&r) },
		report: func(_ *Interp, r R) render.Report {
			return render.Report{Sections: []render.Section{render.Text(rootLines(&r)...)}, Records: render.Of[any](r)}
		},
		attrs: []attr[R]{
			{"goid", "its id", plain, func(_ *Interp, r R) (starlark.Value, error) { return ok(natural(r.Goid)) }},
			{"state", "its wait reason, or its status if it does not wait", plain, func(_ *Interp, r R) (starlark.Value, error) { return ok(text(r.State)) }},
			{"place", "where the program stands in it", plain, func(_ *Interp, r R) (starlark.Value, error) { return ok(text(r.Place)) }},
			{"behind", "number of goroutines that wait for it, through others or not", plain, func(_ *Interp, r R) (starlark.Value, error) { return ok(integer(r.Behind)) }},
			{"circle", "it waits itself for one of those behind it, as far as is known", plain, func(_ *Interp, r R) (starlark.Value, error) { return ok(starlark.Bool(r.Circle)) }},
			{"alike", "number of further goroutines that keep others waiting in the same way, at the same place", plain, func(_ *Interp, r R) (starlark.Value, error) { return ok(integer(r.Alike)) }},
			{"choice", "1 if only it can end the waits, else how many qualify alike", plain, func(_ *Interp, r R) (starlark.Value, error) { return ok(integer(r.Choice)) }},
			{"certainty", "that of the weakest step of the surest chain", plain, func(_ *Interp, r R) (starlark.Value, error) { return ok(text(r.Certainty)) }},
			{"through", "addresses of the objects on which those next to it wait", plain, func(_ *Interp, r R) (starlark.Value, error) {
				var list []starlark.Value
				for _, t := range r.Through {
					list = append(list, addr(t.Object))
				}
				return ok(starlark.NewList(list))
			}},
		},
	}).finish()
}

// idle counts the goroutines whose wait is normal.
func idle(d *inspect.Diagnosis) (n int) {
	for i := range d.Groups {
		if d.Groups[i].Idle {
			n += d.Groups[i].Count
		}
	}
	return n
}

func waiting(n int) string {
	if n == 1 {
		return "1 goroutine waits"
	}
	return fmt.Sprintf("%d goroutines wait", n)
}

// idleTable has a row for each idle group. Where most of them are the runtime's
// own goroutines, what tells them apart is where they began.
func (in *Interp) idleTable(d *inspect.Diagnosis) render.Table {
	return render.Table{
		Columns: render.Columns(">", "", ""), Headless: true,
		Rows: func(yield func([]string, error) bool) {
			for i := range d.Groups {
				g := &d.Groups[i]
				if !g.Idle {
					continue
				}
				if !yield([]string{fmt.Sprintf("%4d", g.Count), g.State, groupPlace(g)}, nil) {
					return
				}
			}
		},
	}
}

// told is how many wakers of a group people are told of, where it has more than
// one more: they come in order of likelihood.
const told = 4

// likeliest are the wakers to tell of, and how many are left out.
func likeliest(g *inspect.Group) (ws []wake.Waker, left int) {
	if len(g.Wakers) <= told+1 {
		return g.Wakers, 0
	}
	for _, w := range g.Wakers[told:] {
		left += max(w.Count, 1)
	}
	return g.Wakers[:told], left
}

// groupLines tells of a group: who, what keeps them, who could help.
func (in *Interp) groupLines(g *inspect.Group) []string {
	lines := []string{groupHead(g)}
	who := "it"
	if g.Count != 1 {
		who = "them"
		lines = append(lines, "    ids "+joinIDs(g.Goids, 20, g.Count))
	}
	if len(g.WaitsOn) > 0 {
		sentence := in.waitSentence(g.WaitsOn)
		if g.Count != 1 {
			sentence = fmt.Sprintf("goroutine %d %s", first(g.Goids), sentence)
		}
		lines = append(lines, "    "+sentence)
	}
	switch {
	case g.State == string(rt.Running), g.Verdict == wake.Woken && len(g.Wakers) == 0:
	default:
		ws, left := likeliest(g)
		lines = append(lines, in.verdictLines(g.Verdict, ws, g.More+left, g.Note, who)...)
		if left > 0 {
			lines[len(lines)-1] += fmt.Sprintf(": see wakers %d", first(g.Goids))
		}
	}
	if g.CreatedBy != "" {
		lines = append(lines, "    created by "+g.CreatedBy)
	}
	return lines
}
