package inspect

import (
	"context"
	"errors"
	"fmt"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// RunQP is the run queue of one P.
type RunQP struct {
	ID     int32      `json:"id"`
	Status rt.PStatus `json:"status"`
	// M is the id of the P's thread, Goid the goroutine that it runs.
	M       *int64  `json:"m"`
	Goid    *uint64 `json:"goid"`
	RunNext *uint64 `json:"runnext"`
	// RunQ are the goroutines of the local run queue, the next one first.
	RunQ []uint64 `json:"runq"`
	// Note says what is unreadable.
	Note string `json:"note,omitempty"`

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
}

// RunQ returns the run queues in the order in which the scheduler would take
// from them.
func (p *Process) RunQ(ctx context.Context) (*RunQ, error) {
	count, err := p.Count(ctx)
	if err != nil {
		return nil, err
	}
	r := &RunQ{Ps: []RunQP{}, Global: []uint64{}, NowRunnable: count.By[rt.Runnable]}
	ps, err := p.RT.AllPs()
	if err != nil && len(ps) == 0 {
		return nil, err
	}
	for i := range ps {
		r.Ps = append(r.Ps, p.runQP(&ps[i]))
	}
	s, serr := p.RT.Sched()
	global, gerr := p.RT.GList(s.RunQHead, max(count.All(), int(s.RunQSize))+1)
	for _, a := range global {
		r.Global = append(r.Global, p.goid(a))
	}
	if err := errors.Join(err, serr, gerr); err != nil {
		r.Note = err.Error()
	}
	return r, nil
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
	q := RunQP{ID: pp.ID, Status: p.RT.PStatus(pp), RunQ: []uint64{}}
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
