package inspect

import (
	"context"
	"fmt"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// queueCheck compares the run queues with the statuses of goroutines.
type queueCheck struct {
	p  *Process
	ms []rt.M
	// at is where each goroutine in a queue stands.
	at    map[mem.Addr]string
	found []QueueFinding
	// moves is what mover says, once it was asked.
	moves *string
}

// checkQueues fills in r.Odd. It reads all goroutines only if some that are
// runnable stand in no queue.
func (p *Process) checkQueues(ctx context.Context, r *RunQ, ps []rt.P, s *rt.Sched, global []mem.Addr) error {
	ms, _ := p.RT.AllMs()
	c := &queueCheck{p: p, ms: ms, at: make(map[mem.Addr]string)}
	runnable := 0
	for i := range ps {
		where := fmt.Sprintf("the queue of p%d", ps[i].ID)
		if _, err := ps[i].Queue(); err != nil {
			c.found = append(c.found, QueueFinding{What: "corrupt", Where: where, Verdict: "suspicious", Why: err.Error()})
		}
		runnable += c.queue(r.Ps[i].addrs, where)
	}
	runnable += c.queue(global, "the global queue")
	if n := len(global); n != int(s.RunQSize) {
		c.found = append(c.found, QueueFinding{What: "corrupt", Where: "the global queue", Verdict: "suspicious",
			Why: fmt.Sprintf("its list has %d goroutines, its size is %d", n, s.RunQSize)})
	}
	disabled, _ := p.RT.GList(s.DisabledHead, maxQueue)
	runnable += c.queue(disabled, "the queue of goroutines whose scheduling is disabled")
	if runnable < r.NowRunnable {
		gs, err := p.Goroutines(ctx)
		if err != nil {
			return err
		}
		for _, g := range gs {
			if g.Status() == rt.Runnable && c.at[g.Addr] == "" {
				c.lost(g.G)
			}
		}
	}
	r.Odd = append(r.Odd, c.found...)
	return nil
}

// queue notes the goroutines of a queue and returns how many are runnable.
func (c *queueCheck) queue(addrs []mem.Addr, where string) (runnable int) {
	for _, a := range addrs {
		goid := c.p.goidOrNil(a)
		if other := c.at[a]; other != "" {
			c.found = append(c.found, c.judge(QueueFinding{What: "twice", Goid: goid, Where: where + " and " + other}))
			continue
		}
		c.at[a] = where
		g, err := c.p.RT.ReadG(a)
		if err != nil {
			c.found = append(c.found, QueueFinding{What: "corrupt", Where: where, Verdict: "suspicious", Why: err.Error()})
			continue
		}
		if status := c.p.RT.Status(&g); status != rt.Runnable {
			f := c.judge(QueueFinding{What: "not runnable", Goid: goid, Where: where})
			f.Why = fmt.Sprintf("it is %s; %s", status, f.Why)
			c.found = append(c.found, f)
			continue
		}
		runnable++
	}
	return runnable
}

// judge tells what may happen for a moment from what may not.
func (c *queueCheck) judge(f QueueFinding) QueueFinding {
	if c.moves == nil {
		m := c.p.mover(c.ms)
		c.moves = &m
	}
	if *c.moves != "" {
		f.Verdict, f.Why = "in transit", *c.moves
		return f
	}
	f.Verdict, f.Why = "suspicious", "no thread is moving goroutines"
	return f
}

// lost notes a goroutine that is runnable and in no queue.
func (c *queueCheck) lost(g *rt.G) {
	goid := g.Goid
	f := QueueFinding{What: "lost", Goid: &goid}
	for i := range c.ms {
		m := &c.ms[i]
		switch {
		case m.CurG == g.Addr:
			f.Verdict, f.Why = "in transit", fmt.Sprintf("m%d is about to run it", m.ID)
		case m.LockedG == g.Addr && m.NextP != 0:
			f.Verdict, f.Why = "in transit", fmt.Sprintf("it was handed to m%d, to which it is locked", m.ID)
		}
	}
	if f.Verdict == "" {
		f = c.judge(f)
	}
	c.found = append(c.found, f)
}
