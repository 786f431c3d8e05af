package inspect

import (
	"context"
	"errors"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// Sched is the scheduler: its global state (runtime.sched), every P and every
// M. Fields go by the runtime's names.
type Sched struct {
	GoMaxProcs int `json:"gomaxprocs"`
	// Goroutines counts the descriptors in runtime.allgs by status.
	Goroutines map[rt.Status]int `json:"goroutines"`
	// World says whether goroutines may run.
	World World `json:"world"`
	// StopWait is the number of Ps still to stop, StillToStop their ids.
	StopWait    int32   `json:"stopwait"`
	StillToStop []int32 `json:"still_to_stop"`

	NPIdle       int32 `json:"npidle"`
	NMIdle       int32 `json:"nmidle"`
	NMIdleLocked int32 `json:"nmidlelocked"`
	NMSpinning   int32 `json:"nmspinning"`
	NeedSpinning bool  `json:"needspinning"`
	NMSys        int32 `json:"nmsys"`
	NMFreed      int64 `json:"nmfreed"`
	MNext        int64 `json:"mnext"`
	MaxMCount    int32 `json:"maxmcount"`
	NGSys        int32 `json:"ngsys"`
	SysmonWait   bool  `json:"sysmonwait"`
	// LastPollNS is for how long nobody has polled the network, in ns: nil
	// while a thread does, or if that is not known.
	LastPollNS *int64 `json:"last_poll_ns"`
	// RunQSize is the length of the global run queue.
	RunQSize int32 `json:"runqsize"`

	Ps []SchedP `json:"ps"`
	Ms []SchedM `json:"ms"`
	// Note says what is unreadable.
	Note string `json:"note,omitempty"`
}

// World says whether goroutines may run.
type World string

// The states of the world. Frozen is that of a program that dies (runtime.
// freezetheworld): no goroutine is scheduled any more.
const (
	Runs     World = "runs"
	Stopping World = "stopping"
	Stopped  World = "stopped"
	Frozen   World = "frozen"
)

// SchedP is a P.
type SchedP struct {
	ID     int32      `json:"id"`
	Addr   mem.Addr   `json:"addr"`
	Status rt.PStatus `json:"status"`
	// M is the id of its thread, Goid the goroutine that it runs.
	M       *int64  `json:"m"`
	Goid    *uint64 `json:"goid"`
	RunNext *uint64 `json:"runnext"`
	// RunQSize is the length of its run queue without RunNext, nil if that is
	// corrupt.
	RunQSize    *int   `json:"runqsize"`
	Timers      uint64 `json:"timers"`
	SchedTick   uint32 `json:"schedtick"`
	SyscallTick uint32 `json:"syscalltick"`
	Note        string `json:"note,omitempty"`
}

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
	Does     string `json:"does"`
	Spinning bool   `json:"spinning"`
	Blocked  bool   `json:"blocked"`
	InCgo    bool   `json:"incgo"`
	// Locks counts the reasons not to preempt it; PreemptOff is one in words.
	Locks      int32  `json:"locks"`
	PreemptOff string `json:"preemptoff,omitempty"`
	// LockedGoid is the goroutine that is locked to it.
	LockedGoid *uint64 `json:"locked_goid"`
	Dying      int32   `json:"dying,omitempty"`
}

// Sched returns the state of the scheduler. It does not read the goroutines but
// for their status and those that it names.
func (p *Process) Sched(ctx context.Context) (*Sched, error) {
	count, err := p.Count(ctx)
	if err != nil {
		return nil, err
	}
	s, err := p.RT.Sched()
	if err != nil {
		return nil, err
	}
	ps, perr := p.RT.AllPs()
	ms, merr := p.RT.AllMs()
	r := &Sched{
		GoMaxProcs: len(ps), Goroutines: count.By, World: world(&s), StopWait: s.StopWait, StillToStop: []int32{},
		NPIdle: s.NPIdle, NMIdle: s.NMIdle, NMIdleLocked: s.NMIdleLocked, NMSpinning: s.NMSpinning, NeedSpinning: s.NeedSpinning != 0,
		NMSys: s.NMSys, NMFreed: s.NMFreed, MNext: s.MNext, MaxMCount: s.MaxMCount, NGSys: s.NGSys, SysmonWait: s.SysmonWait != 0,
		RunQSize: s.RunQSize, Ps: []SchedP{}, Ms: []SchedM{},
	}
	if s.LastPoll != 0 {
		if d, _, ok := p.Now().Since(s.LastPoll); ok {
			r.LastPollNS = &d
		}
	}
	byAddr := make(map[mem.Addr]*rt.P, len(ps))
	for i := range ps {
		byAddr[ps[i].Addr] = &ps[i]
		r.Ps = append(r.Ps, p.schedP(&ps[i]))
		if status := r.Ps[i].Status; r.World == Stopping && status != rt.PGCStop && status != rt.PIdle {
			r.StillToStop = append(r.StillToStop, ps[i].ID)
		}
	}
	for i := range ms {
		r.Ms = append(r.Ms, p.schedM(&ms[i], byAddr[ms[i].P]))
	}
	if err := errors.Join(perr, merr); err != nil {
		r.Note = err.Error()
	}
	return r, nil
}

