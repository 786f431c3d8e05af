package star

import (
	"fmt"
	"io"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
	"rtdbg/inspect/stack"
)

func answerBuiltins() []Builtin {
	return []Builtin{
		{
			Name:    "waiters",
			Params:  []Param{{Name: "x", Doc: `address, value, or expression of Delve such as "main.pool.jobs"`}},
			Doc:     "Who waits on a channel, mutex, semaphore, WaitGroup, Cond or pollDesc.",
			Example: "[waiters(w.addr).waiters for g in gs() for w in g.waits_on if w.kind == \"chan\" and w.addr]",
			call: func(in *Interp, a args) (starlark.Value, error) {
				at, err := in.objectAddr(a[0])
				if err != nil {
					return nil, err
				}
				w, err := in.p.Waiters(in.ctx, at)
				if err != nil {
					return nil, err
				}
				return in.classes.waiters.of(in, w), nil
			},
		},
		{
			Name:    "wakers",
			Params:  []Param{{Name: "g", Default: "None", Doc: "a G, a goroutine id or address; None for every parked goroutine"}},
			Doc:     "Who can wake a goroutine, how, and on what evidence.",
			Example: "wakers(1).verdict",
			call:    callWakers,
		},
		{
			Name:    "runq",
			Params:  []Param{{Name: "p", Default: "None", Doc: "id of one P; None for all, and the global queue"}},
			Doc:     "The run queues: runnext, the local queue of each P, the global queue.",
			Example: "runq().now_runnable",
			call:    callRunQ,
		},
		{
			Name: "why", Doc: "What is stuck, on what, and who could wake it; the most telling first.",
			Example: "why().summary",
			call: func(in *Interp, _ args) (starlark.Value, error) {
				d, err := in.p.Why(in.ctx)
				if err != nil {
					return nil, err
				}
				return in.classes.why.of(in, d), nil
			},
		},
		{
			Name:    "dump",
			Params:  []Param{{Name: "level", Default: "None", Doc: `"all" for the program's frames, "system" for the runtime's as well, None as its GOTRACEBACK says`}},
			Doc:     "All goroutines as SIGQUIT makes the program print them.",
			Example: `dump("system")`,
			call:    callDump,
		},
	}
}

func callWakers(in *Interp, a args) (starlark.Value, error) {
	if !a.given(0) {
		all, err := in.p.Goroutines(in.ctx)
		if err != nil {
			return nil, err
		}
		return &allWakers{in, in.parked(all)}, nil
	}
	g, err := in.goroutine(a[0])
	if err != nil {
		return nil, err
	}
	w, err := in.wakersOf([]*inspect.Goroutine{g})
	if err != nil {
		return nil, err
	}
	return in.classes.wakers.of(in, w[0]), nil
}

// parked are the goroutines that wait, the runtime's own last.
func (in *Interp) parked(all []*inspect.Goroutine) []*inspect.Goroutine {
	var users, system []*inspect.Goroutine
	for _, g := range all {
		switch {
		case !in.p.RT.Parked(g.G):
		case g.System():
			system = append(system, g)
		default:
			users = append(users, g)
		}
	}
	return append(users, system...)
}

func callRunQ(in *Interp, a args) (starlark.Value, error) {
	r, err := in.p.RunQ(in.ctx)
	if err != nil {
		return nil, err
	}
	if !a.given(0) {
		return in.classes.runq.of(in, r), nil
	}
	id, err := number("p", a[0])
	if err != nil {
		return nil, err
	}
	for i := range r.Ps {
		if uint64(r.Ps[i].ID) == id {
			return in.classes.runqP.of(in, r.Ps[i]), nil
		}
	}
	return nil, fmt.Errorf("no P %d: there are %d", id, len(r.Ps))
}

// dumpText is all goroutines as the runtime prints them.
type dumpText struct {
	in    *Interp
	level int
}

func callDump(in *Interp, a args) (starlark.Value, error) {
	if !a.given(0) {
		return dumpText{in, in.p.DumpLevel()}, nil
	}
	switch level, _ := starlark.AsString(a[0]); level {
	case "all", "single":
		return dumpText{in, stack.LevelAll}, nil
	case "system", "crash":
		return dumpText{in, stack.LevelSystem}, nil
	}
	return nil, fmt.Errorf(`level must be "all" or "system", not %s`, describe(a[0]))
}

func (d dumpText) String() string        { return "<dump of all goroutines>" }
func (d dumpText) Type() string          { return "dump" }
func (d dumpText) Freeze()               {}
func (d dumpText) Truth() starlark.Bool  { return starlark.True }
func (d dumpText) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: dump") }

func (d dumpText) report() render.Report {
	return render.Report{Sections: []render.Section{render.Stream(func(w io.Writer) error {
		return d.in.p.WriteDump(d.in.ctx, w, d.level)
	})}}
}
