package star

import (
	"fmt"
	"strconv"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/render"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
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
			{"g", "the G, None if it is not in runtime.allgs", plain, func(in *Interp, w W) (starlark.Value, error) {
				if g := w.Goroutine(); g != nil {
					return in.classes.g.of(in, g), nil
				}
				return starlark.None, nil
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
		if len(w.Waiters) > manyStacks {
			if err := in.p.ReadStacks(in.ctx); err != nil {
				yield(nil, err)
				return
			}
		}
		part := func(from, to int) [][]string { return in.waiterRows(w.Waiters[from:to]) }
		for part, err := range ordered(in.ctx, len(w.Waiters), partSize, part) {
			for _, row := range part {
				if !yield(row, nil) {
					return
				}
			}
			if err != nil && !yield(nil, err) {
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

// manyStacks is how many stacks are read one by one rather than all together.
const manyStacks = 2000

// waiterRows are the rows of waiters: place and operation, and the state of the
// goroutine and its place in the program.
func (in *Interp) waiterRows(list []inspect.Waiter) [][]string {
	const columns = 5
	rows, cells := make([][]string, len(list)), make([]string, columns*len(list))
	// Those who wait for the same mostly stand at the same place.
	var last *stack.Stack
	at := ""
	var same stateKey
	word := ""
	for i := range list {
		w := &list[i]
		op := string(w.Op)
		if w.Select {
			op += " (select)"
		}
		row := cells[columns*i : columns*(i+1) : columns*(i+1)]
		rows[i] = row
		row[0], row[1], row[2] = strconv.Itoa(w.Position), op, strconv.FormatUint(w.Goid, 10)
		g := w.Goroutine()
		if g == nil {
			row[3] = "not in runtime.allgs"
			continue
		}
		if st := g.Trace().Stack; st != last || at == "" {
			last, at = st, placeString(g)
		}
		if k := (stateKey{g.Status(), g.G.WaitReason, g.WaitSince, g.LockedM}); k != same || word == "" {
			same, word = k, state(g)
		}
		row[3], row[4] = word, at
	}
	return rows
}

// stateKey is what the words for a goroutine's state are made of.
type stateKey struct {
	status rt.Status
	reason uint8
	since  int64
	locked mem.Addr
}

// placeString is the place of a goroutine in the program, "-" for none.
func placeString(g *inspect.Goroutine) string {
	if f, ok := g.Place(); ok {
		return frame{&f}.String()
	}
	return "-"
}
