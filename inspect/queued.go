package inspect

import (
	"fmt"
	"slices"
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
// none. Threads that sleep in them move nothing. One that has a P and whose place
// cannot be told may be in any of them: it switches stacks, or asks the kernel's
// page for the time, as the scheduler does all along.
func (p *Process) mover(ms []rt.M) string {
	perhaps := ""
	for i := range ms {
		m := &ms[i]
		on := p.onThread(m)
		state, _ := p.does(m, on)
		switch state {
		case ThreadIdles, ThreadPolls, ThreadWaitsForLocked, ThreadStandsStill, ThreadIsExtra, ThreadIsTemplate, ThreadStops:
			continue
		}
		if j := slices.IndexFunc(on, moves); j >= 0 {
			return fmt.Sprintf("m%d is in %s", m.ID, strings.TrimPrefix(on[j], "runtime."))
		}
		if m.P != 0 && !whole(on) {
			perhaps = fmt.Sprintf("m%d runs, and where cannot be told", m.ID)
		}
	}
	return perhaps
}

// moves reports whether a function is one of moving, or a closure of one, which is
// named after the function into which that was inlined as well:
// runtime.recv.goready.func1.
func moves(function string) bool {
	return slices.ContainsFunc(moving, func(name string) bool {
		return function == name || strings.HasPrefix(function, "runtime.") && strings.Contains(function, strings.TrimPrefix(name, "runtime")+".func")
	})
}

// bottoms are the functions at which stacks begin, of threads and of goroutines.
// All names since Go 1.18.
var bottoms = []string{"runtime.goexit", "runtime.mstart", "runtime.mcall", "runtime.systemstack", "runtime.morestack", "runtime.rt0_go",
	"runtime.asyncPreempt", "runtime.sigreturn__sigaction", "runtime.cgocallback"}

// whole reports whether the functions on a stack are all that are on it.
func whole(on []string) bool {
	return len(on) > 1 && slices.Contains(bottoms, strings.TrimSuffix(on[len(on)-1], ".abi0"))
}
