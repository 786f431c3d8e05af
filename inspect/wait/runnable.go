package wait

import (
	"errors"
	"fmt"
	"time"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// queuePlace is where a runnable goroutine stands.
type queuePlace struct {
	// queue is "P 3 runnext", "P 3 run queue", "global run queue" or
	// "disabled run queue".
	queue    string
	position int
	// why is what keeps the queue from being emptied.
	why string
}

// runQueues are the places of goroutines in all run queues.
type runQueues map[mem.Addr]queuePlace

func (r *Resolver) runnable(g *rt.G) On {
	on := On{Kind: Runtime, Op: Resume, ReadyNS: r.RunnableFor(g)}
	q, err := r.runq.get(r.readRunQueues)
	place, ok := q[g.Addr]
	switch {
	case ok:
		on.Queue, on.Position = place.queue, &place.position
		on.Note = r.NotRunning(g)
	case err != nil:
		on.Note = "run queues incomplete: " + err.Error()
	default:
		on.Note = "in no run queue: in transit between queues, or lost"
	}
	return on
}

// RunnableFor returns for how long g, which is runnable, has been so in ns: nil
// unless the runtime tracks it, as it does one goroutine in eight.
func (r *Resolver) RunnableFor(g *rt.G) *int64 {
	if g.Tracking == 0 || g.TrackingStamp <= 0 || !r.nowKnown || r.nowNS <= g.TrackingStamp {
		return nil
	}
	return ptr(r.nowNS - g.TrackingStamp)
}

// NotRunning says why a goroutine that stands in a run queue does not run,
// whatever its status is; "" if it stands in none.
func (r *Resolver) NotRunning(g *rt.G) string {
	q, _ := r.runq.get(r.readRunQueues)
	why := q[g.Addr].why
	if why == "" || g.LockedM == 0 {
		return why
	}
	m, err := r.rt.ReadM(g.LockedM)
	if err != nil {
		return why + "; it is locked to its thread, to which its P will be handed"
	}
	return fmt.Sprintf("%s; it is locked to m%d, to which its P will be handed", why, m.ID)
}

const (
	globalQueue   = "global run queue"
	disabledQueue = "disabled run queue"
)

// maxRunQueue bounds the global run queue.
const maxRunQueue = 1 << 27

// readRunQueues indexes every run queue by goroutine.
func (r *Resolver) readRunQueues() (runQueues, error) {
	x := make(runQueues)
	ps, err := r.rt.AllPs()
	errs := []error{err}
	s, err := r.rt.Sched()
	errs = append(errs, err)
	hold := holding{r, &s, ps}
	for i := range ps {
		p := &ps[i]
		q, err := p.Queue()
		errs = append(errs, err)
		if p.RunNext == 0 && len(q) == 0 {
			continue
		}
		why := hold.behind(p)
		if p.RunNext != 0 {
			x[p.RunNext] = queuePlace{fmt.Sprintf("P %d runnext", p.ID), 0, why}
		}
		for j, a := range q {
			x[a] = queuePlace{fmt.Sprintf("P %d run queue", p.ID), j, why}
		}
	}
	for _, l := range [...]struct {
		name string
		head mem.Addr
		why  func() string
	}{{globalQueue, s.RunQHead, hold.global}, {disabledQueue, s.DisabledHead, hold.disabled}} {
		q, err := r.rt.GList(l.head, maxRunQueue)
		errs = append(errs, err)
		why := l.why()
		for j, a := range q {
			x[a] = queuePlace{l.name, j, why}
		}
	}
	return x, errors.Join(errs...)
}

// holding is what keeps run queues from being emptied.
type holding struct {
	r     *Resolver
	sched *rt.Sched
	ps    []rt.P
}

// behind says why nobody takes from the queue of p.
func (h *holding) behind(p *rt.P) string {
	if stands := h.stands(); stands != "" {
		return stands
	}
	if h.r.rt.PStatus(p) == rt.PGCStop {
		return fmt.Sprintf("P %d stopped %s", p.ID, h.stopped())
	}
	return h.does(p) + "; " + h.others(p)
}

// global says why nobody takes from the global queue.
func (h *holding) global() string {
	if stands := h.stands(); stands != "" {
		return stands
	}
	return h.others(nil)
}

// disabled says why nobody takes from the queue of those that may not be
// scheduled (schedEnableUser, proc.go).
func (h *holding) disabled() string { return "only the runtime's own goroutines may run now" }

// stands says that goroutines may not run, "" if they may. In a program that
// dies they stood behind what ran before.
func (h *holding) stands() string {
	switch h.sched.World() {
	case rt.WorldStopping:
		return "the world is being stopped"
	case rt.WorldStopped:
		return "the world is stopped"
	}
	return ""
}

// does says what p does, and for how long at least: since sysmon saw it first
// (runtime.retake).
func (h *holding) does(p *rt.P) string {
	g := h.r.rt.RunningOn(p)
	switch status := h.r.rt.PStatus(p); {
	case g != nil && h.r.rt.Status(g) == rt.Syscall, status == rt.PSyscall:
		return fmt.Sprintf("the thread of P %d is in a system call, until sysmon hands the P on", p.ID)
	case g != nil:
		s := fmt.Sprintf("P %d runs goroutine %d", p.ID, g.Goid)
		if p.SchedWhen > 0 && p.SysmonSchedTick == p.SchedTick && h.r.nowKnown && h.r.nowNS > p.SchedWhen {
			s += fmt.Sprintf(", for %v at least", time.Duration(h.r.nowNS-p.SchedWhen).Round(time.Millisecond))
		}
		return s
	case status == rt.PRunning:
		return fmt.Sprintf("P %d is in the scheduler", p.ID)
	}
	return fmt.Sprintf("P %d is %s", p.ID, h.r.rt.PStatus(p))
}

// stopped says for what a P is in gcstop while the world is neither stopped nor
// being stopped: it stops when the program dies (runtime.freezetheworld), and what
// it ran then stands in a queue; or the world is about to start again.
func (h *holding) stopped() string {
	if h.sched.World() == rt.WorldFrozen {
		return "as the program died"
	}
	return "with the world, which is about to start again"
}

// others says why no P but p takes the work.
func (h *holding) others(p *rt.P) string {
	still := 0
	for i := range h.ps {
		if h.r.rt.PStatus(&h.ps[i]) == rt.PGCStop {
			still++
		}
	}
	if still > 0 {
		return fmt.Sprintf("%d of %d Ps stopped %s", still, len(h.ps), h.stopped())
	}
	if h.sched.NPIdle == 0 {
		if p != nil && len(h.ps) == 1 {
			return "it is the only P"
		}
		return fmt.Sprintf("all %d Ps are busy", len(h.ps))
	}
	idle := fmt.Sprintf("%d of %d Ps are idle", h.sched.NPIdle, len(h.ps))
	if h.sched.NMSpinning > 0 {
		return idle + " and a spinning M is on its way"
	}
	if h.sched.NeedSpinning != 0 {
		return idle + " and a spinning M is wanted, but there is none"
	}
	return idle + " and no M is spinning: one is about to be woken, or will be by the next who makes a goroutine runnable"
}
