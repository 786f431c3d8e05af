package star

import (
	"fmt"

	"go.starlark.net/starlark"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

func chanClass() *class[*rt.Hchan] {
	type C = *rt.Hchan
	return (&class[C]{
		name: "Chan",
		doc:  "a channel (runtime.hchan)",
		str:  chanString,
		key:  func(c C) uint64 { return uint64(c.Addr) },
		ref:  func(c C) any { return c.Addr },
		attrs: []attr[C]{
			{"addr", "address of the runtime.hchan", address, func(_ *Interp, c C) (starlark.Value, error) { return ok(addr(c.Addr)) }},
			{"type", "its type; the direction is not recorded", plain, func(in *Interp, c C) (starlark.Value, error) { return chanType(in, c) }},
			{"qcount", "number of elements in the buffer", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(natural(c.QCount)) }},
			{"dataqsiz", "size of the buffer in elements", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(natural(c.DataQSiz)) }},
			{"closed", "it is closed", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(starlark.Bool(c.Closed != 0)) }},
			{"recvq", "Sudogs of those that wait to receive, the first to be served first", plain, func(in *Interp, c C) (starlark.Value, error) { return in.sudogs(c.RecvFirst) }},
			{"sendq", "Sudogs of those that wait to send, the first to be served first", plain, func(in *Interp, c C) (starlark.Value, error) { return in.sudogs(c.SendFirst) }},
			{"buf", "address of the buffer", address, func(_ *Interp, c C) (starlark.Value, error) { return ok(addr(c.Buf)) }},
			{"elemsize", "size of an element in bytes", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(natural(c.ElemSize)) }},
			{"elemtype", "address of the type descriptor of an element", address, func(_ *Interp, c C) (starlark.Value, error) { return ok(addr(c.ElemType)) }},
			{"sendx", "index in the buffer of the next send", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(natural(c.SendX)) }},
			{"recvx", "index in the buffer of the next receive", plain, func(_ *Interp, c C) (starlark.Value, error) { return ok(natural(c.RecvX)) }},
			{"timer", "address of the timer that feeds it, None without one (Go 1.23)", address, func(_ *Interp, c C) (starlark.Value, error) { return ok(addrOrNone(c.Timer)) }},
		},
	}).finish()
}

// addrOrNone is an address, None for 0.
func addrOrNone(a mem.Addr) starlark.Value {
	if a == 0 {
		return starlark.None
	}
	return addr(a)
}

func chanString(in *Interp, c *rt.Hchan) string {
	return orWord(in.p.RT.ChanType(c), "chan") + " " + c.Addr.String() + fill(c)
}

func chanType(in *Interp, c *rt.Hchan) (starlark.Value, error) {
	name, err := in.p.RT.TypeName(c.ElemType)
	if err != nil {
		return nil, err
	}
	return starlark.String("chan " + name), nil
}

// orWord is s, or the other where s is empty.
func orWord(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// sudogs is a wait queue; an error that cut it short is its last element.
func (in *Interp) sudogs(first mem.Addr) (starlark.Value, error) {
	list, err := in.p.RT.SudogQueue(first)
	return partial(in.classes.sudog.list(in, pointers(list)), err)
}

func sudogClass() *class[*rt.Sudog] {
	type S = *rt.Sudog
	return (&class[S]{
		name: "Sudog",
		doc:  "a goroutine in a wait list (runtime.sudog)",
		str: func(in *Interp, s S) string {
			who := s.G.String()
			if g, err := in.p.GoroutineAt(in.ctx, s.G); err == nil {
				who = fmt.Sprint(g.Goid)
			}
			return fmt.Sprintf("sudog %v of goroutine %s", s.Addr, who)
		},
		key: func(s S) uint64 { return uint64(s.Addr) },
		ref: func(s S) any { return s.Addr },
		attrs: []attr[S]{
			{"addr", "address of the runtime.sudog", address, func(_ *Interp, s S) (starlark.Value, error) { return ok(addr(s.Addr)) }},
			{"g", "the G that waits", plain, func(in *Interp, s S) (starlark.Value, error) { return in.gAt(s.G) }},
			{"c", "the Chan that it waits on, None for a semaphore or Cond", plain, sudogChan},
			{"is_select", "it is a case of a select", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(starlark.Bool(s.IsSelect)) }},
			{"success", "it was woken by a value, not by a close", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(starlark.Bool(s.Success)) }},
			{"elem", "address of the value to send or of where to receive; of the semaphore", address, func(_ *Interp, s S) (starlark.Value, error) { return ok(addr(s.Elem)) }},
			{"ticket", "priority in a semaphore's treap, place in a notifyList", plain, func(_ *Interp, s S) (starlark.Value, error) { return ok(natural(s.Ticket)) }},
			{"next", "address of the next sudog in the queue, None at its end", address, func(_ *Interp, s S) (starlark.Value, error) { return ok(addrOrNone(s.Next)) }},
			{"prev", "address of the sudog before it, None at the beginning", address, func(_ *Interp, s S) (starlark.Value, error) { return ok(addrOrNone(s.Prev)) }},
			{"waitlink", "address of the next sudog of the goroutine or semaphore, None at the end", address, func(_ *Interp, s S) (starlark.Value, error) { return ok(addrOrNone(s.WaitLink)) }},
		},
	}).finish()
}

func sudogChan(in *Interp, s *rt.Sudog) (starlark.Value, error) {
	if s.C == 0 {
		return starlark.None, nil
	}
	c, err := in.p.RT.Chan(s.C)
	if err != nil {
		return nil, err
	}
	return in.classes.channel.of(in, &c), nil
}

func objectBuiltins() []Builtin {
	return []Builtin{{
		Name:    "chan",
		Params:  []Param{{Name: "x", Doc: `address, value, or expression of Delve such as "main.pool.jobs"`}},
		Doc:     "The channel at an address. What lies there must be one.",
		Example: "[chan(w.addr).qcount for g in gs() for w in g.waits_on if w.kind == \"chan\" and w.addr]",
		call: func(in *Interp, a args) (starlark.Value, error) {
			at, err := in.objectAddr(a[0])
			if err != nil {
				return nil, err
			}
			c, err := in.p.RT.Chan(at)
			if err != nil {
				return nil, err
			}
			return in.classes.channel.of(in, &c), nil
		},
	}}
}
