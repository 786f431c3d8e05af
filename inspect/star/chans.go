package star

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
	"rtdbg/inspect/wait"
)

func waitedChanClass() *class[*inspect.ChanRecord] {
	type C = *inspect.ChanRecord
	return (&class[C]{
		name:   "WaitedChan",
		doc:    "a channel and who waits on it",
		str:    func(_ *Interp, c C) string { return waitedChanString(c) },
		key:    func(c C) uint64 { return uint64(c.Addr) },
		report: waitedChanReport,
		attrs: []attr[C]{
			{"addr", "address of the runtime.hchan", address, func(_ *Interp, c C) (starlark.Value, error) { return ok(addr(c.Addr)) }},
			{"type", "its type; the direction is not recorded", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(text(c.Type)) }},
			{"len", "number of elements in the buffer", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(natural(c.Len)) }},
			{"cap", "size of the buffer in elements", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(natural(c.Cap)) }},
			{"closed", "it is closed", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(starlark.Bool(c.Closed)) }},
			{"receivers", "number of goroutines that wait to receive", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(integer(c.Receivers)) }},
			{"senders", "number of goroutines that wait to send", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(integer(c.Senders)) }},
			{"selects", "number of those that wait in a select", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(integer(c.Selects)) }},
			{"goids", "ids of at most 100 of them", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(goids(c.Goids)) }},
			{"fed_by", "what sends to it beside goroutines: a timer, a context, signals; \"\" for nothing that is known", plain, func(in *Interp, c C) (starlark.Value, error) { return ok(text(in.fedBy(c))) }},
			{"buffer", "the elements in the buffer, at most 16; only of chans(x)", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(texts(c.Buffer)) }},
			{"sends", "what waiting senders would send, at most 16; only of chans(x)", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(texts(c.Sends)) }},
			{"note", "what is unreadable, or what else is known", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(text(c.Note)) }},
		},
	}).finish()
}

func waitedChanString(c *inspect.ChanRecord) string {
	s := fmt.Sprintf("%s %v (len %d, cap %d", orWord(c.Type, "chan"), c.Addr, c.Len, c.Cap)
	if c.Closed {
		s += ", closed"
	}
	return s + ")"
}

// fedBy says what else than goroutines acts on a channel.
func (in *Interp) fedBy(c *inspect.ChanRecord) string {
	switch {
	case c.Timer != nil:
		return "timer, " + in.due(c.Timer)
	case c.Context != nil:
		return in.contextPhrase(c.Context)
	case len(c.Signals) > 0:
		return "signals " + strings.Join(c.Signals, " ")
	}
	return ""
}

// due says when a timer fires.
func (in *Interp) due(t *inspect.TimerState) string {
	if t.WhenNS == nil {
		return "stopped or fired"
	}
	s := "due"
	if d, how, ok := in.p.Now().Until(*t.WhenNS); ok {
		s = timeLeft(d, how)
	}
	if t.PeriodNS != nil {
		s += ", every " + ns(*t.PeriodNS)
	}
	return s
}

// contextPhrase names a context, with the deadline that comes first.
func (in *Interp) contextPhrase(c *wait.Context) string {
	s := fmt.Sprintf("done channel of %s %v", c.Type, c.Addr)
	if c.Canceled {
		s += ", canceled"
	}
	when := c.WhenNS
	for i := range c.Parents {
		if p := &c.Parents[i]; p.Cancels && p.WhenNS != nil && (when == nil || *p.WhenNS < *when) {
			when = p.WhenNS
		}
	}
	if when != nil {
		if d, how, ok := in.p.Now().Until(*when); ok {
			s += ", deadline " + timeLeft(d, how)
		}
	}
	if c.Children > 0 {
		s += fmt.Sprintf(", cancels %s made from it", count(c.Children, "context"))
	}
	return s
}

func waitedChanReport(in *Interp, c *inspect.ChanRecord) render.Report {
	lines := []string{fmt.Sprintf("%s: %d to receive, %d to send", waitedChanString(c), c.Receivers, c.Senders)}
	if fed := in.fedBy(c); fed != "" {
		lines = append(lines, "fed by: "+fed)
	}
	for i, v := range c.Buffer {
		lines = append(lines, fmt.Sprintf("buffer %2d: %s", i, v))
	}
	for i, v := range c.Sends {
		lines = append(lines, fmt.Sprintf("sender %2d: %s", i, v))
	}
	if len(c.Goids) > 0 {
		lines = append(lines, "goroutines: "+joinIDs(c.Goids, len(c.Goids), c.Waiting()))
	}
	if c.Note != "" {
		lines = append(lines, "note: "+c.Note)
	}
	return render.Report{Sections: []render.Section{render.Text(lines...)}, Records: render.Of[any](c)}
}

func chansBuiltins() []Builtin {
	return []Builtin{{
		Name:    "chans",
		Params:  []Param{{Name: "x", Default: "None", Doc: `one channel: address, value, or expression of Delve; None for all on which goroutines wait`}},
		Doc:     "The channels on which goroutines wait, that with the most waiters first.",
		Example: "[c.receivers for c in chans()]",
		call:    callChans,
	}}
}

func callChans(in *Interp, a args) (starlark.Value, error) {
	if a.given(0) {
		at, err := in.objectAddr(a[0])
		if err != nil {
			return nil, err
		}
		c, err := in.p.Chan(in.ctx, at)
		if err != nil {
			return nil, err
		}
		return in.classes.waitedChan.of(in, c), nil
	}
	list, err := in.p.Chans(in.ctx)
	if err != nil {
		return nil, err
	}
	waits := 0
	for i := range list {
		waits += list[i].Waiting()
	}
	return &listing[inspect.ChanRecord]{
		in: in, class: in.classes.waitedChan, name: "chans", v: list,
		head:    []string{fmt.Sprintf("%s on %s", count(waits, "wait"), count(len(list), "channel"))},
		columns: []string{">RECV", ">SEND", ">SELECT", "CHAN", ">LEN", ">CAP", "GOROUTINES", "FED BY"},
		row: func(c *inspect.ChanRecord) []string {
			fed := in.fedBy(c)
			if c.Note != "" && c.Timer == nil {
				fed = strings.TrimPrefix(fed+"; "+c.Note, "; ")
			}
			name := orWord(c.Type, "chan") + " " + c.Addr.String()
			if c.Closed {
				name += " closed"
			}
			return []string{fmt.Sprint(c.Receivers), fmt.Sprint(c.Senders), fmt.Sprint(c.Selects), name,
				fmt.Sprint(c.Len), fmt.Sprint(c.Cap), joinIDs(c.Goids, shownIDs, c.Waiting()), fed}
		},
	}, nil
}

// shownIDs is how many goroutine ids stand in a cell.
const shownIDs = 4
