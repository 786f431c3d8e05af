package star

import (
	"fmt"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
)

func originClass() *class[*inspect.Origin] {
	type O = *inspect.Origin
	return (&class[O]{
		name: "Origin",
		doc:  "the parked goroutines that one function started to run one function",
		str: func(_ *Interp, o O) string {
			return fmt.Sprintf("%s of %s, started by %s", count(o.Count, "goroutine"), o.Start, o.CreatedBy)
		},
		attrs: []attr[O]{
			{"created_by", "the function whose go statement made them, \"\" for the first goroutine", plain, func(_ *Interp, o O) (starlark.Value, error) { return ok(text(o.CreatedBy)) }},
			{"start", "the function that they run", plain, func(_ *Interp, o O) (starlark.Value, error) { return ok(text(o.Start)) }},
			{"count", "number of goroutines", plain, func(_ *Interp, o O) (starlark.Value, error) { return ok(integer(o.Count)) }},
			{"wait_reasons", "why they are parked", plain, func(_ *Interp, o O) (starlark.Value, error) { return ok(texts(o.WaitReasons)) }},
			{"kinds", "the kinds of objects that they wait on: \"chan\", …", plain, func(_ *Interp, o O) (starlark.Value, error) { return ok(texts(o.Kinds)) }},
			{"objects", "number of different objects that they wait on", plain, func(_ *Interp, o O) (starlark.Value, error) { return ok(integer(o.Objects)) }},
			{"oldest", "the smallest id", plain, func(_ *Interp, o O) (starlark.Value, error) { return ok(natural(o.Oldest)) }},
			{"newest", "the largest id", plain, func(_ *Interp, o O) (starlark.Value, error) { return ok(natural(o.Newest)) }},
			{"max_wait_ns", "the longest wait that is known, in ns, None if none is", duration, func(_ *Interp, o O) (starlark.Value, error) { return ok(optional(o.MaxWaitNS, integer)) }},
			{"ended", "at least so many goroutines were started between the oldest and the newest and have ended, by the ids that are missing", plain, func(_ *Interp, o O) (starlark.Value, error) { return ok(integer(o.Ended)) }},
			{"in_order", "collections have found them parked in the order of their ids, at three moments or more", plain, func(_ *Interp, o O) (starlark.Value, error) { return ok(starlark.Bool(o.InOrder)) }},
			{"parents", "number of those whose creator is a goroutine that is left, None if unknown (Go 1.21)", plain, func(_ *Interp, o O) (starlark.Value, error) { return ok(optional(o.Parents, integer)) }},
			{"alone", "number of those whose creator has ended and has left nobody else, None if unknown (Go 1.21)", plain, func(_ *Interp, o O) (starlark.Value, error) { return ok(optional(o.Alone, integer)) }},
			{"place", "where the program stands in the oldest: \"FUNC FILE:LINE\"", plain, func(_ *Interp, o O) (starlark.Value, error) { return ok(text(o.Place)) }},
		},
	}).finish()
}

func originBuiltins() []Builtin {
	return []Builtin{{
		Name: "origins",
		Params: []Param{
			{Name: "leaked", Default: "False", Doc: "only those that nothing can ever wake"},
			{Name: "places", Default: "False", Doc: "part those that stand in different places, or wait for different reasons"},
		},
		Doc:     "The program's parked goroutines by who started them and what they run, the largest Origin first.",
		Example: "[(o.count, o.start, o.newest - o.oldest) for o in origins()]",
		call: func(in *Interp, a args) (starlark.Value, error) {
			var o inspect.OriginOptions
			for i, to := range []*bool{&o.Leaked, &o.Places} {
				if a.given(i) {
					*to = bool(a[i].Truth())
				}
			}
			list, err := in.p.Origins(in.ctx, o)
			if err != nil {
				return nil, err
			}
			return in.classes.origin.list(in, pointers(list)), nil
		},
	}}
}
