package rt

import (
	"fmt"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// G is a goroutine descriptor (runtime.g, runtime2.go). The fields are those
// of the runtime; addresses are the target's. A program has up to millions of
// them, so what is 0 in most parked goroutines stands in a GRare that those
// share which have it in common. A G comes from ReadG or AllGs; the zero G has
// no GRare and must not be used.
type G struct {
	*GRare `rt:"-"`
	Addr   mem.Addr `rt:"-"`

	// StackLo and StackHi bound the goroutine's stack, [lo, hi).
	StackLo mem.Addr `rt:"stack.lo"`
	StackHi mem.Addr `rt:"stack.hi"`
	// SchedPC and SchedSP are the registers saved by gopark, mcall or
	// systemstack (g.sched); stale while it runs.
	SchedSP mem.Addr `rt:"sched.sp"`
	SchedPC mem.Addr `rt:"sched.pc"`

	Goid uint64 `rt:"goid"`
	// SchedLink is the next goroutine in the list that it stands in; stale
	// when it stands in none.
	SchedLink mem.Addr `rt:"schedlink"`
	// WaitSince is the nanotime of the start of the first garbage
	// collection that found the goroutine parked (ns); 0 before that.
	WaitSince int64 `rt:"waitsince"`

	// GoPC is the pc after the go statement that made the goroutine,
	// StartPC the entry of its function; ParentGoid (since Go 1.21) the
	// goroutine that executed the go statement.
	GoPC       mem.Addr `rt:"gopc"`
	StartPC    mem.Addr `rt:"startpc"`
	ParentGoid uint64   `rt:"parentGoid,optional"`

	// Waiting is the list of sudogs, in lock order. Since Go 1.26 it is
	// also set for semaphores and Cond, where the list runs on into other
	// goroutines' sudogs.
	Waiting mem.Addr `rt:"waiting"`
	// Defer is the list of pending deferred calls that are recorded on it.
	Defer mem.Addr `rt:"_defer"`

	AtomicStatus uint32 `rt:"atomicstatus"`
	// Index is the place among the goroutines that AllGs returned.
	Index uint32 `rt:"-"`
	// WaitReason is the number of the wait reason: stale unless the status
	// is waiting or leaked, and different in meaning between Go versions.
	WaitReason uint8 `rt:"waitreason"`
}

// GRare are the fields of a goroutine descriptor that are 0 for most parked
// goroutines. It is shared and must not be changed.
type GRare struct {
	// M is the thread that runs the goroutine, 0 when it is parked.
	M mem.Addr `rt:"m"`
	// SchedLR is the link register of g.sched, on architectures that have
	// one.
	SchedLR mem.Addr `rt:"sched.lr"`
	// SchedCtxt is the closure that the goroutine continues in, or 0.
	SchedCtxt mem.Addr `rt:"sched.ctxt"`
	// SyscallSP and SyscallPC are where the goroutine entered a system
	// call or C; 0 otherwise.
	SyscallSP mem.Addr `rt:"syscallsp"`
	SyscallPC mem.Addr `rt:"syscallpc"`
	// LockedM is the thread that this goroutine is locked to, or 0.
	LockedM mem.Addr `rt:"lockedm"`
	Labels  mem.Addr `rt:"labels"`

	// Timer is the goroutine's own timer, of time.Sleep.
	Timer mem.Addr `rt:"timer"`
	// SleepWhen is the nanotime at which a sleep ends (since Go 1.23).
	SleepWhen int64 `rt:"sleepWhen,optional"`

	// CoroArg is the coro that a coroutine starts with (since Go 1.22).
	CoroArg mem.Addr `rt:"coroarg,optional"`
	// Bubble is the synctest bubble (1.25+) or group (1.24).
	Bubble mem.Addr `rt:"bubble|syncGroup,optional"`

	// Tracking says that TrackingStamp (ns, nanotime) is the time of the
	// last change of status; one goroutine in eight is tracked.
	Tracking      uint8 `rt:"tracking"`
	TrackingStamp int64 `rt:"trackingStamp|runnableStamp"`
}

// gScan is the bit that the garbage collector sets in g.atomicstatus while it
// owns the goroutine's stack (runtime2.go, _Gscan); constant since Go 1.4.
const gScan = 0x1000

// StatusNumber returns the status without the scan bit.
func (g *G) StatusNumber() uint32 { return g.AtomicStatus &^ gScan }

// Scanning reports whether the garbage collector owns the stack.
func (g *G) Scanning() bool { return g.AtomicStatus&gScan != 0 }

// Status returns the runtime's word for the goroutine's status.
func (r *Runtime) Status(g *G) Status { return r.status(g.StatusNumber()) }

// WaitReason returns the runtime's string for why g is parked, "" unless its
// status is waiting or leaked.
func (r *Runtime) WaitReason(g *G) string {
	switch r.Status(g) {
	case Waiting, Leaked:
	default:
		return ""
	}
	if int(g.WaitReason) < len(r.waitReasons) {
		return r.waitReasons[g.WaitReason]
	}
	return fmt.Sprintf("unknown wait reason %d", g.WaitReason)
}

// Parked reports whether g is off its thread and waits to be made ready. A
// goroutine whose status is waiting but that has an M is executing runtime
// code on the system stack (a garbage collection worker, for example).
func (r *Runtime) Parked(g *G) bool {
	switch r.Status(g) {
	case Waiting, Leaked:
		return g.M == 0
	}
	return false
}

// readSliceAt reads the slice header at a.
func (r *Runtime) readSliceAt(a mem.Addr) (layout.Slice, error) {
	w, err := r.readWords(a, 3)
	if err != nil {
		return layout.Slice{}, err
	}
	return layout.Slice{Ptr: w[0], Len: w[1], Cap: w[2]}, nil
}

// StackRoots returns the values outside of frames that may point into g's
// stack or keep objects alive for it: the context of its saved registers and
// the functions of its pending defers (runtime.scanstack).
func (r *Runtime) StackRoots(g *G) []mem.Addr {
	var roots []mem.Addr
	if g.SchedCtxt != 0 {
		roots = append(roots, g.SchedCtxt)
	}
	// What could be read counts, whether there was an error or not.
	_ = r.Defers(g, func(d Defer) {
		if d.Fn != 0 {
			roots = append(roots, d.Fn)
		}
	})
	return roots
}

// IdleInSynctest reports whether waiting for g's reason counts as durably
// blocked in a synctest bubble (runtime.isIdleInSynctest, runtime2.go; 1.25+).
func (r *Runtime) IdleInSynctest(g *G) bool {
	switch r.WaitReason(g) {
	case "chan receive (nil chan)", "chan send (nil chan)", "select (no cases)", "sleep", "sync.Cond.Wait",
		"sync.WaitGroup.Wait (durable)", "coroutine", "synctest.Run", "synctest.Wait",
		"chan receive (durable)", "chan send (durable)", "select (durable)":
		return true
	}
	return false
}

// TracebackLabels reads the GODEBUG setting tracebacklabels (runtime.debug,
// runtime1.go; since Go 1.26); ok is false where it was not found.
func (r *Runtime) TracebackLabels() (on, ok bool) {
	return r.godebug(r.Globals.Debug, "tracebacklabels")
}

// AsyncPreemptOff reads the GODEBUG setting asyncpreemptoff from runtime.debug,
// which lies at debug.
func (r *Runtime) AsyncPreemptOff(debug mem.Addr) (on, ok bool) {
	return r.godebug(debug, "asyncpreemptoff")
}

// godebug reports whether a setting of runtime.debug, at debug, is 1.
func (r *Runtime) godebug(debug mem.Addr, name string) (on, ok bool) {
	off, size, err := r.Layout.Offset("runtime.debug", name)
	if err != nil || size < 4 || debug == 0 {
		return false, false
	}
	var b [4]byte
	if err := r.Mem.ReadAt(b[:], debug+mem.Addr(off)); err != nil {
		return false, false
	}
	return r.Arch.Order.Uint32(b[:]) == 1, true
}

// TracebackLevel reads the level that GOTRACEBACK gave the target (1 for single
// and all, 2 for system and crash, 0 for none; runtime.gotraceback, runtime1.go);
// ok is false where it was not found.
func (r *Runtime) TracebackLevel() (level int, ok bool) {
	if r.Globals.TracebackCache == 0 {
		return 0, false
	}
	var b [4]byte
	if err := r.Mem.ReadAt(b[:], r.Globals.TracebackCache); err != nil {
		return 0, false
	}
	const shift = 2 // tracebackShift
	return int(r.Arch.Order.Uint32(b[:]) >> shift), true
}
