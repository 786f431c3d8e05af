package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rtdbg/inspect/locate"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// GC is the state of the garbage collector. Sizes are in bytes, times in ns.
// Pointers are nil where a value is not known.
type GC struct {
	// Phase is off, mark or mark termination; "" where it is not known.
	Phase string `json:"phase"`
	// Cycle is the number of the collection in progress or of the last one.
	Cycle *uint32 `json:"cycle"`
	// Forced says that the program asked for it.
	Forced *bool `json:"forced"`
	// Assists says that goroutines must mark for what they allocate.
	Assists *bool `json:"assists"`
	// MarkNS is for how long it has been marking.
	MarkNS *int64 `json:"mark_ns"`
	// RootsDone and Roots count the pieces of the roots that are marked, and
	// all.
	RootsDone *uint32 `json:"roots_done"`
	Roots     *uint32 `json:"roots"`

	// GOGC is in percent, -1 for off; MemoryLimit is MaxInt64 for none, and
	// nil before Go 1.19.
	GOGC        *int32  `json:"gogc"`
	MemoryLimit *int64  `json:"memory_limit"`
	HeapLive    *uint64 `json:"heap_live"`
	HeapMarked  *uint64 `json:"heap_marked"`
	HeapGoal    *uint64 `json:"heap_goal"`
	// Trigger is the live heap at which the next collection begins; while one
	// is in progress, that at which it began.
	Trigger *uint64 `json:"trigger"`

	// Collections counts those that have ended, ForcedCollections those that
	// the program asked for.
	Collections       *uint32   `json:"collections"`
	ForcedCollections *uint32   `json:"forced_collections"`
	LastEndUnixNS     *int64    `json:"last_end_unix_ns"`
	LastEndNS         *int64    `json:"since_last_ns"`
	PauseTotalNS      *uint64   `json:"pause_total_ns"`
	Pauses            []GCPause `json:"pauses"`

	Workers []GCWorker `json:"workers"`
	// AssistQueue are the goroutines that wait for credit, the first one next.
	AssistQueue []GCAssist `json:"assist_queue"`
	// Assisting are those that mark at present for what they want to allocate.
	Assisting []GCAssist `json:"assisting"`
	// HeldUpBy are those for which the collector waits.
	HeldUpBy []GCHolder `json:"held_up_by"`
	// BgScanCredit is the work that workers have done ahead.
	BgScanCredit *int64 `json:"bg_scan_credit"`

	Sweep      *GCSweeper  `json:"sweep"`
	Finalizers *GCQueue    `json:"finalizers"`
	Cleanups   *GCQueue    `json:"cleanups"`
	Waiting    []GCWaiters `json:"waiting"`
	// Note says what is not known, and why.
	Note string `json:"note,omitempty"`
}

// GCPause is a pause of the program: both of a collection together.
type GCPause struct {
	NS        uint64 `json:"ns"`
	EndUnixNS uint64 `json:"end_unix_ns"`
}

// GCWorker is a worker of the collector on a P.
type GCWorker struct {
	P    int32  `json:"p"`
	Mode string `json:"mode"`
	Brief
}

// GCAssist is a goroutine that pays for what it allocates.
type GCAssist struct {
	Brief
	// DebtBytes is what it has allocated beyond its credit.
	DebtBytes int64 `json:"debt_bytes"`
}

// GCSweeper is the state of sweeping.
type GCSweeper struct {
	// Done says that nothing is left to begin with, Sweepers how many are at
	// work.
	Done     bool   `json:"done"`
	Sweepers uint32 `json:"sweepers"`
	// Background is the goroutine that sweeps, nil before there is one.
	Background *Brief `json:"background"`
	Parked     bool   `json:"parked"`
}

// GCQueue is a queue of functions to be run for objects that are dead.
type GCQueue struct {
	// Queued counts those that have not been run: of finalizers those that have
	// not begun; of cleanups those that the runtime has not counted as run, which
	// it does in blocks. It is nil where the version does not count them: cleanups
	// in Go 1.25.
	Queued *int `json:"queued"`
	// Runners are the goroutines that run them; those that are in one have
	// Busy set.
	Runners []GCRunner `json:"runners"`
}

// GCRunner is a goroutine that runs finalizers or cleanups.
type GCRunner struct {
	Brief
	Busy bool `json:"busy"`
}

