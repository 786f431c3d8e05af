package inspect

import (
	"fmt"
	"strings"

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

// inQueue describes the goroutines of a queue.
func (p *Process) inQueue(addrs []mem.Addr) []Queued {
	list := make([]Queued, 0, len(addrs))
	for _, a := range addrs {
		g, err := p.RT.ReadG(a)
		if err != nil {
			list = append(list, Queued{Brief: Brief{At: err.Error()}})
			continue
		}
		q := Queued{Brief: p.briefOf(&g), Why: p.wait().NotRunning(&g)}
		if g.LockedM != 0 {
			if m, err := p.RT.ReadM(g.LockedM); err == nil {
				q.LockedM = &m.ID
			}
		}
		if q.Status == rt.Runnable {
			q.RunnableNS = p.wait().RunnableFor(&g)
		}
		list = append(list, q)
	}
	return list
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
