package wait

// Row says, for one wait reason, what is waited on and who ends it.
type Row struct {
	// Reason is the runtime's string (waitReasonStrings, runtime2.go), in
	// every spelling that a supported version has.
	Reason string
	Kind   Kind
	Op     Op
	Class  Class
	// Who says in words who ends the wait, for reasons without an object.
	Who string
	// find completes the answer from the runtime's structures; nil where
	// the reason says all.
	find finder
	// ref is a Ref of the row's kind and operation.
	ref Ref
}

// Rows returns every wait reason that rtdbg knows. A reason that a runtime has
// and this list lacks is a failing test.
func Rows() []Row {
	return []Row{
		{Reason: "", Kind: Runtime, Op: Wait, Class: ByRuntime, Who: "unknown: the goroutine parked without a reason"},
		{Reason: "chan receive", Kind: Chan, Op: Recv, Class: ByGoroutine, find: findChans},
		{Reason: "chan send", Kind: Chan, Op: Send, Class: ByGoroutine, find: findChans},
		{Reason: "select", Kind: Chan, Op: Recv, Class: ByGoroutine, find: findChans},
		{Reason: "chan receive (nil chan)", Kind: Chan, Op: Recv, Class: ByNobody, Who: "nobody: the channel is nil", find: findNilChan},
		{Reason: "chan send (nil chan)", Kind: Chan, Op: Send, Class: ByNobody, Who: "nobody: the channel is nil", find: findNilChan},
		{Reason: "select (no cases)", Kind: Runtime, Op: Wait, Class: ByNobody, Who: "nobody: the select has no cases", find: findNothing},
		{Reason: "chan receive (synctest)", Kind: Chan, Op: Recv, Class: ByGoroutine, find: findChans},
		{Reason: "chan send (synctest)", Kind: Chan, Op: Send, Class: ByGoroutine, find: findChans},
		{Reason: "select (synctest)", Kind: Chan, Op: Recv, Class: ByGoroutine, find: findChans},
		{Reason: "chan receive (durable)", Kind: Chan, Op: Recv, Class: ByGoroutine, find: findChans},
		{Reason: "chan send (durable)", Kind: Chan, Op: Send, Class: ByGoroutine, find: findChans},
		{Reason: "select (durable)", Kind: Chan, Op: Recv, Class: ByGoroutine, find: findChans},

		{Reason: "sync.Mutex.Lock", Kind: Mutex, Op: Lock, Class: ByGoroutine, find: findSema},
		{Reason: "sync.RWMutex.RLock", Kind: RWMutex, Op: RLock, Class: ByGoroutine, find: findSema},
		{Reason: "sync.RWMutex.Lock", Kind: RWMutex, Op: Lock, Class: ByGoroutine, find: findSema},
		{Reason: "sync.WaitGroup.Wait", Kind: WaitGroup, Op: Wait, Class: ByGoroutine, find: findSema},
		{Reason: "sync.WaitGroup.Wait (durable)", Kind: WaitGroup, Op: Wait, Class: ByGoroutine, find: findSema},
		{Reason: "semacquire", Kind: Sema, Op: Wait, Class: ByGoroutine, find: findSema},
		{Reason: "sync.Cond.Wait", Kind: Cond, Op: Wait, Class: ByGoroutine, find: findCond},

		{Reason: "sleep", Kind: Timer, Op: Sleep, Class: ByTime, find: findSleep},
		{Reason: "IO wait", Kind: PollFD, Op: Read, Class: ByNetwork, find: findPollDesc},
		{Reason: "coroutine", Kind: Coro, Op: Resume, Class: ByGoroutine, find: findCoro},
		{Reason: "synctest.Run", Kind: Bubble, Op: Wait, Class: ByGoroutine, Who: "the runtime, when every goroutine of the bubble is durably blocked", find: findBubble},
		{Reason: "synctest.Wait", Kind: Bubble, Op: Wait, Class: ByGoroutine, Who: "the runtime, when every other goroutine of the bubble is durably blocked", find: findBubble},

		{Reason: "GC assist marking", Kind: GC, Op: Wait, Class: Executing, Who: "it is marking, in payment for its allocations"},
		{Reason: "GC assist wait", Kind: GC, Op: Wait, Class: ByGC, Who: "the garbage collector's workers, by earning scan credit, or the end of the mark phase"},
		{Reason: "GC sweep wait", Kind: GC, Op: Wait, Class: ByGC, Who: "the next garbage collection"},
		{Reason: "GC scavenge wait", Kind: GC, Op: Wait, Class: ByRuntime, Who: "sysmon, when memory is to be returned"},
		{Reason: "GC worker (idle)", Kind: GC, Op: Wait, Class: ByGC, Who: "the scheduler, in a mark phase"},
		{Reason: "GC worker (active)", Kind: GC, Op: Wait, Class: Executing, Who: "it is marking"},
		{Reason: "GC mark termination", Kind: GC, Op: Wait, Class: Executing, Who: "it is ending the mark phase"},
		{Reason: "GC weak to strong wait", Kind: GC, Op: Wait, Class: ByGC, Who: "the end of the attempt to end the mark phase"},
		{Reason: "garbage collection", Kind: GC, Op: Wait, Class: Executing, Who: "it runs the garbage collector"},
		{Reason: "garbage collection scan", Kind: GC, Op: Wait, Class: Executing, Who: "it scans a stack"},
		{Reason: "wait for GC cycle", Kind: GC, Op: Wait, Class: ByGC, Who: "the end of a garbage collection cycle"},
		{Reason: "finalizer wait", Kind: GC, Op: Wait, Class: ByGC, Who: "the scheduler, when finalizers are queued"},
		{Reason: "cleanup wait", Kind: GC, Op: Wait, Class: ByGC, Who: "the scheduler, when cleanups are queued"},
		{Reason: "force gc (idle)", Kind: GC, Op: Wait, Class: ByRuntime, Who: "sysmon, when two minutes passed without a garbage collection"},
		{Reason: "stopping the world", Kind: Runtime, Op: Wait, Class: Executing, Who: "the Ps that have not stopped yet"},
		{Reason: "flushing proc caches", Kind: Runtime, Op: Wait, Class: Executing, Who: "the Ps that have not reached a safepoint yet"},
		{Reason: "trace goroutine status", Kind: Runtime, Op: Wait, Class: Executing, Who: "it is tracing"},
		{Reason: "trace proc status", Kind: Runtime, Op: Wait, Class: Executing, Who: "it is tracing"},
		{Reason: "page trace flush", Kind: Runtime, Op: Wait, Class: Executing, Who: "it is tracing"},
		{Reason: "trace reader (blocked)", Kind: Runtime, Op: Wait, Class: ByRuntime, Who: "the scheduler, when trace data is ready"},
		{Reason: "dumping heap", Kind: Runtime, Op: Wait, Class: Executing, Who: "it writes a heap dump"},
		{Reason: "panicwait", Kind: Runtime, Op: Wait, Class: ByNobody, Who: "nobody: the process is about to exit"},
		{Reason: "preempted", Kind: Runtime, Op: Resume, Class: ByRuntime, Who: "the runtime code that suspended it"},
		{Reason: "debug call", Kind: Runtime, Op: Resume, Class: ByRuntime, Who: "the debugger that injected a call"},
		{Reason: "GOMAXPROCS updater (idle)", Kind: Runtime, Op: Wait, Class: ByRuntime, Who: "sysmon, when the CPU limit changes"},
		{Reason: "timer goroutine (idle)", Kind: Timer, Op: Wait, Class: ByNobody, Who: "nobody: unused since Go 1.14"},
	}
}
