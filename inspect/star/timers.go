package star

import (
	"fmt"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
)

func timerClass() *class[*inspect.TimerRecord] {
	type T = *inspect.TimerRecord
	return (&class[T]{
		name: "Timer",
		doc:  "a timer (runtime.timer)",
		str:  func(in *Interp, t T) string { return fmt.Sprintf("timer %s: %s", timerAddr(t), in.timerDoes(t)) },
		attrs: []attr[T]{
			{"addr", "address of the runtime.timer, None if it is not known", address, func(_ *Interp, t T) (starlark.Value, error) { return ok(optional(t.Addr, addr)) }},
			{"when_ns", "nanotime at which it fires, None if it is stopped or has fired", plain, func(_ *Interp, t T) (starlark.Value, error) { return ok(optional(t.WhenNS, integer)) }},
			{"in_ns", "ns left until then, None if that is unknown", duration, func(_ *Interp, t T) (starlark.Value, error) { return ok(optional(t.InNS, integer)) }},
			{"period_ns", "interval of a ticker, None for a timer", duration, func(_ *Interp, t T) (starlark.Value, error) { return ok(optional(t.PeriodNS, integer)) }},
			{"does", "wake, send, start, deadline, call", plain, func(_ *Interp, t T) (starlark.Value, error) { return ok(text(t.Does)) }},
			{"func", "the function that it calls or starts", plain, func(_ *Interp, t T) (starlark.Value, error) { return ok(text(t.Func)) }},
			{"p", "id of the P in whose heap it is, None for none", plain, func(_ *Interp, t T) (starlark.Value, error) { return ok(optional(t.P, integer)) }},
			{"bubble", "address of the synctest bubble on whose clock it runs, None for none", address, func(_ *Interp, t T) (starlark.Value, error) { return ok(optional(t.Bubble, addr)) }},
			{"goid", "id of a goroutine that waits for it, None if none does", plain, func(_ *Interp, t T) (starlark.Value, error) { return ok(optional(t.Goid, natural)) }},
			{"chan", "address of the channel that it sends to, None for none", address, func(_ *Interp, t T) (starlark.Value, error) { return ok(optional(t.Chan, addr)) }},
			{"waiting", "number of goroutines that wait on that channel", plain, func(_ *Interp, t T) (starlark.Value, error) { return ok(integer(t.Waiting)) }},
			{"context", "address of the context that it cancels, None for none", address, func(_ *Interp, t T) (starlark.Value, error) { return ok(optional(t.Context, addr)) }},
			{"fd", "file descriptor whose deadline it is, None for none", plain, func(_ *Interp, t T) (starlark.Value, error) { return ok(optional(t.FD, integer)) }},
			{"never", "goroutines wait for it though it will not fire", plain, func(_ *Interp, t T) (starlark.Value, error) { return ok(starlark.Bool(t.Never)) }},
		},
	}).finish()
}

// timerAddr is the address of a timer.
func timerAddr(t *inspect.TimerRecord) string {
	if t.Addr == nil {
		return "?"
	}
	return t.Addr.String()
}

// timerDoes says what a timer does when it fires.
func (in *Interp) timerDoes(t *inspect.TimerRecord) string {
	var s string
	switch t.Does {
	case inspect.TimerWakes:
		s = "ends the sleep of"
	case inspect.TimerSends:
		s = "sends to"
		if t.Chan != nil {
			s += " chan " + t.Chan.String()
		}
		switch {
		case t.Waiting > 1:
			s += fmt.Sprintf(", wakes one of %d goroutines, the first", t.Waiting)
		case t.Waiting == 1:
			s += ", wakes"
		}
	case inspect.TimerStarts:
		s = "starts " + orWord(t.Func, "a function")
		if t.Context != nil {
			s += ": cancels context " + t.Context.String()
		}
	case inspect.TimerDeadline:
		s = "deadline"
		if t.FD != nil {
			s += fmt.Sprintf(" of file descriptor %d", *t.FD)
		}
		if t.Goid != nil {
			s += ", wakes"
		}
	default:
		s = "calls " + orWord(t.Func, "a function")
	}
	if t.Goid != nil {
		s += fmt.Sprintf(" goroutine %d", *t.Goid)
	}
	return s
}

func timersBuiltins() []Builtin {
	return []Builtin{{
		Name:    "timers",
		Doc:     "All timers, the next to fire first; last those that never will though goroutines wait for them.",
		Example: "[t.does for t in timers()]",
		call: func(in *Interp, _ args) (starlark.Value, error) {
			list, err := in.p.Timers(in.ctx)
			if err != nil && len(list) == 0 {
				return nil, err
			}
			return in.timerListing(list, err), nil
		},
	}}
}

// timerListing shows those that never fire first: they are why one looks.
func (in *Interp) timerListing(list []inspect.TimerRecord, err error) starlark.Value {
	var head []string
	never := 0
	for i := range list {
		if t := &list[i]; t.Never {
			never++
			if never <= shownRows {
				head = append(head, fmt.Sprintf("never: timer %s is stopped or has fired; %s on chan %v, the first goroutine %s",
					timerAddr(t), count(t.Waiting, "waiter"), t.Chan, dash(t.Goid)))
			}
		}
	}
	head = append([]string{fmt.Sprintf("%s, %d that will never fire but are waited for", count(len(list), "timer"), never)}, head...)
	if err != nil {
		head = append(head, "note: "+err.Error())
	}
	return &listing[inspect.TimerRecord]{
		in: in, class: in.classes.timer, name: "timers", v: list, head: head,
		columns: []string{"WHEN", ">EVERY", ">P", "TIMER", "DOES"},
		row: func(t *inspect.TimerRecord) []string {
			every, when := "-", in.due(&inspect.TimerState{WhenNS: t.WhenNS})
			if t.Bubble != nil && t.InNS != nil {
				when = "in " + ns(*t.InNS) + " of its bubble"
			}
			if t.PeriodNS != nil {
				every = ns(*t.PeriodNS)
			}
			p := "-"
			if t.P != nil {
				p = fmt.Sprint(*t.P)
			}
			return []string{when, every, p, timerAddr(t), in.timerDoes(t)}
		},
	}
}
