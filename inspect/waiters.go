package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rtdbg/inspect/delve"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
)

// Object returns the address that x denotes: a number is itself, anything else
// an expression that Delve evaluates to a channel, lock, pointer or variable.
func (p *Process) Object(ctx context.Context, x string) (mem.Addr, error) {
	x = strings.TrimSpace(x)
	if n, err := strconv.ParseUint(x, 0, 64); err == nil {
		return mem.Addr(n), nil
	}
	s, err := p.here(ctx)
	if err != nil {
		return 0, err
	}
	return s.Address(ctx, x, delve.Scope{})
}

// ObjectRecord describes an object that goroutines wait on.
type ObjectRecord struct {
	Kind wait.Kind `json:"kind"`
	Addr mem.Addr  `json:"addr"`
	Type string    `json:"type,omitempty"`
	// Len, Cap and Closed are a channel's.
	Len    *uint64 `json:"len,omitempty"`
	Cap    *uint64 `json:"cap,omitempty"`
	Closed *bool   `json:"closed,omitempty"`
}

// Waiter is a goroutine that waits on an object.
type Waiter struct {
	Goid   uint64  `json:"goid"`
	Op     wait.Op `json:"op"`
	Select bool    `json:"select"`
	// Position is the place in the queue of its operation, from 0: the
	// first is served first.
	Position int `json:"position"`

	g *Goroutine
}

// Goroutine returns the goroutine, nil if it is not in runtime.allgs.
func (w *Waiter) Goroutine() *Goroutine { return w.g }

// Waiters is who waits on one object.
type Waiters struct {
	Object  ObjectRecord `json:"object"`
	Waiters []Waiter     `json:"waiters"`
	// Note says what limits the answer.
	Note string `json:"note,omitempty"`
}

// Waiters returns who waits on the object at a: a channel, or anything of
// package sync or the poller that a goroutine waits on now. What lies at a is
// checked, not believed: if it is none of them the error is a
// *rt.NotAnObjectError.
func (p *Process) Waiters(ctx context.Context, a mem.Addr) (*Waiters, error) {
	if a == 0 {
		return nil, &rt.NotAnObjectError{Kind: "object", Addr: a, Why: "it is nil"}
	}
	gs, err := p.Goroutines(ctx)
	if err != nil {
		return nil, err
	}
	c, cerr := p.RT.Chan(a)
	if cerr == nil {
		return p.chanWaiters(ctx, gs, &c)
	}
	w, err := p.waitersByWait(ctx, gs, a)
	if err != nil {
		return nil, err
	}
	if len(w.Waiters) > 0 {
		return w, nil
	}
	if p.RT.Cond(a) == nil {
		return &Waiters{Object: ObjectRecord{Kind: wait.Cond, Addr: a, Type: "sync.Cond"}, Waiters: []Waiter{}}, nil
	}
	if pd, err := p.RT.PollDesc(a); err == nil {
		return &Waiters{Object: ObjectRecord{Kind: wait.PollFD, Addr: pd.Addr, Type: "runtime.pollDesc"}, Waiters: []Waiter{}}, nil
	}
	var not *rt.NotAnObjectError
	if errors.As(cerr, &not) {
		return nil, &rt.NotAnObjectError{Kind: "channel, and no lock, WaitGroup, Cond or semaphore on which anybody waits,", Addr: a, Why: "as a channel, " + not.Why}
	}
	return nil, fmt.Errorf("waiters of %v: %w", a, cerr)
}

