package star

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
	"rtdbg/inspect/wake"
)

// wakers is who can wake a goroutine.
type wakers struct {
	g   *inspect.Goroutine
	ans wake.Answer
}

func wakersClass() *class[*wakers] {
	type W = *wakers
	return (&class[W]{
		name: "Wakers",
		doc:  "who can wake a goroutine",
		str: func(_ *Interp, w W) string {
			return fmt.Sprintf("goroutine %d: %s, %s", w.ans.Goid, w.ans.Verdict, count(len(w.ans.Wakers)+w.ans.More, "waker"))
		},
		report: func(in *Interp, w W) render.Report {
			return render.Report{Sections: []render.Section{render.Text(in.wakersLines(w)...)}, Records: render.Of[any](w.ans)}
		},
		attrs: []attr[W]{
			{"g", "the G that waits", plain, func(in *Interp, w W) (starlark.Value, error) { return ok(in.classes.g.of(in, w.g)) }},
			{"goid", "its id", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(natural(w.ans.Goid)) }},
			{"wait_reason", "why it is parked", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.ans.WaitReason)) }},
			{"verdict", "woken, wakeable, external, deadlock, never, unknown", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.ans.Verdict)) }},
			{"wakers", "each Waker, the likeliest first, at most 20", plain, func(in *Interp, w W) (starlark.Value, error) { return ok(in.classes.waker.list(in, w.ans.Wakers)) }},
			{"more", "number of wakers that are left out", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(integer(w.ans.More)) }},
			{"note", "why the verdict is unknown, or what limits the answer", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.ans.Note)) }},
		},
	}).finish()
}

func wakerClass() *class[wake.Waker] {
	type W = wake.Waker
	return (&class[W]{
		name: "Waker",
		doc:  "one who can wake a goroutine, or several that qualify alike",
		str:  func(in *Interp, w W) string { return in.wakerPhrase(&w) },
		attrs: []attr[W]{
			{"by", "goroutine, timer, netpoll, syscall, signal, gc, runtime", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.By)) }},
			{"goid", "id of the likeliest goroutine, None for other wakers", plain, func(_ *Interp, w W) (starlark.Value, error) {
				if w.By != wake.Goroutine {
					return starlark.None, nil
				}
				return natural(w.Goid), nil
			}},
			{"goids", "ids of those that qualify alike, at most 100", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(goids(w.Goids)) }},
			{"count", "number of those that qualify alike", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(integer(w.Count)) }},
			{"how", "what wakes: send, recv, close, unlock, done, fire, …", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.How)) }},
			{"in_ns", "ns until a timer fires, None if unknown", duration, func(_ *Interp, w W) (starlark.Value, error) { return ok(optional(w.InNS, integer)) }},
			{"object", "address of what the operation is done on, or None", address, func(_ *Interp, w W) (starlark.Value, error) { return ok(optional(w.Object, addr)) }},
			{"certainty", "proven, inferred or possible", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.Certainty)) }},
			{"evidence", "a sentence for each fact that this rests on", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(texts(w.Evidence)) }},
		},
	}).finish()
}

// wakersLines says who can wake a goroutine.
func (in *Interp) wakersLines(w *wakers) []string {
	head := fmt.Sprintf("goroutine %d [%s]", w.g.Goid, state(w.g))
	if on := w.g.NamedWaitsOn(); len(on) > 0 {
		head += " " + in.waitSentence(on)
	}
	if f, ok := w.g.Place(); ok {
		head += " at " + frame{&f}.String()
	}
	lines := []string{head}
	return append(lines, in.verdictLines(w.ans.Verdict, w.ans.Wakers, w.ans.More, w.ans.Note, "it")...)
}

// verdictLines says whether and by whom the goroutines called who can be
// woken.
func (in *Interp) verdictLines(v wake.Verdict, ws []wake.Waker, more int, note, who string) []string {
	line := "    " + verdictPhrase(v, len(ws) > 0, who)
	if note != "" {
		line += " (" + note + ")"
	}
	if len(ws) == 1 && more == 0 && note == "" {
		return []string{line + ": " + in.wakerPhrase(&ws[0])}
	}
	if len(ws) > 0 {
		line += ":"
	}
	lines := []string{line}
	for i := range ws {
		lines = append(lines, "      "+in.wakerPhrase(&ws[i]))
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("      and %d more", more))
	}
	return lines
}

// verdictPhrase is the verdict in words, to be followed by the wakers if there
// are some.
func verdictPhrase(v wake.Verdict, some bool, who string) string {
	switch v {
	case wake.Woken:
		return "awake already"
	case wake.Wakeable:
		return "can be woken by"
	case wake.External:
		return "can be woken only by"
	case wake.Deadlock:
		return "deadlock: all who could wake " + who + " are stuck as well"
	case wake.Never:
		return "nobody can wake " + who
	}
	if some {
		return "not known for certain who can wake " + who + "; candidates"
	}
	return "not known who can wake " + who
}

