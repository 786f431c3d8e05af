package star

import (
	"fmt"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
)

func waitersClass() *class[*inspect.Waiters] {
	type W = *inspect.Waiters
	return (&class[W]{
		name: "Waiters",
		doc:  "who waits on an object",
		str: func(_ *Interp, w W) string {
			return fmt.Sprintf("%s: %s", objectString(&w.Object), count(len(w.Waiters), "waiter"))
		},
		report: waitersReport,
		attrs: []attr[W]{
			{"kind", "kind of the object: chan, mutex, …", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.Object.Kind)) }},
			{"addr", "address of the object", address, func(_ *Interp, w W) (starlark.Value, error) { return ok(addr(w.Object.Addr)) }},
			{"type", "Go type of the object, \"\" if unknown", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.Object.Type)) }},
			{"len", "elements in a channel, None for other objects", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(optional(w.Object.Len, natural)) }},
			{"cap", "size of a channel's buffer, None for other objects", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(optional(w.Object.Cap, natural)) }},
			{"closed", "a channel is closed, None for other objects", plain, func(_ *Interp, w W) (starlark.Value, error) {
				return ok(optional(w.Object.Closed, func(b bool) starlark.Value { return starlark.Bool(b) }))
			}},
			{"waiters", "each Waiter, the first to be served first", plain, func(in *Interp, w W) (starlark.Value, error) { return ok(in.classes.waiter.list(in, w.Waiters)) }},
			{"note", "what limits the answer", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.Note)) }},
		},
	}).finish()
}

func waiterClass() *class[inspect.Waiter] {
	type W = inspect.Waiter
	return (&class[W]{
		name: "Waiter",
		doc:  "a goroutine in the queue of an object",
		str: func(_ *Interp, w W) string {
			return fmt.Sprintf("goroutine %d, %s, position %d", w.Goid, w.Op, w.Position)
		},
		attrs: []attr[W]{
			{"goid", "id of the goroutine", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(natural(w.Goid)) }},
			{"g", "the G", plain, func(in *Interp, w W) (starlark.Value, error) {
				g, err := in.p.Goroutine(in.ctx, w.Goid)
				if err != nil {
					return nil, err
				}
				return in.classes.g.of(in, g), nil
			}},
			{"op", "recv, send, lock, …", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.Op)) }},
			{"select", "it waits in a select", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(starlark.Bool(w.Select)) }},
			{"position", "place in the queue of its operation, from 0", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(integer(w.Position)) }},
		},
	}).finish()
}

// objectString names an object and says how full a channel is.
func objectString(o *inspect.ObjectRecord) string {
	s := orWord(o.Type, orWord(kindWord(o.Kind), "object")) + " " + o.Addr.String()
	if o.Len == nil || o.Cap == nil {
		return s
	}
	s += fmt.Sprintf(" (len %d, cap %d", *o.Len, *o.Cap)
	if o.Closed != nil && *o.Closed {
		s += ", closed"
	}
	return s + ")"
}

// count is "1 waiter", "3 waiters", "no waiters".
func count(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun + "s"
	case 1:
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func waitersReport(in *Interp, w *inspect.Waiters) render.Report {
	rows := func(yield func([]string, error) bool) {
		for i := range w.Waiters {
			if !yield(in.waiterRow(&w.Waiters[i]), nil) {
				return
			}
		}
	}
	table := render.Table{
		Title:   fmt.Sprintf("%s: %s", objectString(&w.Object), count(len(w.Waiters), "waiter")),
		Columns: render.Columns(">POS", "OP", ">GOID", "STATE", "AT"),
		Rows:    rows, Headless: len(w.Waiters) == 0,
	}
	if len(w.Waiters) == 0 {
		table.Columns = nil
	}
	sections := []render.Section{table}
	if w.Note != "" {
		sections = append(sections, render.Text("note: "+w.Note))
	}
	return render.Report{Sections: sections, Records: render.Of[any](w)}
}

func (in *Interp) waiterRow(w *inspect.Waiter) []string {
	op := string(w.Op)
	if w.Select {
		op += " (select)"
	}
	row := []string{fmt.Sprint(w.Position), op, fmt.Sprint(w.Goid)}
	return append(row, in.whereabouts(w.Goid)...)
}

// whereabouts are the state of a goroutine and its place in the program.
func (in *Interp) whereabouts(goid uint64) []string {
	g, err := in.p.Goroutine(in.ctx, goid)
	if err != nil {
		return []string{render.Unreadable(err), ""}
	}
	f, ok := g.Place()
	if !ok {
		return []string{state(g), "-"}
	}
	return []string{state(g), frame{&f}.String()}
}
