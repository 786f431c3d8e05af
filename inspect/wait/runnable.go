package wait

import (
	"errors"
	"fmt"
	"strings"
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
	// p is the id of the P whose queue it is, -1 for the others.
	p int32
}

// runQueues are all run queues, by goroutine, and what the Ps do, by id.
type runQueues struct {
	places map[mem.Addr]queuePlace
	ps     map[int32]string
	// idle counts the Ps that do nothing.
	idle int
}

func (r *Resolver) runnable(g *rt.G) On {
	on := On{Kind: Runtime, Op: Resume}
	if g.Tracking != 0 && g.TrackingStamp > 0 && r.nowKnown && r.nowNS > g.TrackingStamp {
		on.ReadyNS = ptr(r.nowNS - g.TrackingStamp)
	}
	q, err := r.runq.get(r.readRunQueues)
	place, ok := q.places[g.Addr]
	switch {
	case ok:
		on.Queue, on.Position = place.queue, &place.position
		on.Note = r.notRunning(g, q, place)
	case err != nil:
		on.Note = "run queues incomplete: " + err.Error()
	default:
		on.Note = "in no run queue: in transit between queues, or lost"
	}
	return on
}

// notRunning says why a goroutine that stands in a run queue does not run.
func (r *Resolver) notRunning(g *rt.G, q *runQueues, place queuePlace) string {
	var parts []string
	s, err := r.sched.get(r.rt.Sched)
	switch {
	case err == nil && s.GCWaiting != 0 && !s.Frozen():
		return "the world is stopped, or is being stopped"
	case place.queue == disabledQueue:
		return "only the runtime's own goroutines may run now"
	case place.p >= 0:
		parts = append(parts, q.ps[place.p])
	case q.idle == 0:
		parts = append(parts, fmt.Sprintf("none of the %d Ps is idle", len(q.ps)))
	}
	if q.idle > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d Ps are idle and may take it", q.idle, len(q.ps)))
	}
	if g.LockedM != 0 {
		parts = append(parts, "it is locked to its thread, which is to be given a P")
	}
	return strings.Join(parts, "; ")
}

const (
	globalQueue   = "global run queue"
	disabledQueue = "disabled run queue"
)

// readRunQueues indexes every run queue by goroutine.
func (r *Resolver) readRunQueues() (*runQueues, error) {
	x := &runQueues{places: make(map[mem.Addr]queuePlace), ps: make(map[int32]string)}
	ps, err := r.rt.AllPs()
	errs := []error{err}
	for i := range ps {
		p := &ps[i]
		if p.RunNext != 0 {
			x.places[p.RunNext] = queuePlace{fmt.Sprintf("P %d runnext", p.ID), 0, p.ID}
		}
		q, err := p.Queue()
		errs = append(errs, err)
		for j, a := range q {
			x.places[a] = queuePlace{fmt.Sprintf("P %d run queue", p.ID), j, p.ID}
		}
		x.ps[p.ID] = r.pDoes(p)
		if p.M == 0 {
			x.idle++
		}
	}
	s, err := r.rt.Sched()
	errs = append(errs, err)
	for _, l := range [...]struct {
		name string
		head mem.Addr
	}{{globalQueue, s.RunQHead}, {disabledQueue, s.DisabledHead}} {
		q, err := r.rt.GList(l.head, maxRunQueue)
		errs = append(errs, err)
		for j, a := range q {
			x.places[a] = queuePlace{l.name, j, -1}
		}
	}
	return x, errors.Join(errs...)
}

// pDoes says what a P does, and for how long at least: since sysmon saw it first
// (runtime.retake).
func (r *Resolver) pDoes(p *rt.P) string {
	if p.M == 0 {
		return fmt.Sprintf("P %d is idle", p.ID)
	}
	m, err := r.rt.ReadM(p.M)
	if err != nil {
		return ""
	}
	id, ok := r.goid(m.CurG)
	if !ok {
		return fmt.Sprintf("P %d looks for work", p.ID)
	}
	s := fmt.Sprintf("P %d runs goroutine %d", p.ID, id)
	if p.SchedWhen > 0 && p.SysmonSchedTick == p.SchedTick && r.nowKnown && r.nowNS > p.SchedWhen {
		s += fmt.Sprintf(", for %v at least", time.Duration(r.nowNS-p.SchedWhen).Round(time.Millisecond))
	}
	return s
}

// maxRunQueue bounds the global run queue.
const maxRunQueue = 1 << 27