// wakerPhrase is one waker: who, where, how, how sure, on what evidence.
func (in *Interp) wakerPhrase(w *wake.Waker) string {
	var b strings.Builder
	switch {
	case w.By != wake.Goroutine:
		b.WriteString(byWord(w.By))
	case w.Count > 1:
		fmt.Fprintf(&b, "%d goroutines (%s)", w.Count, joinIDs(w.Goids, 5, w.Count))
	default:
		fmt.Fprintf(&b, "goroutine %d", w.Goid)
	}
	if w.By == wake.Goroutine {
		if g, err := in.p.Goroutine(in.ctx, w.Goid); err == nil {
			fmt.Fprintf(&b, " [%s]", state(g))
		}
	}
	fmt.Fprintf(&b, ": %s", w.How)
	if w.InNS != nil {
		fmt.Fprintf(&b, ", %s", timeLeft(*w.InNS, in.p.Now().Accuracy()))
	}
	fmt.Fprintf(&b, ", %s", w.Certainty)
	if len(w.Evidence) > 0 {
		b.WriteString(": " + strings.Join(w.Evidence, "; "))
	}
	return b.String()
}

func byWord(b wake.By) string {
	switch b {
	case wake.Timer:
		return "a timer"
	case wake.Netpoll:
		return "the network poller"
	case wake.Syscall:
		return "the kernel"
	case wake.Signal:
		return "a signal"
	case wake.GC:
		return "the garbage collector"
	case wake.Runtime:
		return "the runtime"
	}
	return string(b)
}

// allWakers are the answers for many goroutines, found when they are asked
// for.
type allWakers struct {
	in *Interp
	gs []*inspect.Goroutine
}

var _ starlark.Iterable = (*allWakers)(nil)

func (a *allWakers) String() string             { return fmt.Sprintf("<wakers of %d goroutines>", len(a.gs)) }
func (a *allWakers) Type() string               { return "wakers" }
func (a *allWakers) Freeze()                    {}
func (a *allWakers) Truth() starlark.Bool       { return len(a.gs) > 0 }
func (a *allWakers) Hash() (uint32, error)      { return 0, fmt.Errorf("unhashable: wakers") }
func (a *allWakers) Len() int                   { return len(a.gs) }
func (a *allWakers) Iterate() starlark.Iterator { return &wakersIterator{a: a} }

// Index answers for one goroutine.
func (a *allWakers) Index(i int) starlark.Value {
	w, err := a.in.wakersOf(a.gs[i : i+1])
	if err != nil {
		return unreadable{err}
	}
	return a.in.classes.wakers.of(a.in, w[0])
}

type wakersIterator struct {
	a *allWakers
	i int
}

func (it *wakersIterator) Next(v *starlark.Value) bool {
	if it.i >= it.a.Len() {
		return false
	}
	*v = it.a.Index(it.i)
	it.i++
	return true
}

func (it *wakersIterator) Done() {}

// wakersOf answers for the given goroutines.
func (in *Interp) wakersOf(gs []*inspect.Goroutine) ([]*wakers, error) {
	if in.stale() {
		return nil, errEarlier
	}
	answers, err := in.p.Wakers(in.ctx, gs)
	if err != nil {
		return nil, err
	}
	list := make([]*wakers, len(answers))
	for i := range answers {
		list[i] = &wakers{gs[i], answers[i]}
	}
	return list, nil
}

// wakersBatch is the number of goroutines that are answered for at a time.
const wakersBatch = 1024

// answers yields the answer for each goroutine.
func (a *allWakers) answers(yield func(*wakers, error) bool) {
	for i := 0; i < len(a.gs); i += wakersBatch {
		list, err := a.in.wakersOf(a.gs[i:min(i+wakersBatch, len(a.gs))])
		if err != nil {
			yield(nil, err)
			return
		}
		for _, w := range list {
			if !yield(w, nil) {
				return
			}
		}
	}
}

func (a *allWakers) report() render.Report {
	return render.Report{
		Sections: []render.Section{render.Lines(a.lines)},
		Records:  render.Map(a.answers, func(w *wakers) (any, error) { return w.ans, nil }),
	}
}

func (a *allWakers) lines(yield func(string, error) bool) {
	if len(a.gs) == 0 {
		yield("no goroutine is parked", nil)
		return
	}
	for w, err := range a.answers {
		if err != nil {
			yield("", err)
			return
		}
		for _, line := range a.in.wakersLines(w) {
			if !yield(line, nil) {
				return
			}
		}
	}
}