// chanWaiters lists the queues of a channel: receivers, then senders.
func (p *Process) chanWaiters(ctx context.Context, gs []*Goroutine, c *rt.Hchan) (*Waiters, error) {
	closed := c.Closed != 0
	n, size := c.QCount, c.DataQSiz
	if c.Timer != 0 {
		// A timer channel has a buffer of one that the program cannot see.
		n, size = 0, 0
	}
	w := &Waiters{
		Object:  ObjectRecord{Kind: wait.Chan, Addr: c.Addr, Type: p.RT.ChanType(c), Len: &n, Cap: &size, Closed: &closed},
		Waiters: []Waiter{},
	}
	// Room that is not used is not touched: growing would copy all of it.
	list := make([]Waiter, 0, len(gs))
	t, last := p.table.Load(), -1
	for _, q := range [...]struct {
		first mem.Addr
		op    wait.Op
	}{{c.RecvFirst, wait.Recv}, {c.SendFirst, wait.Send}} {
		at := 0
		err := p.RT.EachSudog(q.first, func(s *rt.Sudog) {
			x := Waiter{Op: q.op, Select: s.IsSelect, Position: at}
			at++
			if i, ok := t.byAddrAfter(s.G, last); ok {
				x.g, x.Goid, last = gs[i], gs[i].Goid, i
			} else {
				x.Goid = p.goid(s.G)
			}
			list = append(list, x)
		})
		if err != nil {
			w.Note = "the queue is incomplete: " + err.Error()
		}
	}
	if w.Waiters = list; len(list) < cap(list)/2 {
		w.Waiters = append([]Waiter{}, list...)
	}
	return w, ctx.Err()
}

// goid returns the id of the goroutine at a, 0 if it is unknown.
func (p *Process) goid(a mem.Addr) uint64 {
	if t := p.table.Load(); t != nil {
		if i, ok := t.byAddr(a); ok {
			return t.raw[i].Goid
		}
	}
	if g, err := p.RT.ReadG(a); err == nil {
		return g.Goid
	}
	return 0
}

// waitersByWait finds the goroutines whose wait leads to a: the object itself
// or the semaphore, notifyList or inner mutex in it. Their order is that of the
// object's queue.
func (p *Process) waitersByWait(ctx context.Context, gs []*Goroutine, a mem.Addr) (*Waiters, error) {
	w := &Waiters{Object: ObjectRecord{Addr: a}, Waiters: []Waiter{}}
	all, err := p.objectWaits(ctx, func(wait.Kind) bool { return true })
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(o objectWait) bool { return o.ref.Addr != a })
	all = slices.CompactFunc(all, func(x, y objectWait) bool { return x.g == y.g })
	if len(all) == 0 {
		return w, nil
	}
	first := gs[all[0].g].WaitsOn()
	if i := slices.IndexFunc(first, func(on wait.On) bool { return on.Addr != nil && *on.Addr == a }); i >= 0 {
		w.Object.Kind, w.Object.Type = first[i].Kind, first[i].Type
	}
	queue, err := p.queueOf(w.Object.Kind, a)
	if err != nil {
		w.Note = "the order of the queue is not known: " + err.Error()
	}
	found := make(map[mem.Addr]objectWait, len(all)) // by goroutine
	for _, o := range all {
		found[gs[o.g].Addr] = o
	}
	positions := make(map[wait.Op]int)
	add := func(g mem.Addr) {
		o, ok := found[g]
		if !ok {
			return
		}
		delete(found, g)
		op := o.ref.Op()
		w.Waiters = append(w.Waiters, Waiter{Goid: gs[o.g].Goid, Op: op, Select: o.ref.Select, Position: positions[op], g: gs[o.g]})
		positions[op]++
	}
	for _, g := range queue {
		add(g)
	}
	for _, o := range all {
		add(gs[o.g].Addr)
	}
	return w, nil
}

// queueOf returns the goroutines that wait in the queues inside the object at
// a, the first to be woken first; none for an object that has no queue.
func (p *Process) queueOf(kind wait.Kind, a mem.Addr) ([]mem.Addr, error) {
	var queue []mem.Addr
	switch kind {
	case wait.Cond:
		list, err := p.RT.NotifyListWaiters(rt.NotifyListOfCond(a))
		for i := range list {
			queue = append(queue, list[i].G)
		}
		return queue, err
	case wait.Mutex, wait.RWMutex, wait.WaitGroup, wait.Sema:
	default:
		return nil, nil
	}
	queues, err := p.RT.SemaTable()
	for _, q := range queues {
		// The semaphores of an object of package sync lie within its first
		// 24 bytes, those of an RWMutex, the largest.
		if q.Addr < a || q.Addr >= a+24 {
			continue
		}
		for i := range q.Waiters {
			queue = append(queue, q.Waiters[i].G)
		}
	}
	return queue, err
}