// GCWaiters are the goroutines that wait for the collector in one way.
type GCWaiters struct {
	Reason string   `json:"wait_reason"`
	Count  int      `json:"count"`
	Goids  []uint64 `json:"goids"` // at most maxGoids of them
}

// gcWaits are the reasons of goroutines of the program that wait for the
// collector: by name, as each version has some of them.
var gcWaits = []string{"GC assist marking", "GC assist wait", "garbage collection", "garbage collection scan", "wait for GC cycle",
	"GC mark termination", "GC sweep wait", "GC weak to strong wait", "stopping the world", "flushing proc caches"}

// shownPauses is how many of the last pauses are shown.
const shownPauses = 5

// GC returns the state of the collector.
func (p *Process) GC(ctx context.Context) (*GC, error) {
	gs, err := p.Goroutines(ctx)
	if err != nil {
		return nil, err
	}
	r := &GC{Pauses: []GCPause{}, Workers: []GCWorker{}, AssistQueue: []GCAssist{}, Assisting: []GCAssist{}, HeldUpBy: []GCHolder{}, Waiting: []GCWaiters{}}
	gc := p.RT.GC(p.global)
	var noted []error
	note := func(err error) {
		if err != nil {
			noted = append(noted, err)
		}
	}
	r.Phase, err = gc.Phase()
	note(err)
	if on, err := gc.Blackens(); err == nil {
		r.Assists = &on
	}
	note(p.gcWork(r, gc))
	note(p.gcController(r, gc))
	note(p.gcStats(r))
	note(p.gcQueues(r, gc, gs))
	note(p.gcWorkers(r))
	note(p.gcHolders(r))
	p.gcWaiting(r, gs)
	r.Note = noteOf(noted)
	return r, ctx.Err()
}

// global returns the address of a variable: by symbol, or for one without a shape by
// the code that names it, which is read when the first is asked for that no symbol
// leads to.
func (p *Process) global(name string) (mem.Addr, bool) {
	if a, ok := p.symbol(name); ok {
		return a, true
	}
	p.marksOnce.Do(func() {
		if program := p.code(); program != nil {
			p.marks = locate.ByCode(p.RT, p.pcln, program)
		}
	})
	a, ok := p.marks[name]
	return a, ok
}

// noteOf says that symbols are missing once, and every other error.
func noteOf(errs []error) string {
	symbols := ""
	var rest []error
	for _, err := range errs {
		if errors.Is(err, rt.ErrNoSymbol) {
			symbols = "variables of the collector are not found: the program has no symbols, and its code does not tell where they are"
			continue
		}
		rest = append(rest, err)
	}
	if err := errors.Join(rest...); err != nil {
		if symbols != "" {
			symbols += "; "
		}
		return symbols + err.Error()
	}
	return symbols
}

// gcWork fills in what runtime.work says.
func (p *Process) gcWork(r *GC, gc rt.GC) error {
	w, err := gc.Work()
	if err != nil {
		return err
	}
	r.Cycle, r.Forced = &w.Cycles, &w.UserForced
	if r.Phase == "mark" {
		done := min(w.MarkRootNext, w.MarkRootJobs)
		r.RootsDone, r.Roots = &done, &w.MarkRootJobs
		if d, _, ok := p.Now().Since(w.TMark); ok {
			r.MarkNS = &d
		}
	}
	queue, err := p.RT.GList(w.AssistHead, maxQueue)
	for _, a := range queue {
		r.AssistQueue = append(r.AssistQueue, p.assist(a))
	}
	return err
}

// maxQueue bounds the lists of goroutines that are followed.
const maxQueue = 1 << 24

func (p *Process) assist(a mem.Addr) GCAssist {
	s := GCAssist{Brief: p.brief(a)}
	s.DebtBytes, _ = p.RT.AssistDebt(a)
	return s
}

// gcController fills in what runtime.gcController says.
func (p *Process) gcController(r *GC, gc rt.GC) error {
	c, err := gc.Controller()
	if err != nil {
		return err
	}
	r.GOGC, r.HeapLive, r.HeapMarked, r.BgScanCredit = &c.GCPercent, &c.HeapLive, &c.HeapMarked, &c.BgScanCredit
	if p.minor >= 19 {
		r.MemoryLimit = &c.MemoryLimit
	}
	goal := c.HeapGoal(p.minor)
	r.HeapGoal = &goal
	trigger := c.NextTrigger(p.minor)
	r.Trigger = &trigger
	if r.Phase != "off" && p.minor >= 19 {
		r.Trigger = &c.Triggered
	}
	return nil
}

