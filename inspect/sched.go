package inspect

import (
	"context"
	"errors"
	"slices"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// Sched is the scheduler: its global state (runtime.sched), every P and every
// M. Fields go by the runtime's names.
type Sched struct {
	GoMaxProcs int `json:"gomaxprocs"`
	// Goroutines counts the descriptors in runtime.allgs by status.
	Goroutines map[rt.Status]int `json:"goroutines"`
	// World says whether goroutines may run.
	World rt.World `json:"world"`
	// StopWait is the number of Ps still to stop, as the runtime counts them;
	// StillToStop are the ids of those that run, without that of who stops them.
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

	// Sysmon is the thread that is sysmon, nil if none was recognised.
	Sysmon *SchedM `json:"sysmon"`
	// StopTheWorld says who stops the world and who keeps it from stopping,
	// nil while goroutines may run.
	StopTheWorld *StopTheWorld `json:"stop_the_world"`

	Ps []SchedP `json:"ps"`
	Ms []SchedM `json:"ms"`
	// NoM are the threads, by the kernel's ids, that are those of no M: C made
	// them and they have not called Go, or they are about to get one.
	NoM []uint64 `json:"no_m"`
	// Note says what is unreadable.
	Note string `json:"note,omitempty"`
}

// SchedP is a P.
type SchedP struct {
	PBrief
	Addr mem.Addr `json:"addr"`
	// RunQSize is the length of its run queue without RunNext, nil if that is
	// corrupt.
	RunQSize    *int   `json:"runqsize"`
	Timers      uint64 `json:"timers"`
	SchedTick   uint32 `json:"schedtick"`
	SyscallTick uint32 `json:"syscalltick"`

	// InSyscall says that its thread is in a system call and has not lost it
	// yet. Up to Go 1.25 that is a status of the P, since Go 1.26 that of the
	// goroutine. SyscallGoid is the goroutine.
	InSyscall   bool    `json:"in_syscall"`
	SyscallGoid *uint64 `json:"syscall_goid"`
	// Running is the goroutine that it runs, with its stack.
	Running *Running `json:"running"`
	// Queue are the goroutines that wait for it, RunNext first: at most
	// shownQueue of them.
	Queue []Brief `json:"queue"`
	// NextTimerNS is the time until its next timer fires, in ns; nil for none.
	NextTimerNS *int64   `json:"next_timer_ns"`
	MCache      mem.Addr `json:"mcache"`
	// GFree is the number of dead goroutines that it keeps for reuse.
	GFree int32 `json:"gfreecnt"`
	// GCWorker is what its worker of the garbage collector is while it
	// marks: dedicated, fractional or idle.
	GCWorker string `json:"gc_worker,omitempty"`
	// Preempt says that it was asked to enter the scheduler.
	Preempt bool `json:"preempt"`
}

// shownQueue is how many goroutines of a run queue are named in Sched.
const shownQueue = 20

// Running is a goroutine on a P.
type Running struct {
	Brief
	// ForNS is for how long the P has run it or others that it woke, at
	// least, in ns: sysmon looks every 10 ms or so. nil if that is not known.
	ForNS  *int64        `json:"for_ns"`
	Frames []FrameRecord `json:"frames"`
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
		GoMaxProcs: len(ps), Goroutines: count.By, World: s.World(), StopWait: s.StopWait, StillToStop: []int32{},
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
		r.Ps = append(r.Ps, p.schedP(&ps[i], ms))
	}
	for i := range ms {
		r.Ms = append(r.Ms, p.schedM(&ms[i], byAddr[ms[i].P], ms))
	}
	r.NoM = p.withoutM(ms)
	if i := slices.IndexFunc(r.Ms, func(m SchedM) bool { return m.isSysmon }); i >= 0 {
		r.Sysmon = &r.Ms[i]
	}
	if r.World != rt.WorldRuns {
		r.StopTheWorld = p.stopTheWorld(r, ps, ms)
		r.StillToStop = r.stillToStop()
	}
	if err := errors.Join(perr, merr); err != nil {
		r.Note = err.Error()
	}
	return r, nil
}

// stillToStop returns the Ps that keep the world from stopping.
func (s *Sched) stillToStop() []int32 {
	ids := []int32{}
	for i := range s.Ps {
		pp := &s.Ps[i]
		own := s.StopTheWorld.ByM != nil && pp.M != nil && *pp.M == *s.StopTheWorld.ByM
		if s.World == rt.WorldStopping && pp.Status != rt.PGCStop && pp.Status != rt.PIdle && !own {
			ids = append(ids, pp.ID)
		}
	}
	return ids
}

// schedP returns a P; ms are all threads.
func (p *Process) schedP(pp *rt.P, ms []rt.M) SchedP {
	q := p.runQP(pp)
	s := SchedP{PBrief: q.PBrief, Addr: pp.Addr,
		Timers: pp.Timers.Len, SchedTick: pp.SchedTick, SyscallTick: pp.SyscallTick,
		MCache: pp.MCache, GFree: pp.GFree, GCWorker: p.RT.GCWorker(pp), Preempt: pp.Preempt, Queue: []Brief{}}
	if n := int(pp.RunQTail - pp.RunQHead); n >= 0 && n <= len(pp.RunQ) {
		s.RunQSize = &n
	}
	for _, a := range q.addrs[:min(len(q.addrs), shownQueue)] {
		s.Queue = append(s.Queue, p.brief(a))
	}
	if t := pp.NextTimer(); t != 0 {
		if d, _, ok := p.Now().Until(t); ok {
			s.NextTimerNS = &d
		}
	}
	if m := p.syscallM(pp, ms); m != nil {
		s.InSyscall, s.SyscallGoid = true, p.goidOrNil(m.CurG)
	}
	s.Running = p.onP(pp)
	return s
}

// syscallM returns the thread that is in a system call with the right to go on
// with pp unless that is taken away meanwhile (runtime.retake, proc.go), nil for
// none. Up to Go 1.25 pp then has a status of its own and no thread.
func (p *Process) syscallM(pp *rt.P, ms []rt.M) *rt.M {
	status := p.RT.PStatus(pp)
	for i := range ms {
		m := &ms[i]
		held := status == rt.PSyscall && m.OldP == pp.Addr && m.P == 0 && m.SyscallTick == pp.SyscallTick ||
			status == rt.PRunning && m.P == pp.Addr && pp.M == m.Addr
		if !held || m.CurG == 0 {
			continue
		}
		if g, err := p.RT.ReadG(m.CurG); err == nil && p.RT.Status(&g) == rt.Syscall {
			return m
		}
	}
	return nil
}

// onP returns the goroutine on pp with its stack, nil for none.
func (p *Process) onP(pp *rt.P) *Running {
	g := p.RT.RunningOn(pp)
	if g == nil {
		return nil
	}
	r := &Running{Brief: p.briefOf(g), Frames: []FrameRecord{}}
	for f := range p.FrameRecords(p.trace(g)) {
		r.Frames = append(r.Frames, f)
	}
	if pp.SchedWhen != 0 && pp.SysmonSchedTick == pp.SchedTick {
		if d, _, ok := p.Now().Since(pp.SchedWhen); ok {
			r.ForNS = &d
		}
	}
	return r
}
