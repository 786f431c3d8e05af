package rt

import (
	"errors"
	"fmt"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// GCWork is the part of runtime.work that rtdbg reads (runtime.workType, mgc.go;
// up to Go 1.18 a type without a name): the state of a garbage collection.
type GCWork struct {
	// Cycles counts the collections that have begun.
	Cycles uint32 `rt:"cycles"`
	// UserForced says that the program asked for the collection.
	UserForced bool `rt:"userForced"`
	// MarkRootNext and MarkRootJobs count the roots that were taken, and all.
	MarkRootNext uint32 `rt:"markrootNext"`
	MarkRootJobs uint32 `rt:"markrootJobs"`
	// AssistHead is the first of the goroutines that wait for credit, linked
	// through schedlink; SweepHead the first that waits for the end of the
	// collection, StrongHead the first that waits for the end of mark
	// termination to make a weak pointer strong (since Go 1.23).
	AssistHead mem.Addr `rt:"assistQueue.q.head"`
	SweepHead  mem.Addr `rt:"sweepWaiters.list.head"`
	StrongHead mem.Addr `rt:"strongFromWeak.q.head,optional"`
	// Nanotimes of the start of sweep termination, of marking and of mark
	// termination, and of the end, of this collection or the last.
	TSweepTerm int64 `rt:"tSweepTerm"`
	TMark      int64 `rt:"tMark"`
	TMarkTerm  int64 `rt:"tMarkTerm"`
	TEnd       int64 `rt:"tEnd"`
	// Heap0, Heap1 and Heap2 are the live heap at its start, at the end of
	// marking, and what was marked, bytes.
	Heap0 uint64 `rt:"heap0"`
	Heap1 uint64 `rt:"heap1"`
	Heap2 uint64 `rt:"heap2"`
}

// GCController is the part of runtime.gcController that rtdbg reads
// (runtime.gcControllerState, mgcpacer.go). Sizes are bytes.
type GCController struct {
	// GCPercent is GOGC, -1 for off. MemoryLimit is GOMEMLIMIT (since Go 1.19).
	GCPercent   int32  `rt:"gcPercent"`
	MemoryLimit int64  `rt:"memoryLimit,optional"`
	HeapMinimum uint64 `rt:"heapMinimum"`
	HeapLive    uint64 `rt:"heapLive"`
	HeapMarked  uint64 `rt:"heapMarked"`
	// Goal and Trigger are what Go 1.18 keeps ready; later versions work them
	// out of the next fields when they are asked for.
	Goal                uint64 `rt:"heapGoal,optional"`
	Trigger             uint64 `rt:"trigger,optional"`
	GCPercentHeapGoal   uint64 `rt:"gcPercentHeapGoal,optional"`
	SweepDistMinTrigger uint64 `rt:"sweepDistMinTrigger,optional"`
	// Triggered is the live heap at which the collection in progress was
	// triggered, all ones while there is none.
	Triggered uint64 `rt:"triggered,optional"`
	Runway    uint64 `rt:"runway,optional"`

	HeapFree    uint64 `rt:"heapFree,optional"`
	TotalAlloc  uint64 `rt:"totalAlloc,optional"`
	TotalFree   uint64 `rt:"totalFree,optional"`
	MappedReady uint64 `rt:"mappedReady,optional"`

	// BgScanCredit is the scan work that workers have done ahead, which
	// assists may take.
	BgScanCredit int64 `rt:"bgScanCredit"`
	// The times spent marking in this cycle, ns, in assists and by worker.
	AssistTime         int64 `rt:"assistTime"`
	DedicatedMarkTime  int64 `rt:"dedicatedMarkTime"`
	FractionalMarkTime int64 `rt:"fractionalMarkTime"`
	IdleMarkTime       int64 `rt:"idleMarkTime"`
	MarkStartTime      int64 `rt:"markStartTime"`
}

// GCSweep is the part of runtime.sweep that rtdbg reads (runtime.sweepdata,
// mgcsweep.go).
type GCSweep struct {
	G      mem.Addr `rt:"g"`
	Parked bool     `rt:"parked"`
	// State has sweepDrainedMask and the number of sweepers.
	State uint32 `rt:"active.state"`
}

// sweepDrainedMask is runtime.sweepDrainedMask (mgcsweep.go): nothing is left to
// sweep.
const sweepDrainedMask = 1 << 31

// Done reports whether nothing is left to begin with, Sweepers how many are at
// work.
func (s *GCSweep) Done() bool       { return s.State&sweepDrainedMask != 0 }
func (s *GCSweep) Sweepers() uint32 { return s.State &^ sweepDrainedMask }

// GCCleanups is the part of runtime.gcCleanups that rtdbg reads
// (runtime.cleanupQueue, mcleanup.go; since Go 1.25).
type GCCleanups struct {
	// Queued and Executed count those of the past (since Go 1.26); what Ps
	// that exist have queued is counted in P.CleanupsQueued.
	Queued   uint64 `rt:"queued,optional"`
	Executed uint64 `rt:"executed,optional"`
	// NG counts the goroutines that run cleanups, Running those of them that
	// are not asleep.
	NG      uint32 `rt:"ng"`
	Running uint32 `rt:"running"`
}

// finBlock is a block of finalizers (runtime.finBlock, mfinal.go). AllLink leads to
// the block that was made before it; Count is how many have not ended.
type finBlock struct {
	AllLink mem.Addr `rt:"alllink"`
	Count   uint32   `rt:"cnt"`
}

// WorldStop is runtime.stopTheWorldContext (runtime.worldStop, proc.go; since Go
// 1.22): the last stop of the world by way of runtime.stopTheWorldGC and the
// like. It is not cleared.
type WorldStop struct {
	Reason uint8 `rt:"reason"`
	// Start is the nanotime at which the stopping began.
	Start int64 `rt:"startedStopping|start"`
	// Finished is that at which all had stopped (since Go 1.23).
	Finished int64 `rt:"finishedStopping,optional"`
}

// readGlobal reads the variable called name, which symbol looks up, as T of the
// first of structures that there is.
func readGlobal[T any](r *Runtime, symbol func(string) (mem.Addr, bool), name, structures string) (T, error) {
	var v T
	a, ok := symbol(name)
	if !ok {
		return v, fmt.Errorf("%s: %w", name, ErrNoSymbol)
	}
	plan, err := layout.Bind[T](r.Layout, structures)
	if err != nil {
		return v, err
	}
	return v, plan.Read(r.Mem, a, &v)
}

// ErrNoSymbol says that a variable is not found: the program has been stripped,
// or its version has none.
var ErrNoSymbol = errors.New("no symbol leads to it")

// GC reads the variables of the garbage collector by symbol.
type GC struct {
	r      *Runtime
	symbol func(string) (mem.Addr, bool)
}

// GC returns the reader of the collector's variables.
func (r *Runtime) GC(symbol func(string) (mem.Addr, bool)) GC { return GC{r, symbol} }

// Work reads runtime.work.
func (c GC) Work() (GCWork, error) {
	return readGlobal[GCWork](c.r, c.symbol, "runtime.work", "runtime.workType|runtime.work")
}

// Controller reads runtime.gcController.
func (c GC) Controller() (GCController, error) {
	return readGlobal[GCController](c.r, c.symbol, "runtime.gcController", "runtime.gcControllerState")
}

// Sweep reads runtime.sweep.
func (c GC) Sweep() (GCSweep, error) {
	return readGlobal[GCSweep](c.r, c.symbol, "runtime.sweep", "runtime.sweepdata")
}

// Cleanups reads runtime.gcCleanups; ok is false before Go 1.25.
func (c GC) Cleanups() (q GCCleanups, ok bool, err error) {
	if c.r.Layout.Structs["runtime.cleanupQueue"] == nil {
		return q, false, nil
	}
	q, err = readGlobal[GCCleanups](c.r, c.symbol, "runtime.gcCleanups", "runtime.cleanupQueue")
	return q, true, err
}

// WorldStop reads runtime.stopTheWorldContext; ok is false before Go 1.22.
func (c GC) WorldStop() (w WorldStop, ok bool, err error) {
	if c.r.Layout.Structs["runtime.worldStop"] == nil {
		return w, false, nil
	}
	w, err = readGlobal[WorldStop](c.r, c.symbol, "runtime.stopTheWorldContext", "runtime.worldStop")
	return w, true, err
}

// phases are the words for the phases of a collection (runtime.gcphase, mgc.go).
var phases = [...]struct{ name, word string }{
	{"runtime._GCoff", "off"},
	{"runtime._GCmark", "mark"},
	{"runtime._GCmarktermination", "mark termination"},
}

// Phase reads runtime.gcphase.
func (c GC) Phase() (string, error) {
	n, err := c.uint32("runtime.gcphase")
	if err != nil {
		return "", err
	}
	for _, p := range phases {
		if v, ok := c.r.constant(p.name); ok && v == int64(n) {
			return p.word, nil
		}
	}
	return "", fmt.Errorf("runtime.gcphase is %d, which is no phase", n)
}

// Blackens reports whether goroutines must assist (runtime.gcBlackenEnabled).
func (c GC) Blackens() (bool, error) {
	n, err := c.uint32("runtime.gcBlackenEnabled")
	return n != 0, err
}

func (c GC) uint32(name string) (uint32, error) {
	a, ok := c.symbol(name)
	if !ok {
		return 0, fmt.Errorf("%s: %w", name, ErrNoSymbol)
	}
	var b [4]byte
	if err := c.r.Mem.ReadAt(b[:], a); err != nil {
		return 0, err
	}
	return c.r.Arch.Order.Uint32(b[:]), nil
}

// pointer reads the variable called name, an address.
func (c GC) pointer(name string) (mem.Addr, error) {
	a, ok := c.symbol(name)
	if !ok {
		return 0, fmt.Errorf("%s: %w", name, ErrNoSymbol)
	}
	w, err := c.r.ReadWord(a)
	return mem.Addr(w), err
}

// Fing returns the goroutine that runs finalizers, 0 before there is one.
func (c GC) Fing() (mem.Addr, error) { return c.pointer("runtime.fing") }

// Finalizers counts those that have not ended, with the one that is being run: in
// every block that there is, as the goroutine that runs them takes the whole queue
// away before it begins (runtime.runFinalizers, mfinal.go).
func (c GC) Finalizers() (int, error) {
	a, err := c.pointer("runtime.allfin")
	if err != nil {
		return 0, err
	}
	n := 0
	err = c.r.eachFinBlock(a, func(_ mem.Addr, b *finBlock) { n += int(b.Count) })
	return n, err
}

// HasFinBlock reports whether the block of finalizers at block is one of those that
// the list at head leads to (runtime.allfin).
func (r *Runtime) HasFinBlock(head, block mem.Addr) bool {
	found := false
	err := r.eachFinBlock(head, func(a mem.Addr, _ *finBlock) { found = found || a == block })
	return err == nil && found
}

// eachFinBlock calls visit with the blocks from head on.
func (r *Runtime) eachFinBlock(head mem.Addr, visit func(a mem.Addr, b *finBlock)) error {
	plan, err := layout.Bind[finBlock](r.Layout, "runtime.finBlock|runtime.finblock")
	if err != nil {
		return err
	}
	const maxBlocks = 1 << 20
	blocks := 0
	for a := head; a != 0; blocks++ {
		var b finBlock
		if err := plan.Read(r.Mem, a, &b); err != nil {
			return fmt.Errorf("runtime.allfin: %w", err)
		}
		if blocks == maxBlocks {
			return errors.New("runtime.allfin: the list loops")
		}
		visit(a, &b)
		a = b.AllLink
	}
	return nil
}

// AssistDebt returns what g owes the collector, in bytes that it may not
// allocate before it has marked for them: -gcAssistBytes (runtime.g). It is
// negative for credit.
func (r *Runtime) AssistDebt(g mem.Addr) (int64, error) {
	off, _, err := r.Layout.Offset("runtime.g", "gcAssistBytes")
	if err != nil {
		return 0, err
	}
	w, err := r.ReadWord(g + mem.Addr(off))
	return -int64(w), err
}

// PreemptStop reports whether g was asked to stop so that its stack can be read
// (runtime.suspendG, preempt.go).
func (r *Runtime) PreemptStop(g mem.Addr) bool { return r.flag(g, "runtime.g", "preemptStop") }

// RunsSafePoint reports whether p has yet to run the function of runtime.forEachP.
func (r *Runtime) RunsSafePoint(p mem.Addr) bool { return r.flag(p, "runtime.p", "runSafePointFn") }

// flag reports whether the first byte of a field of the structure at a is set.
func (r *Runtime) flag(a mem.Addr, structure, field string) bool {
	off, _, err := r.Layout.Offset(structure, field)
	var b [1]byte
	return err == nil && r.Mem.ReadAt(b[:], a+mem.Addr(off)) == nil && b[0] != 0
}

// gcWorkers are the words for the modes of the collector's workers (mgc.go).
var gcWorkers = [...]struct{ name, word string }{
	{"runtime.gcMarkWorkerDedicatedMode", "dedicated"},
	{"runtime.gcMarkWorkerFractionalMode", "fractional"},
	{"runtime.gcMarkWorkerIdleMode", "idle"},
}

// GCWorker returns the word for what the collector's worker on p is, "" if it
// has none at present.
func (r *Runtime) GCWorker(p *P) string {
	for _, w := range gcWorkers {
		if n, ok := r.constant(w.name); ok && n == p.GCMarkWorkerMode {
			return w.word
		}
	}
	return ""
}
