package inspect

import (
	"context"
	"errors"
	"fmt"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// PBrief names a P and what it is about.
type PBrief struct {
	ID     int32      `json:"id"`
	Status rt.PStatus `json:"status"`
	// M is the id of the P's thread, Goid the goroutine that it runs.
	M       *int64  `json:"m"`
	Goid    *uint64 `json:"goid"`
	RunNext *uint64 `json:"runnext"`
	// Note says what is unreadable.
	Note string `json:"note,omitempty"`
}

// RunQP is the run queue of one P.
type RunQP struct {
	PBrief
	// RunQ are the goroutines of the local run queue, the next one first.
	RunQ []uint64 `json:"runq"`

	// Queued are the goroutines of RunNext and RunQ with what is known of
	// them, in the order in which the P would run them.
	Queued []Queued `json:"queued"`

	// addrs are the goroutines of RunNext and RunQ.
	addrs []mem.Addr
}

// RunQ is all runnable goroutines, by queue.
type RunQ struct {
	Ps     []RunQP  `json:"ps"`
	Global []uint64 `json:"global"`
	// NowRunnable is the number of goroutines whose status is runnable,
	// whatever queue they stand in.
	NowRunnable int    `json:"now_runnable"`
	Note        string `json:"note,omitempty"`

	// GlobalQueued are those of Global with what is known of them.
	GlobalQueued []Queued `json:"global_queued"`
	// World says whether goroutines may run.
	World rt.World `json:"world"`
	// Odd is what does not fit together in the queues.
	Odd []QueueFinding `json:"odd"`
}

// RunQ returns the run queues in the order in which the scheduler would take
// from them, with why nothing runs them yet and what does not fit together.
func (p *Process) RunQ(ctx context.Context) (*RunQ, error) {
	count, err := p.Count(ctx)
	if err != nil {
		return nil, err
	}
	r := &RunQ{Ps: []RunQP{}, Global: []uint64{}, GlobalQueued: []Queued{}, NowRunnable: count.By[rt.Runnable], Odd: []QueueFinding{}}
	ps, err := p.RT.AllPs()
	if err != nil && len(ps) == 0 {
		return nil, err
	}
	s, serr := p.RT.Sched()
	r.World = s.World()
	for i := range ps {
		q := p.runQP(&ps[i])
		q.Queued = p.inQueue(q.addrs)
		r.Ps = append(r.Ps, q)
	}
	global, gerr := p.RT.GList(s.RunQHead, max(count.All(), int(s.RunQSize))+1)
	for _, a := range global {
		r.Global = append(r.Global, p.goid(a))
	}
	r.GlobalQueued = p.inQueue(global)
	if err := errors.Join(err, serr, gerr); err != nil {
		r.Note = err.Error()
	}
	return r, p.checkQueues(ctx, r, ps, &s, global)
}

// Count returns the numbers of goroutines by status, which are read once and
// without reading anything else.
func (p *Process) Count(ctx context.Context) (rt.Counts, error) {
	p.countMu.Lock()
	defer p.countMu.Unlock()
	if p.count.By != nil {
		return p.count, nil
	}
	c, err := p.RT.Count(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return c, ctx.Err()
		}
		return c, fmt.Errorf("%s: %w", p.name(), err)
	}
	p.count = c
	return c, nil
}

// runQP returns the queue of one P.
func (p *Process) runQP(pp *rt.P) RunQP {
	q := RunQP{PBrief: PBrief{ID: pp.ID, Status: p.RT.PStatus(pp)}, RunQ: []uint64{}, Queued: []Queued{}}
	if pp.M != 0 {
		if m, err := p.RT.ReadM(pp.M); err == nil {
			q.M = &m.ID
			if m.CurG != 0 {
				q.Goid = p.goidOrNil(m.CurG)
			}
		} else {
			q.Note = err.Error()
		}
	}
	if pp.RunNext != 0 {
		q.RunNext = p.goidOrNil(pp.RunNext)
		q.addrs = append(q.addrs, pp.RunNext)
	}
	list, err := pp.Queue()
	if err != nil {
		q.Note = err.Error()
	}
	q.addrs = append(q.addrs, list...)
	for _, a := range list {
		q.RunQ = append(q.RunQ, p.goid(a))
	}
	return q
}

func (p *Process) goidOrNil(a mem.Addr) *uint64 {
	if id := p.goid(a); id != 0 {
		return &id
	}
	return nil
}
