package inspect

import (
	"fmt"
	"strings"
	"time"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// Queued is a goroutine in a run queue.
type Queued struct {
	Brief
	// Why says what keeps it from running.
	Why string `json:"why"`
	// LockedM is the id of the thread to which it is locked, nil for none.
	LockedM *int64 `json:"locked_m"`
	// RunnableNS is for how long it has been runnable, nil unless the runtime
	// tracked it, as it does one goroutine in eight.
	RunnableNS *int64 `json:"runnable_ns"`
}

// inQueue describes the goroutines of a queue; why says what keeps the queue
// from being emptied, and is asked only if there are some.
func (p *Process) inQueue(addrs []mem.Addr, why func() string) []Queued {
	list := make([]Queued, 0, len(addrs))
	words := ""
	for _, a := range addrs {
		g, err := p.RT.ReadG(a)
		if err != nil {
			list = append(list, Queued{Brief: Brief{At: err.Error()}})
			continue
		}
		if words == "" {
			words = why()
		}
		q := Queued{Brief: p.briefOf(&g), Why: words}
		if g.LockedM != 0 {
			if m, err := p.RT.ReadM(g.LockedM); err == nil {
				q.LockedM = &m.ID
				q.Why += fmt.Sprintf("; it is locked to m%d, to which its P will be handed", m.ID)
			}
		}
		if g.Tracking != 0 && g.TrackingStamp != 0 && q.Status == rt.Runnable {
			if d, _, ok := p.Now().Since(g.TrackingStamp); ok {
				q.RunnableNS = &d
			}
		}
		list = append(list, q)
	}
	return list
}

// holding is what keeps run queues from being emptied.
type holding struct {
	p     *Process
	world World
	sched *rt.Sched
	ps    []rt.P
}

func (p *Process) newHolding(w World, s *rt.Sched, ps []rt.P) *holding {
	return &holding{p, w, s, ps}
}

// behind says why nobody takes from the queue of pp.
func (h *holding) behind(pp *rt.P) string {
	if stands := h.stands(); stands != "" {
		return stands
	}
	if h.p.RT.PStatus(pp) == rt.PGCStop {
		return fmt.Sprintf("p%d is in gcstop", pp.ID)
	}
	return h.who(pp) + "; " + h.others(pp)
}

// global says why nobody takes from the global queue.
func (h *holding) global() string {
	if stands := h.stands(); stands != "" {
		return stands
	}
	return h.others(nil)
}

// stands says that goroutines may not run, "" if they may. In a program that
// dies they stood behind what ran before.
func (h *holding) stands() string {
	switch h.world {
	case Stopping:
		return "the world is being stopped"
	case Stopped:
		return "the world is stopped"
	}
	return ""
}

// who says what pp does.
func (h *holding) who(pp *rt.P) string {
	g := h.p.runningOn(pp)
	switch status := h.p.RT.PStatus(pp); {
	case g != nil && h.p.RT.Status(g) == rt.Syscall, status == rt.PSyscall:
		return fmt.Sprintf("the thread of p%d is in a system call, until sysmon hands the P on", pp.ID)
	case g != nil:
		s := fmt.Sprintf("p%d runs goroutine %d", pp.ID, g.Goid)
		if d, _, ok := h.p.Now().Since(pp.SchedWhen); ok && pp.SchedWhen != 0 && pp.SysmonSchedTick == pp.SchedTick {
			s += fmt.Sprintf(" for %v", time.Duration(d).Round(time.Millisecond))
		}
		return s
	case status == rt.PRunning:
		return fmt.Sprintf("p%d is in the scheduler", pp.ID)
	}
	return fmt.Sprintf("p%d is %s", pp.ID, h.p.RT.PStatus(pp))
}

// others says why no P but pp takes the work.
func (h *holding) others(pp *rt.P) string {
	if h.sched.NPIdle == 0 {
		if pp != nil && len(h.ps) == 1 {
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

// QueueFinding is something in the run queues that does not fit together.
type QueueFinding struct {
	// What is lost (runnable, but in no queue), not runnable (in a queue), twice
	// (in two places), or corrupt (head and tail).
	What string `json:"what"`
	// Goid is the goroutine, nil where it is the queue.
	Goid *uint64 `json:"goid"`
	// Where is the queue.
	Where string `json:"where,omitempty"`
	// Verdict is "in transit" if some thread is at work that leaves things so
	// for a moment, "suspicious" otherwise.
	Verdict string `json:"verdict"`
	// Why gives the reason of the verdict.
	Why string `json:"why"`
}

// moving are the functions that take a goroutine out of one place before they
// put it into another, or make it runnable before they queue it (proc.go).
var moving = []string{"runtime.ready", "runtime.goready", "runtime.newproc", "runtime.newproc1", "runtime.injectglist", "runtime.schedule",
	"runtime.execute", "runtime.findRunnable", "runtime.findrunnable", "runtime.findRunnableGCWorker", "runtime.runqsteal", "runtime.runqgrab",
	"runtime.goschedImpl", "runtime.gopreempt_m", "runtime.gosched_m", "runtime.goyield_m", "runtime.exitsyscall0", "runtime.exitsyscallNoP",
	"runtime.runqputslow", "runtime.runqputbatch", "runtime.startlockedm", "runtime.gcMarkTermination", "runtime.startTheWorldWithSema",
	"runtime.preemptPark", "runtime.globrunqget", "runtime.netpollgoready", "runtime.stoplockedm"}

// mover returns the thread that is in one of the functions, in words; "" for
// none. Threads that sleep in them move nothing.
func (p *Process) mover(ms []rt.M) string {
	for i := range ms {
		m := &ms[i]
		on := p.onThread(m)
		state, _ := p.does(m, on)
		switch state {
		case ThreadIdles, ThreadPolls, ThreadWaitsForLocked, ThreadStandsStill, ThreadIsExtra, ThreadIsTemplate, ThreadStops:
			continue
		}
		for _, f := range on {
			for _, name := range moving {
				if f == name {
					return fmt.Sprintf("m%d is in %s", m.ID, strings.TrimPrefix(f, "runtime."))
				}
			}
		}
	}
	return ""
}