func world(s *rt.Sched) World {
	switch {
	case s.GCWaiting == 0:
		return Runs
	case s.Frozen():
		return Frozen
	case s.StopWait > 0:
		return Stopping
	}
	return Stopped
}

func (p *Process) schedP(pp *rt.P) SchedP {
	q := p.runQP(pp)
	s := SchedP{ID: pp.ID, Addr: pp.Addr, Status: q.Status, M: q.M, Goid: q.Goid, RunNext: q.RunNext,
		Timers: pp.Timers.Len, SchedTick: pp.SchedTick, SyscallTick: pp.SyscallTick, Note: q.Note}
	if n := int(pp.RunQTail - pp.RunQHead); n >= 0 && n <= len(pp.RunQ) {
		s.RunQSize = &n
	}
	return s
}

// schedM returns a thread; pp is the P that it holds, nil for none.
func (p *Process) schedM(m *rt.M, pp *rt.P) SchedM {
	s := SchedM{ID: m.ID, Addr: m.Addr, Thread: orNil(m.ProcID), Does: p.does(m), Spinning: m.Spinning, Blocked: m.Blocked,
		InCgo: m.InCgo, Locks: m.Locks, Dying: m.Dying}
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

// does says what a thread does: by the goroutine that it runs, or without one
// by the functions on its system stack.
func (p *Process) does(m *rt.M) string {
	if m.IsExtra && m.ProcID == 0 {
		// Its goroutine waits with it (runtime.oneNewExtraM).
		return "waits for a thread of C"
	}
	if m.CurG != 0 {
		g, err := p.RT.ReadG(m.CurG)
		switch {
		case err != nil:
			return ""
		case p.RT.Status(&g) != rt.Syscall:
			return "runs a goroutine"
		case m.InCgo:
			return "runs C"
		}
		return "is in a system call"
	}
	if word := p.doesOnSystemStack(m); word != "" {
		return word
	}
	switch {
	case m.ProcID == 0:
		return "is being started"
	case m.Spinning:
		return "looks for work"
	}
	return ""
}

// systemStack says what a thread does in whose system stack a function is
// found: the first of them that is there. All names since Go 1.18.
var systemStack = []struct{ function, does string }{
	{"runtime.sysmon", "is sysmon"},
	{"runtime.templateThread", "starts threads for locked ones"},
	{"runtime.stoplockedm", "waits for its locked goroutine"},
	{"runtime.gcstopm", "stands still with the world"},
	{"runtime.exitsyscall0", "waits for a P after a system call"},
	{"runtime.exitsyscallNoP", "waits for a P after a system call"},
	{"runtime.stopTheWorldWithSema", "stops the world"},
	{"runtime.netpoll", "polls the network"},
	{"runtime.stopm", "idles"},
	{"runtime.findRunnable", "looks for work"},
	{"runtime.findrunnable", "looks for work"},
	{"runtime.schedule", "schedules"},
}

// doesOnSystemStack says what a thread does by the functions on its system
// stack, "" if that cannot be told.
func (p *Process) doesOnSystemStack(m *rt.M) string {
	on := make(map[string]bool)
	p.systemTrace(m, func(t stack.Trace, _ arch.Regs) {
		for i := range t.Stack.Frames {
			on[t.Stack.Frames[i].Func.Name] = true
		}
	})
	for _, s := range systemStack {
		if on[s.function] {
			return s.does
		}
	}
	return ""
}