// gcStats fills in what runtime.memstats says.
func (p *Process) gcStats(r *GC) error {
	at := p.RT.Globals.MemStats
	if at == 0 {
		at, _ = p.global("runtime.memstats")
	}
	if at == 0 {
		return fmt.Errorf("runtime.memstats: %w", rt.ErrNoSymbol)
	}
	s, err := p.RT.ReadMemStats(at)
	if err != nil {
		return err
	}
	r.Collections, r.ForcedCollections, r.PauseTotalNS = &s.NumGC, &s.NumForcedGC, &s.PauseTotal
	if s.Consistent() {
		end := int64(s.LastGCUnix)
		r.LastEndUnixNS = &end
		if d, _, ok := p.Now().Since(int64(s.LastGCNanotime)); ok {
			r.LastEndNS = &d
		}
	}
	const ring = uint32(len(s.PauseNS))
	for i := range min(s.NumGC, shownPauses) {
		n := (s.NumGC - 1 - i) % ring
		r.Pauses = append(r.Pauses, GCPause{s.PauseNS[n], s.PauseEnd[n]})
	}
	return nil
}

// gcQueues fills in sweeping, finalizers and cleanups.
func (p *Process) gcQueues(r *GC, gc rt.GC, gs []*Goroutine) error {
	s, err := gc.Sweep()
	if err != nil {
		return err
	}
	r.Sweep = &GCSweeper{Done: s.Done(), Sweepers: s.Sweepers(), Parked: s.Parked}
	if s.G != 0 {
		b := p.brief(s.G)
		r.Sweep.Background = &b
	}
	n, err := gc.Finalizers()
	if err != nil {
		return err
	}
	r.Finalizers = &GCQueue{Queued: &n, Runners: p.runners(gs, "runtime.runfinq", "runtime.runFinalizers")}
	for _, runner := range r.Finalizers.Runners {
		if runner.Busy && n > 0 {
			n-- // the one that it is in
		}
	}
	q, ok, err := gc.Cleanups()
	if err != nil || !ok {
		return err
	}
	r.Cleanups = &GCQueue{Runners: p.runners(gs, "runtime.runCleanups")}
	if p.minor >= 26 {
		ps, err := p.RT.AllPs()
		if err != nil {
			return err
		}
		for i := range ps {
			q.Queued += ps[i].CleanupsQueued
		}
		left := int(q.Queued - min(q.Executed, q.Queued))
		r.Cleanups.Queued = &left
	}
	return nil
}

// runners are the goroutines that began in one of the functions.
func (p *Process) runners(gs []*Goroutine, starts ...string) []GCRunner {
	list := []GCRunner{}
	for _, g := range gs {
		if !g.Dead() && slices.Contains(starts, g.Start()) {
			list = append(list, GCRunner{p.briefOf(g.G), g.inUserCode()})
		}
	}
	return list
}

// gcWorkers fills in the workers that mark at present, and who assists.
func (p *Process) gcWorkers(r *GC) error {
	ps, err := p.RT.AllPs()
	for i := range ps {
		pp := &ps[i]
		running := p.RT.RunningOn(pp)
		if mode := p.RT.GCWorker(pp); mode != "" {
			w := GCWorker{P: pp.ID, Mode: mode}
			if running != nil {
				w.Brief = p.briefOf(running)
			}
			r.Workers = append(r.Workers, w)
		}
	}
	return err
}

// gcWaiting fills in who waits for the collector, and who assists it.
func (p *Process) gcWaiting(r *GC, gs []*Goroutine) {
	at := make(map[string]int)
	for _, g := range gs {
		reason := g.WaitReason()
		if reason == "" || g.System() || !slices.Contains(gcWaits, reason) {
			continue
		}
		if reason == "GC assist marking" {
			r.Assisting = append(r.Assisting, p.assist(g.Addr))
		}
		i, ok := at[reason]
		if !ok {
			i = len(r.Waiting)
			at[reason] = i
			r.Waiting = append(r.Waiting, GCWaiters{Reason: reason, Goids: []uint64{}})
		}
		w := &r.Waiting[i]
		if w.Count++; len(w.Goids) < maxGoids {
			w.Goids = append(w.Goids, g.Goid)
		}
	}
	slices.SortFunc(r.Waiting, func(a, b GCWaiters) int { return b.Count - a.Count })
}
