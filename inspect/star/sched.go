package star

import (
	"fmt"

	"go.starlark.net/starlark"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// gAt is the goroutine at a, None for 0.
func (in *Interp) gAt(a mem.Addr) (starlark.Value, error) {
	if a == 0 {
		return starlark.None, nil
	}
	g, err := in.p.GoroutineAt(in.ctx, a)
	if err != nil {
		return nil, err
	}
	return in.classes.g.of(in, g), nil
}

// mAt is the M at a, None for 0.
func (in *Interp) mAt(a mem.Addr) (starlark.Value, error) {
	if a == 0 {
		return starlark.None, nil
	}
	m, err := in.p.RT.ReadM(a)
	if err != nil {
		return nil, err
	}
	return in.classes.m.of(in, &m), nil
}

// pAt is the P at a, None for 0.
func (in *Interp) pAt(a mem.Addr) (starlark.Value, error) {
	if a == 0 {
		return starlark.None, nil
	}
	p, err := in.p.RT.ReadP(a)
	if err != nil {
		return nil, err
	}
	return in.classes.p.of(in, &p), nil
}

// gList is the goroutines at the given addresses. An error that cut the list
// short is its last element.
func (in *Interp) gList(addrs []mem.Addr, err error) (starlark.Value, error) {
	var elems []starlark.Value
	for _, a := range addrs {
		g, gErr := in.gAt(a)
		if gErr != nil {
			g = unreadable{gErr}
		}
		elems = append(elems, g)
	}
	if err != nil {
		elems = append(elems, unreadable{err})
	}
	return starlark.NewList(elems), nil
}

// str reads a string of the target.
func (in *Interp) str(s layout.String) (starlark.Value, error) {
	t, err := in.p.RT.ReadString(s)
	return starlark.String(t), err
}

// ok is a value that cannot fail to be read.
func ok(v starlark.Value) (starlark.Value, error) { return v, nil }

func mClass() *class[*rt.M] {
	return (&class[*rt.M]{
		name: "M",
		doc:  "a thread of the runtime (runtime.m)",
		str:  func(_ *Interp, m *rt.M) string { return fmt.Sprintf("m%d thread %d %v", m.ID, m.ProcID, m.Addr) },
		key:  func(m *rt.M) uint64 { return uint64(m.Addr) },
		ref:  func(m *rt.M) any { return m.ID },
		attrs: []attr[*rt.M]{
			{"addr", "address of the runtime.m", address, func(_ *Interp, m *rt.M) (starlark.Value, error) { return ok(addr(m.Addr)) }},
			{"id", "the runtime's number of the thread", plain, func(_ *Interp, m *rt.M) (starlark.Value, error) { return ok(integer(m.ID)) }},
			{"procid", "the kernel's id of the thread", plain, func(_ *Interp, m *rt.M) (starlark.Value, error) { return ok(natural(m.ProcID)) }},
			{"curg", "the G that it runs, or None", plain, func(in *Interp, m *rt.M) (starlark.Value, error) { return in.gAt(m.CurG) }},
			{"p", "the P that it holds, or None", plain, func(in *Interp, m *rt.M) (starlark.Value, error) { return in.pAt(m.P) }},
			{"nextp", "the P that it is to take when it wakes, or None", plain, func(in *Interp, m *rt.M) (starlark.Value, error) { return in.pAt(m.NextP) }},
			{"oldp", "the P that it held before a system call, or None", plain, func(in *Interp, m *rt.M) (starlark.Value, error) { return in.pAt(m.OldP) }},
			{"lockedg", "the G that is locked to it, or None", plain, func(in *Interp, m *rt.M) (starlark.Value, error) { return in.gAt(m.LockedG) }},
			{"spinning", "it looks for work", plain, func(_ *Interp, m *rt.M) (starlark.Value, error) { return ok(starlark.Bool(m.Spinning)) }},
			{"blocked", "it sleeps on a note of the runtime", plain, func(_ *Interp, m *rt.M) (starlark.Value, error) { return ok(starlark.Bool(m.Blocked)) }},
			{"incgo", "it executes C", plain, func(_ *Interp, m *rt.M) (starlark.Value, error) { return ok(starlark.Bool(m.InCgo)) }},
			{"ncgo", "how deeply calls of C are nested", plain, func(_ *Interp, m *rt.M) (starlark.Value, error) { return ok(integer(m.NCgo)) }},
			{"isextra", "it stands by for calls from threads that C made", plain, func(_ *Interp, m *rt.M) (starlark.Value, error) { return ok(starlark.Bool(m.IsExtra)) }},
			{"locks", "number of reasons not to preempt it", plain, func(_ *Interp, m *rt.M) (starlark.Value, error) { return ok(integer(m.Locks)) }},
			{"dying", "not 0 while it crashes", plain, func(_ *Interp, m *rt.M) (starlark.Value, error) { return ok(integer(m.Dying)) }},
			{"preemptoff", "why its goroutine may not be preempted, \"\" if it may", plain, func(in *Interp, m *rt.M) (starlark.Value, error) { return in.str(m.PreemptOff) }},
			{"g0", "address of the goroutine of its system stack", address, func(_ *Interp, m *rt.M) (starlark.Value, error) { return ok(addr(m.G0)) }},
			{"gsignal", "address of the goroutine of its signal stack", address, func(_ *Interp, m *rt.M) (starlark.Value, error) { return ok(addr(m.GSignal)) }},
		},
	}).finish()
}

func pClass() *class[*rt.P] {
	return (&class[*rt.P]{
		name: "P",
		doc:  "a processor, the right to run Go code (runtime.p)",
		str: func(in *Interp, p *rt.P) string {
			return fmt.Sprintf("p%d %s %v", p.ID, in.p.RT.PStatus(p), p.Addr)
		},
		key: func(p *rt.P) uint64 { return uint64(p.Addr) },
		ref: func(p *rt.P) any { return p.ID },
		attrs: []attr[*rt.P]{
			{"addr", "address of the runtime.p", address, func(_ *Interp, p *rt.P) (starlark.Value, error) { return ok(addr(p.Addr)) }},
			{"id", "its index in runtime.allp", plain, func(_ *Interp, p *rt.P) (starlark.Value, error) { return ok(integer(p.ID)) }},
			{"status", "idle, running, syscall, gcstop or dead", plain, func(in *Interp, p *rt.P) (starlark.Value, error) { return ok(text(in.p.RT.PStatus(p))) }},
			{"m", "the M that holds it, or None", plain, func(in *Interp, p *rt.P) (starlark.Value, error) { return in.mAt(p.M) }},
			{"runnext", "the G that runs before those in runq, or None", plain, func(in *Interp, p *rt.P) (starlark.Value, error) { return in.gAt(p.RunNext) }},
			{"runq", "the Gs of its run queue, the next one first", plain, func(in *Interp, p *rt.P) (starlark.Value, error) { return in.gList(p.Queue()) }},
			{"runqhead", "index of the first entry of the queue, modulo its size", plain, func(_ *Interp, p *rt.P) (starlark.Value, error) { return ok(natural(p.RunQHead)) }},
			{"runqtail", "index behind the last entry of the queue, modulo its size", plain, func(_ *Interp, p *rt.P) (starlark.Value, error) { return ok(natural(p.RunQTail)) }},
			{"schedtick", "number of times that the scheduler ran on it", plain, func(_ *Interp, p *rt.P) (starlark.Value, error) { return ok(natural(p.SchedTick)) }},
			{"syscalltick", "number of system calls made on it", plain, func(_ *Interp, p *rt.P) (starlark.Value, error) { return ok(natural(p.SyscallTick)) }},
			{"timers", "number of timers in its heap", plain, func(_ *Interp, p *rt.P) (starlark.Value, error) { return ok(natural(p.Timers.Len)) }},
		},
	}).finish()
}

func schedClass() *class[*rt.Sched] {
	type S = *rt.Sched
	return (&class[S]{
		name:   "Sched",
		doc:    "the global state of the scheduler (runtime.sched)",
		str:    func(*Interp, S) string { return "sched" },
		key:    func(S) uint64 { return 0 },
		report: schedReport,
		attrs: []attr[S]{
			{"goidgen", "the last goroutine id handed out in a batch", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(natural(s.GoidGen)) }},
			{"runqsize", "number of goroutines in the global run queue", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(integer(s.RunQSize)) }},
			{"runq", "the Gs of the global run queue, the next one first", plain, schedRunQ},
			{"state", "the whole answer of the command sched, with attributes as in its JSON: ps, ms, stop_the_world …", plain, func(in *Interp, _ S) (starlark.Value, error) {
				full, err := in.p.Sched(in.ctx)
				if err != nil {
					return nil, err
				}
				return dataOf("SchedState", full, nil)
			}},
			{"gcwaiting", "not 0 while a stop-the-world is wanted or in force", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(natural(s.GCWaiting)) }},
			{"stopwait", "number of Ps still to stop", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(integer(s.StopWait)) }},
			{"sysmonwait", "not 0 while sysmon sleeps", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(natural(s.SysmonWait)) }},
			{"npidle", "number of idle Ps", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(integer(s.NPIdle)) }},
			{"pidle", "the first idle P, or None", plain, func(in *Interp, s S) (starlark.Value, error) { return in.pAt(s.PIdle) }},
			{"nmidle", "number of idle Ms", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(integer(s.NMIdle)) }},
			{"nmidlelocked", "number of Ms that wait for their locked goroutine", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(integer(s.NMIdleLocked)) }},
			{"nmspinning", "number of Ms that look for work", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(integer(s.NMSpinning)) }},
			{"needspinning", "not 0 when a spinning M is wanted", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(natural(s.NeedSpinning)) }},
			{"mnext", "number of Ms ever made", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(integer(s.MNext)) }},
			{"maxmcount", "number of Ms above which the program dies", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(integer(s.MaxMCount)) }},
			{"nmsys", "number of the runtime's own Ms", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(integer(s.NMSys)) }},
			{"nmfreed", "number of Ms that have ended", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(integer(s.NMFreed)) }},
			{"ngsys", "number of the runtime's own goroutines", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(integer(s.NGSys)) }},
			{"lastpoll", "nanotime of the last poll of the network, 0 while a thread polls", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(integer(s.LastPoll)) }},
			{"polluntil", "nanotime until which a thread polls, 0 for no end", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(integer(s.PollUntil)) }},
			{"procresizetime", "nanotime of the last change of GOMAXPROCS", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(integer(s.ProcResizeTime)) }},
		},
	}).finish()
}

