package inspect

import (
	"slices"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// ThreadState is what a thread does, in one word.
type ThreadState string

// The states of threads.
const (
	ThreadRuns      ThreadState = "running" // a goroutine
	ThreadInSyscall ThreadState = "syscall"
	ThreadInC       ThreadState = "cgo"
	// ThreadSpins looks for work where others may have some, ThreadSchedules is in
	// the scheduler otherwise.
	ThreadSpins     ThreadState = "spinning"
	ThreadSchedules ThreadState = "schedule"
	ThreadPolls     ThreadState = "netpoll"
	ThreadIdles     ThreadState = "idle"
	// ThreadWaitsForLocked sleeps until the goroutine that is locked to it may
	// run (runtime.stoplockedm).
	ThreadWaitsForLocked ThreadState = "locked"
	// ThreadStandsStill sleeps until the world starts again, ThreadStops stops
	// it.
	ThreadStandsStill ThreadState = "gcstop"
	ThreadStops       ThreadState = "stopping"
	// ThreadIsExtra stands by for a thread that C made.
	ThreadIsExtra    ThreadState = "extra"
	ThreadIsSysmon   ThreadState = "sysmon"
	ThreadIsTemplate ThreadState = "template"
	ThreadStarts     ThreadState = "starting"
	// ThreadHasEnded is the main thread, which sleeps for good once the goroutine
	// that was locked to it has ended (runtime.mexit).
	ThreadHasEnded     ThreadState = "ended"
	ThreadUnknown      ThreadState = "unknown"
	ThreadWaitsForLock ThreadState = "mutex"
)

// SchedM is an M.
type SchedM struct {
	ID   int64    `json:"id"`
	Addr mem.Addr `json:"addr"`
	// Thread is the kernel's id of the thread, nil while it has none.
	Thread *uint64 `json:"thread"`
	P      *int32  `json:"p"`
	// Goid is the goroutine that it runs, also in a system call.
	Goid *uint64 `json:"goid"`
	// Does says what it does, in a few words; "" if that is not known.
	Does string `json:"does"`
	// State is the same in one word.
	State    ThreadState `json:"state"`
	Spinning bool        `json:"spinning"`
	Blocked  bool        `json:"blocked"`
	InCgo    bool        `json:"incgo"`
	// Locks counts the reasons not to preempt it; PreemptOff is one in words.
	// Since Go 1.27 each mutex of the runtime counts 16 (runtime.mutexMLocksDelta).
	Locks      int32  `json:"locks"`
	PreemptOff string `json:"preemptoff,omitempty"`
	// LockedGoid is the goroutine that is locked to it.
	LockedGoid *uint64 `json:"locked_goid"`
	// WaitsForLock is the runtime's own mutex that it waits for.
	WaitsForLock *RuntimeLock `json:"waits_for_lock"`
	Mallocing    int32        `json:"mallocing"`
	Throwing     int32        `json:"throwing"`
	Dying        int32        `json:"dying,omitempty"`

	// isSysmon is set for sysmon, also while it waits for a mutex.
	isSysmon bool
}

// schedM returns a thread; pp is the P that it holds, nil for none, ms are
// all threads.
func (p *Process) schedM(m *rt.M, pp *rt.P, ms []rt.M) SchedM {
	on := p.onThread(m)
	s := SchedM{ID: m.ID, Addr: m.Addr, Thread: orNil(m.ProcID), Spinning: m.Spinning, Blocked: m.Blocked,
		InCgo: m.InCgo, Locks: m.Locks, Mallocing: m.Mallocing, Throwing: m.Throwing, Dying: m.Dying,
		isSysmon: slices.Contains(on, "runtime.sysmon")}
	s.State, s.Does = p.does(m, on)
	if s.State == ThreadIsExtra {
		s.Thread = nil
	}
	if s.WaitsForLock = p.waitsForLock(m, ms, on); s.WaitsForLock != nil {
		s.State, s.Does = ThreadWaitsForLock, "waits for "+s.WaitsForLock.String()
	}
	if pp != nil {
		s.P = &pp.ID
	}
	if m.CurG != 0 {
		s.Goid = p.goidOrNil(m.CurG)
	}
	if m.LockedG != 0 {
		s.LockedGoid = p.goidOrNil(m.LockedG)
	}
	if m.PreemptOff.Len > 0 {
		if why, err := p.RT.ReadString(m.PreemptOff); err == nil {
			s.PreemptOff = why
		}
	}
	return s
}

// withoutM returns the ids of the threads that none of ms is.
func (p *Process) withoutM(ms []rt.M) []uint64 {
	of := make(map[uint64]bool, len(ms))
	for i := range ms {
		if !p.standsBy(&ms[i]) {
			of[ms[i].ProcID] = true
		}
	}
	list := []uint64{}
	for id := range p.threads {
		if !of[id] {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}

// does says what a thread does: by the goroutine that it runs, or without one
// by the functions on its stack.
func (p *Process) does(m *rt.M, on []string) (ThreadState, string) {
	if p.standsBy(m) {
		return ThreadIsExtra, "waits for a thread of C"
	}
	if m.CurG != 0 {
		return p.doesWith(m, on)
	}
	for _, s := range systemStack {
		if !slices.Contains(on, s.function) {
			continue
		}
		if s.state == ThreadStandsStill && !p.worldStands() {
			break // it was not needed when the world started again
		}
		if s.state == ThreadIdles && m.NextP != 0 {
			return s.state, "is being woken" // it has been given a P
		}
		return s.state, s.does
	}
	switch {
	case slices.Contains(on, "runtime.gcstopm"):
		return ThreadIdles, "idles"
	case m.ProcID == 0:
		return ThreadStarts, "is being started"
	case m.Spinning:
		return ThreadSpins, "looks for work"
	case m.P != 0:
		return ThreadSchedules, "schedules" // between two goroutines
	}
	return ThreadUnknown, ""
}

// standsBy reports whether m waits for a thread of C, and its goroutine with it
// (runtime.oneNewExtraM). Before Go 1.21 a thread of C gives it back whenever it
// leaves Go, and before Go 1.22 it keeps the id of the thread that had it last.
func (p *Process) standsBy(m *rt.M) bool {
	if m.IsExtra && m.ProcID == 0 {
		return true
	}
	if m.CurG == 0 {
		return false
	}
	g, err := p.RT.ReadG(m.CurG)
	if err != nil {
		return false
	}
	if status := p.RT.Status(&g); status != rt.Dead && status != rt.DeadExtra {
		return false
	}
	_, there := p.threads[m.ProcID]
	return !there || p.minor < 21
}

// worldStands reports whether goroutines may not run.
func (p *Process) worldStands() bool {
	s, err := p.RT.Sched()
	return err == nil && s.World() != rt.WorldRuns
}

// doesWith says what a thread does that runs a goroutine.
func (p *Process) doesWith(m *rt.M, on []string) (ThreadState, string) {
	g, err := p.RT.ReadG(m.CurG)
	status := p.RT.Status(&g)
	switch {
	case err != nil:
		return ThreadUnknown, ""
	case status == rt.DeadExtra, status == rt.Dead, status == rt.Syscall && m.IsExtra && !m.InCgo && g.SyscallSP == 0:
		return ThreadInC, "is a thread of C"
	case status == rt.Syscall && m.InCgo:
		return ThreadInC, "runs C"
	case status == rt.Syscall:
		return ThreadInSyscall, "is in a system call"
	case slices.Contains(on, "runtime.stopTheWorldWithSema"):
		return ThreadStops, "stops the world"
	case status == rt.Runnable, leaving(on):
		return ThreadSchedules, "schedules"
	}
	return ThreadRuns, "runs a goroutine"
}

// leaves are the functions in which a thread takes a goroutine off its P, or puts it
// there, while it is still, or already, curg (proc.go). All names since Go 1.18.
var leaves = []string{"runtime.park_m", "runtime.gosched_m", "runtime.gopreempt_m", "runtime.goyield_m", "runtime.preemptPark",
	"runtime.goexit0", "runtime.exitsyscall0", "runtime.exitsyscallNoP", "runtime.execute"}

// leaving reports whether a thread with these functions on its stack is in one of
// leaves.
func leaving(on []string) bool {
	return slices.ContainsFunc(leaves, func(f string) bool { return slices.Contains(on, f) })
}

// systemStack says what a thread does in whose system stack a function is
// found: the first of them that is there. All names since Go 1.18.
var systemStack = []struct {
	function string
	state    ThreadState
	does     string
}{
	{"runtime.sysmon", ThreadIsSysmon, "is sysmon"},
	{"runtime.templateThread", ThreadIsTemplate, "starts threads for locked ones"},
	{"runtime.mexit", ThreadHasEnded, "has ended with the goroutine that was locked to it"},
	{"runtime.stoplockedm", ThreadWaitsForLocked, "waits for its locked goroutine"},
	{"runtime.gcstopm", ThreadStandsStill, "stands still with the world"},
	{"runtime.stopTheWorldWithSema", ThreadStops, "stops the world"},
	{"runtime.netpoll", ThreadPolls, "polls the network"},
	{"runtime.stopm", ThreadIdles, "idles"},
	{"runtime.findRunnable", ThreadSpins, "looks for work"},
	{"runtime.findrunnable", ThreadSpins, "looks for work"},
	{"runtime.exitsyscall0", ThreadSchedules, "comes from a system call and finds no P"},
	{"runtime.exitsyscallNoP", ThreadSchedules, "comes from a system call and finds no P"},
	{"runtime.schedule", ThreadSchedules, "schedules"},
}

// onThread returns the functions on the stack on which a thread is, which is
// its system stack while it schedules, innermost first; nil if that cannot be
// told.
func (p *Process) onThread(m *rt.M) []string {
	var on []string
	p.systemTrace(m, func(t stack.Trace, _ arch.Regs) {
		for i := range t.Stack.Frames {
			on = append(on, t.Stack.Frames[i].Func.Name)
		}
	})
	return on
}
