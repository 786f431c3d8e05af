package star

import (
	"fmt"
	"strconv"
	"strings"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
)

func runqClass() *class[*inspect.RunQ] {
	type R = *inspect.RunQ
	return (&class[R]{
		name:   "RunQ",
		doc:    "all runnable goroutines, by queue",
		str:    func(_ *Interp, r R) string { return fmt.Sprintf("run queues: %d runnable", r.NowRunnable) },
		report: runqReport,
		attrs: []attr[R]{
			{"ps", "the RunQP of each P", plain, func(in *Interp, r R) (starlark.Value, error) { return ok(in.classes.runqP.list(in, r.Ps)) }},
			{"global", "goroutine ids in the global run queue, the next one first", plain, func(_ *Interp, r R) (starlark.Value, error) { return ok(goids(r.Global)) }},
			{"state", "the whole answer, with attributes as in its JSON: ps with what is queued and why, global_queued, odd", plain, func(_ *Interp, r R) (starlark.Value, error) { return dataOf("RunQState", r, nil) }},
			{"now_runnable", "number of goroutines whose status is runnable, whatever queue they stand in", plain, func(_ *Interp, r R) (starlark.Value, error) { return ok(integer(r.NowRunnable)) }},
			{"note", "what is unreadable", plain, func(_ *Interp, r R) (starlark.Value, error) { return ok(text(r.Note)) }},
		},
	}).finish()
}

func runqPClass() *class[inspect.RunQP] {
	type P = inspect.RunQP
	return (&class[P]{
		name: "RunQP",
		doc:  "the run queue of a P",
		str:  func(_ *Interp, p P) string { return fmt.Sprintf("p%d %s, %d queued", p.ID, p.Status, len(p.RunQ)) },
		attrs: []attr[P]{
			{"id", "id of the P", plain, func(_ *Interp, p P) (starlark.Value, error) { return ok(integer(p.ID)) }},
			{"status", "idle, running, syscall, gcstop or dead", plain, func(_ *Interp, p P) (starlark.Value, error) { return ok(text(p.Status)) }},
			{"m", "id of its M, or None", plain, func(_ *Interp, p P) (starlark.Value, error) { return ok(optional(p.M, integer)) }},
			{"goid", "id of the goroutine that it runs, or None", plain, func(_ *Interp, p P) (starlark.Value, error) { return ok(optional(p.Goid, natural)) }},
			{"runnext", "id of the goroutine that runs before those in runq, or None", plain, func(_ *Interp, p P) (starlark.Value, error) { return ok(optional(p.RunNext, natural)) }},
			{"runq", "goroutine ids, the next one first", plain, func(_ *Interp, p P) (starlark.Value, error) { return ok(goids(p.RunQ)) }},
			{"note", "what is unreadable", plain, func(_ *Interp, p P) (starlark.Value, error) { return ok(text(p.Note)) }},
		},
	}).finish()
}

func goids(ids []uint64) starlark.Value {
	elems := make([]starlark.Value, len(ids))
	for i, id := range ids {
		elems[i] = natural(id)
	}
	return starlark.NewList(elems)
}

// dash is *p, "-" for nil.
func dash[T int64 | uint64](p *T) string {
	if p == nil {
		return "-"
	}
	return fmt.Sprint(*p)
}

// joinIDs is the ids with blanks between them, at most limit of the total.
func joinIDs(ids []uint64, limit, total int) string {
	var b strings.Builder
	shown := min(len(ids), limit)
	for i, id := range ids[:shown] {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strconv.FormatUint(id, 10))
	}
	if total > shown {
		fmt.Fprintf(&b, " … and %d more", total-shown)
	}
	return b.String()
}

func runqReport(_ *Interp, r *inspect.RunQ) render.Report {
	rows := func(yield func([]string, error) bool) {
		for i := range r.Ps {
			p := &r.Ps[i]
			queue := orWord(joinIDs(p.RunQ, len(p.RunQ), len(p.RunQ)), "-")
			if p.Note != "" {
				queue += " <unreadable: " + p.Note + ">"
			}
			if !yield([]string{fmt.Sprint(p.ID), string(p.Status), dash(p.M), dash(p.Goid), dash(p.RunNext), queue}, nil) {
				return
			}
		}
	}
	tail := fmt.Sprintf("global queue: %s", orWord(joinIDs(r.Global, len(r.Global), len(r.Global)), "empty"))
	sections := []render.Section{
		render.Text(fmt.Sprintf("%s on %s", count(r.NowRunnable, "runnable goroutine"), count(len(r.Ps), "P"))),
		render.Table{Columns: render.Columns(">P", "STATUS", ">M", ">RUNS", ">RUNNEXT", "RUNQ (next first)"), Rows: rows},
		render.Text(tail),
	}
	if lines := runqWhy(r); len(lines) > 0 {
		sections = append(sections, render.Text(lines...))
	}
	if r.Note != "" {
		sections = append(sections, render.Text("note: "+r.Note))
	}
	return render.Report{Sections: sections, Records: render.Of[any](r)}
}

// runqWhy says why the queues are not empty, who is in front, and what is odd.
func runqWhy(r *inspect.RunQ) []string {
	var lines []string
	for i := range r.Ps {
		if q := r.Ps[i].Queued; len(q) > 0 {
			lines = append(lines, fmt.Sprintf("p%d: %s", r.Ps[i].ID, queueLine(q)))
		}
	}
	if len(r.GlobalQueued) > 0 {
		lines = append(lines, "global: "+queueLine(r.GlobalQueued))
	}
	for _, f := range r.Odd {
		line := fmt.Sprintf("%s: %s", f.Verdict, f.What)
		if f.Goid != nil {
			line = fmt.Sprintf("%s: goroutine %d is %s", f.Verdict, *f.Goid, f.What)
		}
		if f.Where != "" {
			line += " in " + f.Where
		}
		lines = append(lines, line+": "+f.Why)
	}
	return lines
}

// queueLine says why a queue waits, and names the first of it.
func queueLine(q []inspect.Queued) string {
	line := fmt.Sprintf("%s; next is goroutine %d, %s", q[0].Why, q[0].Goid, orWord(q[0].At, q[0].Start))
	var longest int64
	for i := range q {
		if q[i].RunnableNS != nil {
			longest = max(longest, *q[i].RunnableNS)
		}
	}
	if longest > 0 {
		line += fmt.Sprintf("; one has been runnable for %s", ns(longest))
	}
	return line
}