func schedRunQ(in *Interp, s *rt.Sched) (starlark.Value, error) {
	return in.gList(in.p.RT.GList(s.RunQHead, int(max(s.RunQSize, 0))))
}

func schedulerBuiltins() []Builtin {
	return []Builtin{
		{
			Name: "ps", Doc: "Every P, in order of id.", Example: "[p.status for p in ps()]",
			call: func(in *Interp, _ args) (starlark.Value, error) {
				ps, err := in.p.RT.AllPs()
				return partial(in.classes.p.list(in, pointers(ps)), err)
			},
		},
		{
			Name: "p", Params: []Param{{Name: "id", Doc: "index in runtime.allp"}},
			Doc: "The P with the given id.", Example: "p(0).runq",
			call: func(in *Interp, a args) (starlark.Value, error) {
				id, err := number("id", a[0])
				if err != nil {
					return nil, err
				}
				ps, err := in.p.RT.AllPs()
				if id < uint64(len(ps)) {
					return in.classes.p.of(in, &ps[id]), nil
				}
				if err == nil {
					err = fmt.Errorf("no P %d: there are %d", id, len(ps))
				}
				return nil, err
			},
		},
		{
			Name: "ms", Doc: "Every M, the newest first.", Example: "[m.procid for m in ms()]",
			call: func(in *Interp, _ args) (starlark.Value, error) {
				ms, err := in.p.RT.AllMs()
				return partial(in.classes.m.list(in, pointers(ms)), err)
			},
		},
		{
			Name: "m", Params: []Param{{Name: "id", Doc: "the runtime's number of the thread"}},
			Doc: "The M with the given id.", Example: "m(0).curg", call: findM,
		},
		{
			Name: "sched", Doc: "The global state of the scheduler.", Example: "sched().npidle",
			call: func(in *Interp, _ args) (starlark.Value, error) {
				s, err := in.p.RT.Sched()
				if err != nil {
					return nil, err
				}
				return in.classes.sched.of(in, &s), nil
			},
		},
	}
}

func findM(in *Interp, a args) (starlark.Value, error) {
	id, err := number("id", a[0])
	if err != nil {
		return nil, err
	}
	ms, err := in.p.RT.AllMs()
	for i := range ms {
		if uint64(ms[i].ID) == id {
			return in.classes.m.of(in, &ms[i]), nil
		}
	}
	if err == nil {
		err = fmt.Errorf("no M %d: there are %d", id, len(ms))
	}
	return nil, err
}

// pointers are the addresses of the elements of s.
func pointers[T any](s []T) []*T {
	list := make([]*T, len(s))
	for i := range s {
		list[i] = &s[i]
	}
	return list
}

// partial is a list that err may have cut short: then err is its last
// element, or the answer if there is nothing else.
func partial(list *starlark.List, err error) (starlark.Value, error) {
	switch {
	case err == nil:
		return list, nil
	case list.Len() == 0:
		return nil, err
	}
	return list, list.Append(unreadable{err})
}
