package rt

import (
	"fmt"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// M is a thread of the runtime (runtime.m, runtime2.go).
type M struct {
	Addr mem.Addr `rt:"-"`

	G0      mem.Addr `rt:"g0"`
	GSignal mem.Addr `rt:"gsignal"`
	// ProcID is the kernel's thread id.
	ProcID uint64   `rt:"procid"`
	CurG   mem.Addr `rt:"curg"`
	P      mem.Addr `rt:"p"`
	NextP  mem.Addr `rt:"nextp"`
	OldP   mem.Addr `rt:"oldp"`
	// SyscallTick is OldP's SyscallTick at the last system call: while they
	// are equal, the P has not been taken away.
	SyscallTick uint32 `rt:"syscalltick"`
	ID          int64  `rt:"id"`
	// Locks counts what keeps the thread from being preempted.
	Locks int32 `rt:"locks"`
	Dying int32 `rt:"dying"`
	// Mallocing and Throwing are not 0 while it allocates, or dies of an error
	// of the runtime: the kind of it since Go 1.19.
	Mallocing int32 `rt:"mallocing"`
	Throwing  int32 `rt:"throwing"`
	// PreemptOff, when not empty, is why curg may not be preempted.
	PreemptOff layout.String `rt:"preemptoff"`
	Spinning   bool          `rt:"spinning"`
	Blocked    bool          `rt:"blocked"`
	// InCgo says that the thread executes C code called from Go; NCgo how
	// deeply cgo calls are nested.
	InCgo   bool     `rt:"incgo"`
	NCgo    int32    `rt:"ncgo"`
	IsExtra bool     `rt:"isextra,optional"`
	AllLink mem.Addr `rt:"alllink"`
	// LockedG is the goroutine that is locked to this thread, or 0.
	LockedG mem.Addr `rt:"lockedg"`
	// VDSOSP and VDSOPC are where the thread called into the vdso, 0
	// otherwise.
	VDSOSP mem.Addr `rt:"vdsoSP"`
	VDSOPC mem.Addr `rt:"vdsoPC"`
}

// P is a processor, the right to run Go code (runtime.p, runtime2.go).
type P struct {
	Addr mem.Addr `rt:"-"`

	ID           int32    `rt:"id"`
	StatusNumber uint32   `rt:"status"`
	SchedTick    uint32   `rt:"schedtick"`
	SyscallTick  uint32   `rt:"syscalltick"`
	M            mem.Addr `rt:"m"`
	MCache       mem.Addr `rt:"mcache"`
	// SchedWhen and SyscallWhen are the nanotimes at which sysmon last saw
	// it run another goroutine or in another system call, GCStopTime (since
	// Go 1.23) that at which it last stopped for the world to stop.
	SchedWhen   int64 `rt:"sysmontick.schedwhen"`
	SyscallWhen int64 `rt:"sysmontick.syscallwhen"`
	// SysmonTick is the SyscallTick of the system call that SyscallWhen is of,
	// SysmonSchedTick the SchedTick of what SchedWhen is of.
	SysmonTick      uint32 `rt:"sysmontick.syscalltick"`
	SysmonSchedTick uint32 `rt:"sysmontick.schedtick"`
	GCStopTime      int64  `rt:"gcStopTime,optional"`

	// RunQHead and RunQTail index RunQ modulo its length; the local run
	// queue is RunQ[head:tail].
	RunQHead uint32        `rt:"runqhead"`
	RunQTail uint32        `rt:"runqtail"`
	RunQ     [256]mem.Addr `rt:"runq"`
	// RunNext is the goroutine that runs before those in RunQ, or 0.
	RunNext mem.Addr `rt:"runnext"`
	// GFree is the number of dead goroutines that it keeps for reuse.
	GFree int32 `rt:"gFree.size|gFree.n"`
	// Preempt asks it to enter the scheduler soon, whatever it runs.
	Preempt bool `rt:"preempt"`
	// GCMarkWorkerMode is what its garbage collection worker is, by the
	// constants gcMarkWorker…Mode (mgc.go): none, dedicated, fractional, idle.
	GCMarkWorkerMode int64 `rt:"gcMarkWorkerMode"`
	// CleanupsQueued counts the cleanups that were queued on it (since Go
	// 1.26).
	CleanupsQueued uint64 `rt:"cleanupsQueued,optional"`

	// Timers are the heap of timers: of timerWhen since Go 1.23, of *timer
	// before.
	Timers layout.Slice `rt:"timers.heap|timers"`
	// TimerWhen is the nanotime at which the first timer of the heap fires,
	// TimerModified the earliest of those that were moved to an earlier time
	// and not yet sorted in; 0 for none (runtime.timers.wakeTime, time.go).
	TimerWhen     int64 `rt:"timers.minWhenHeap|timer0When"`
	TimerModified int64 `rt:"timers.minWhenModified|timerModifiedEarliest"`
}

// NextTimer returns the nanotime at which the next timer of p fires, 0 for
// none.
func (p *P) NextTimer() int64 {
	if p.TimerModified != 0 && (p.TimerWhen == 0 || p.TimerModified < p.TimerWhen) {
		return p.TimerModified
	}
	return p.TimerWhen
}

// freezeStopWait is what sched.stopwait is set to when a program crashes
// (runtime.freezeStopWait, proc.go); Ps that stop are subtracted.
const freezeStopWait = 1<<31 - 1

// World says whether goroutines may run.
type World string

// The states of the world. Frozen is that of a program that dies
// (runtime.freezetheworld): no goroutine is scheduled any more, but until then
// all were.
const (
	WorldRuns     World = "runs"
	WorldStopping World = "stopping"
	WorldStopped  World = "stopped"
	WorldFrozen   World = "frozen"
)

// World says whether goroutines may run.
func (s *Sched) World() World {
	switch {
	case s.GCWaiting == 0:
		return WorldRuns
	case s.StopWait > freezeStopWait/2:
		return WorldFrozen
	case s.StopWait > 0:
		return WorldStopping
	}
	return WorldStopped
}

// Sched is the global scheduler state (runtime.schedt, runtime2.go).
type Sched struct {
	GoidGen uint64 `rt:"goidgen"`
	// LastPoll is the nanotime of the last network poll, 0 while a thread
	// polls; PollUntil the nanotime until which it does.
	LastPoll  int64 `rt:"lastpoll"`
	PollUntil int64 `rt:"pollUntil"`

	NMIdle       int32    `rt:"nmidle"`
	NMIdleLocked int32    `rt:"nmidlelocked"`
	MNext        int64    `rt:"mnext"`
	MaxMCount    int32    `rt:"maxmcount"`
	NMSys        int32    `rt:"nmsys"`
	NMFreed      int64    `rt:"nmfreed"`
	NGSys        int32    `rt:"ngsys"`
	PIdle        mem.Addr `rt:"pidle"`
	NPIdle       int32    `rt:"npidle"`
	NMSpinning   int32    `rt:"nmspinning"`
	NeedSpinning uint32   `rt:"needspinning,optional"`

	// RunQHead is the first goroutine of the global run queue, linked
	// through g.schedlink; RunQSize their number.
	RunQHead mem.Addr `rt:"runq.head"`
	RunQTail mem.Addr `rt:"runq.tail"`
	RunQSize int32    `rt:"runq.size|runqsize"`
	// DisabledHead is the first of the user goroutines that are runnable
	// while scheduling of user goroutines is disabled.
	DisabledHead mem.Addr `rt:"disable.runnable.head"`

	// GCWaiting says that a stop-the-world is wanted or in force; StopWait
	// is the number of Ps still to stop.
	GCWaiting  uint32 `rt:"gcwaiting"`
	StopWait   int32  `rt:"stopwait"`
	SysmonWait uint32 `rt:"sysmonwait"`

	ProcResizeTime int64 `rt:"procresizetime"`
}

// ReadM reads the M at a.
func (r *Runtime) ReadM(a mem.Addr) (M, error) {
	var m M
	if err := r.plans.m.Read(r.Mem, a, &m); err != nil {
		return M{}, err
	}
	m.Addr = a
	return m, nil
}

// maxMs bounds the list of threads; the kernel's pid space is smaller.
const maxMs = 1 << 22

// AllMs reads the list runtime.allm, newest thread first. Threads read before
// an unreadable or looping link are returned with the error.
func (r *Runtime) AllMs() ([]M, error) {
	if r.Globals.AllM == 0 {
		return nil, fmt.Errorf("runtime.allm was not found in the target")
	}
	w, err := r.ReadWord(r.Globals.AllM)
	if err != nil {
		return nil, fmt.Errorf("runtime.allm: %w", err)
	}
	var ms []M
	seen := make(map[mem.Addr]bool)
	for a := mem.Addr(w); a != 0; {
		if seen[a] || len(ms) >= maxMs {
			return ms, fmt.Errorf("runtime.allm: the list loops at m %v", a)
		}
		seen[a] = true
		m, err := r.ReadM(a)
		if err != nil {
			return ms, err
		}
		ms = append(ms, m)
		a = m.AllLink
	}
	return ms, nil
}

// ReadP reads the P at a.
func (r *Runtime) ReadP(a mem.Addr) (P, error) {
	var p P
	if err := r.plans.p.Read(r.Mem, a, &p); err != nil {
		return P{}, err
	}
	p.Addr = a
	return p, nil
}

// maxPs bounds runtime.allp, far above the largest GOMAXPROCS in use.
const maxPs = 1 << 20

// AllPs reads runtime.allp, in order of id.
func (r *Runtime) AllPs() ([]P, error) {
	s, err := r.readSliceAt(r.Globals.AllP)
	if err != nil {
		return nil, fmt.Errorf("runtime.allp: %w", err)
	}
	addrs, err := r.readPointers(s, maxPs)
	if err != nil {
		return nil, fmt.Errorf("runtime.allp: %w", err)
	}
	ps := make([]P, 0, len(addrs))
	for i, a := range addrs {
		p, err := r.ReadP(a)
		if err != nil {
			return ps, fmt.Errorf("allp[%d]: %w", i, err)
		}
		ps = append(ps, p)
	}
	return ps, nil
}

// Status returns the runtime's word for the status of p.
func (r *Runtime) PStatus(p *P) PStatus { return r.pstatus(p.StatusNumber) }

// PointerRanges returns the parts of p that may hold pointers to the program's
// objects. The garbage collector's own buffers are left out: they keep the
// addresses of objects that were written long ago.
func (r *Runtime) PointerRanges(p *P) []mem.Range {
	s := r.Layout.Structs["runtime.p"]
	if s == nil {
		return nil
	}
	var list []mem.Range
	for i := range s.Fields {
		f := &s.Fields[i]
		switch f.Name {
		case "gcw", "wbBuf", "mspancache", "pcache", "mcache":
			continue
		}
		list = append(list, mem.Range{Start: p.Addr + mem.Addr(f.Off), End: p.Addr + mem.Addr(f.Off+f.Size), Perm: mem.PermRead})
	}
	return list
}

// RunningOn returns the goroutine that the thread of p runs, nil for none.
func (r *Runtime) RunningOn(p *P) *G {
	if p.M == 0 {
		return nil
	}
	m, err := r.ReadM(p.M)
	if err != nil || m.CurG == 0 {
		return nil
	}
	g, err := r.ReadG(m.CurG)
	if err != nil {
		return nil
	}
	return &g
}

// Queue returns the goroutines of the local run queue, the next to run first,
// without RunNext. Entries are addresses of g; a head and tail that are
// further apart than the ring is long are an error.
func (p *P) Queue() ([]mem.Addr, error) {
	n := p.RunQTail - p.RunQHead
	if n > uint32(len(p.RunQ)) {
		return nil, fmt.Errorf("p %d: run queue head %d and tail %d are %d apart, more than its %d entries",
			p.ID, p.RunQHead, p.RunQTail, n, len(p.RunQ))
	}
	q := make([]mem.Addr, 0, n)
	for i := p.RunQHead; i != p.RunQTail; i++ {
		q = append(q, p.RunQ[i%uint32(len(p.RunQ))])
	}
	return q, nil
}

// Sched reads runtime.sched.
func (r *Runtime) Sched() (Sched, error) {
	if r.Globals.Sched == 0 {
		return Sched{}, fmt.Errorf("runtime.sched was not found in the target")
	}
	return r.ReadSched(r.Globals.Sched)
}

// ReadSched reads the schedt at a.
func (r *Runtime) ReadSched(a mem.Addr) (Sched, error) {
	var s Sched
	err := r.plans.sched.Read(r.Mem, a, &s)
	return s, err
}

// GList follows a list of goroutines through g.schedlink from head, at most
// limit of them. What was read before an error is returned with it.
func (r *Runtime) GList(head mem.Addr, limit int) ([]mem.Addr, error) {
	var list []mem.Addr
	for a := head; a != 0; {
		if len(list) >= limit {
			return list, fmt.Errorf("list of goroutines through schedlink from %v: more than %d, or a loop", head, limit)
		}
		g, err := r.ReadG(a)
		if err != nil {
			return list, err
		}
		list = append(list, a)
		a = g.SchedLink
	}
	return list, nil
}
