package inspect

import (
	"fmt"
	"slices"
	"strings"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// StopTheWorld says who stops the world, and who keeps it from stopping.
type StopTheWorld struct {
	// Reason is the runtime's, "read mem stats"; "" where it is not known.
	Reason string `json:"reason"`
	// ByM and By are the thread and the goroutine that stop it, nil where they
	// are not known.
	ByM *int64 `json:"by_m"`
	By  *Brief `json:"by"`
	// Frames is its stack.
	Frames []FrameRecord `json:"frames"`
	// InC says that it has stopped the world and is in C.
	InC bool `json:"in_c"`
	// SinceNS is for how long it has been stopping or has stopped, in ns: since
	// Go 1.23, nil before.
	SinceNS *int64 `json:"since_ns"`
	// Culprits are the Ps that have not stopped.
	Culprits []STWCulprit `json:"culprits"`
}

// STWCulprit is a P that has not stopped, and what keeps it.
type STWCulprit struct {
	P int32 `json:"p"`
	// M and Thread are its thread, nil for none.
	M      *int64  `json:"m"`
	Thread *uint64 `json:"thread"`
	// Goroutine is what it runs, nil while it schedules.
	Goroutine *Running `json:"goroutine"`
	// Kind is scheduler, syscall, c; lock where it waits for a mutex of the
	// runtime, locks where its M may not be preempted; runtime, assembly or
	// nosplit where its code may not; crashed where the program died of it, or
	// of a signal to its thread; loop otherwise.
	Kind string `json:"kind"`
	// Why says what keeps it, in words.
	Why string `json:"why"`
}

// stwReasons are the reasons of stops that the runtime does not note, by the
// function that stops the world: the first that is on the stack.
var stwReasons = []struct{ function, reason string }{
	{"runtime.gcMarkTermination", "GC mark termination"},
	{"runtime.gcMarkDone", "GC mark termination"},
	{"runtime.gcStart", "GC sweep termination"},
	{"runtime.GOMAXPROCS", "GOMAXPROCS"},
	{"runtime.ReadMemStats", "read mem stats"},
	{"runtime.Stack", "all goroutines stack trace"},
	{"runtime.goroutineProfileWithLabels", "goroutine profile"},
	{"runtime.goroutineProfileWithLabelsConcurrent", "goroutine profile"},
	{"runtime.StartTrace", "start trace"},
	{"runtime.traceAdvance", "start trace"},
	{"syscall.runtime_doAllThreadsSyscall", "AllThreadsSyscall"},
}

// stopTheWorld says who stops the world of r, which does not run.
func (p *Process) stopTheWorld(r *Sched, ps []rt.P, ms []rt.M) *StopTheWorld {
	w := &StopTheWorld{Frames: []FrameRecord{}, Culprits: []STWCulprit{}}
	var by *rt.M
	for i := range ms {
		if p.stops(&ms[i], ps) {
			by = &ms[i]
			break
		}
	}
	if by != nil {
		p.describeStop(w, by, ps)
	}
	if r.World == rt.WorldStopped || r.World == rt.WorldFrozen && by == nil {
		return w
	}
	for i := range ps {
		if by != nil && ps[i].Addr == by.P {
			continue
		}
		if status := p.RT.PStatus(&ps[i]); status == rt.PRunning || status == rt.PSyscall {
			w.Culprits = append(w.Culprits, p.culprit(&ps[i], ms))
		}
	}
	return w
}

// stops reports whether m stops the world or has stopped it: it is in the
// function that does, or the only one to keep its P, which stands with the
// others, and to run a goroutine.
func (p *Process) stops(m *rt.M, ps []rt.P) bool {
	if m.CurG == 0 {
		return false
	}
	on := p.onThread(m)
	if slices.Contains(on, "runtime.stopTheWorldWithSema") {
		return true
	}
	for i := range ps {
		if ps[i].Addr == m.P && ps[i].M == m.Addr && p.RT.PStatus(&ps[i]) == rt.PGCStop {
			return !slices.Contains(on, "runtime.gcstopm")
		}
	}
	return false
}

// describeStop fills in what is known of the thread that stops the world.
func (p *Process) describeStop(w *StopTheWorld, m *rt.M, ps []rt.P) {
	w.ByM = &m.ID
	if m.PreemptOff.Len > 0 {
		w.Reason, _ = p.RT.ReadString(m.PreemptOff)
	}
	if g, err := p.RT.ReadG(m.CurG); err == nil {
		b := p.briefOf(&g)
		w.By = &b
		for f := range p.FrameRecords(p.trace(&g)) {
			w.Frames = append(w.Frames, f)
		}
	}
	for _, s := range stwReasons {
		if w.Reason != "" {
			break
		}
		if slices.ContainsFunc(w.Frames, func(f FrameRecord) bool { return f.Func == s.function || strings.HasPrefix(f.Func, s.function+".") }) {
			w.Reason = s.reason
		}
	}
	w.InC = p.inC(m)
	for i := range ps {
		if ps[i].Addr == m.P && ps[i].GCStopTime != 0 {
			if d, _, ok := p.Now().Since(ps[i].GCStopTime); ok {
				w.SinceNS = &d
			}
		}
	}
}

// inC reports whether a thread executes code that is not Go's: on the way from
// runtime.asmcgocall, or with a program counter that is in no Go function.
func (p *Process) inC(m *rt.M) bool {
	th, ok := p.threads[m.ProcID]
	return ok && p.pcln.Func(mem.Addr(th.Regs.PC)) == nil
}

// culprit says what keeps pp from stopping.
func (p *Process) culprit(pp *rt.P, ms []rt.M) STWCulprit {
	c := STWCulprit{P: pp.ID, Kind: "scheduler", Why: "its thread is in the scheduler, on its way to stop"}
	i := slices.IndexFunc(ms, func(m rt.M) bool { return m.Addr == pp.M })
	if i < 0 {
		if p.RT.PStatus(pp) == rt.PSyscall {
			c.Kind, c.Why = "syscall", "its thread is in a system call, and it has not been taken away yet"
		}
		return c
	}
	m := &ms[i]
	c.M, c.Thread, c.Goroutine = &m.ID, orNil(m.ProcID), p.onP(pp)
	off, _ := p.RT.ReadString(m.PreemptOff)
	on := p.onThread(m)
	lock := p.waitsForLock(m, ms, on)
	switch {
	case m.Dying != 0:
		// What its M says is of the crash.
		c.Kind, c.Why = "crashed", "before it stopped, its thread crashed or took the signal that ended the program"
	case lock != nil:
		c.Kind, c.Why = "lock", "its thread waits for "+lock.String()
	case c.Goroutine == nil, c.Goroutine.Status == rt.Runnable, leaving(on):
	case c.Goroutine.Status == rt.Syscall:
		c.Kind, c.Why = "syscall", "its thread is in a system call, and it has not been taken away yet"
	case p.inC(m):
		c.Kind, c.Why = "c", "it calls C without letting go of its P: runtime.asmcgocall, not runtime.cgocall"
	case m.Locks > 0:
		c.Kind, c.Why = "locks", fmt.Sprintf("its thread may not be preempted: locks=%d", m.Locks)
	case off != "":
		c.Kind, c.Why = "locks", "its thread may not be preempted: "+off
	case m.Mallocing != 0:
		c.Kind, c.Why = "locks", "its thread may not be preempted: it allocates"
	default:
		c.Kind, c.Why = p.unpreempted(m, c.Goroutine)
	}
	return c
}
