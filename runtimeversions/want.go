package runtimeversions

import (
	"slices"

	"rtdbg/inspect/layout"
)

// Want returns the names that the tables hold, for extraction from an
// executable's own DWARF with layout.FromDWARF: the structures, constants and
// variables that rtdbg reads, under every name they had since Go 1.18. A
// version has only some of them.
func Want() layout.Want {
	return layout.Want{Structs: wantStructs(), Consts: wantConsts(), Vars: wantVars()}
}

func wantStructs() []string {
	return slices.Concat(
		prefixed("runtime.", runtimeStructs()...),
		prefixed("internal/abi.",
			"Type", "ArrayType", "ChanType", "FuncType", "InterfaceType", "MapType", "OldMapType", "SwissMapType",
			"PtrType", "SliceType", "StructType", "StructField", "Method", "Imethod", "UncommonType", "ITab", "Name"),
		prefixed("internal/runtime/maps.", "Map", "table", "groupReference", "groupsReference", "Iter"),
		prefixed("internal/runtime/pprof/label.", "Set", "List"),
		prefixed("runtime/pprof.", "labelMap", "LabelSet", "label"),
		prefixed("sync.",
			"Mutex", "RWMutex", "WaitGroup", "Once", "Cond", "notifyList", "Pool", "poolLocal",
			"Map", "readOnly", "entry"),
		prefixed("internal/sync.", "Mutex",
			"HashTrieMap[interface {},interface {}]", "indirect[interface {},interface {}]",
			"node[interface {},interface {}]", "entry[interface {},interface {}]"),
		prefixed("sync/atomic.", "Value", "efaceWords"),
		prefixed("context.",
			"cancelCtx", "timerCtx", "valueCtx", "afterFuncCtx", "stopCtx", "withoutCancelCtx",
			"emptyCtx", "backgroundCtx", "todoCtx"),
		prefixed("internal/poll.", "FD", "fdMutex", "pollDesc"),
		prefixed("net.",
			"netFD", "conn", "TCPConn", "UDPConn", "UnixConn", "IPConn", "TCPListener", "UnixListener",
			"TCPAddr", "UDPAddr", "UnixAddr", "IPAddr", "pipe", "pipeDeadline"),
		prefixed("os.", "File", "file", "Process", "processHandle", "ProcessState"),
		prefixed("os/exec.", "Cmd", "ctxResult"),
		prefixed("os/signal.", "handler"),
		prefixed("time.", "Time", "Timer", "Ticker", "Location"),
		prefixed("container/list.", "List", "Element"),
		prefixed("io.", "pipe"),
		prefixed("internal/synctest.", "Bubble", "Association"),
	)
}

func runtimeStructs() []string {
	return []string{
		"g", "m", "p", "schedt", "gobuf", "stack", "gQueue", "gList", "lfnode", "mutex", "rwmutex", "note", "mWaitList",
		"coro", "ancestorInfo", "libcall", "gTraceState", "mTraceState", "pTraceState", "listHeadManual", "listNodeManual",
		"mWeakPointer", "xRegPerG", "xRegPerP",

		"hchan", "waitq", "sudog", "scase", "runtimeSelect", "maybeTraceablePtr", "maybeTraceableChan",
		"semaRoot", "semTable", "notifyList",

		"timer", "timers", "timerWhen", "timeTimer", "pollDesc", "pollCache", "pollInfo",
		"synctestBubble", "synctestGroup", "specialBubble",

		"moduledata", "modulehash", "pcHeader", "_func", "funcInfo", "functab", "findfuncbucket", "textsect",
		"inlinedCall", "bitvector", "stackmap", "stackObjectRecord", "ptabEntry", "itab", "itabTableType",
		"eface", "iface", "_type", "chantype", "functype", "structtype", "arraytype", "interfacetype", "maptype",
		"ptrtype", "slicetype", "uncommontype", "method", "imethod", "structfield", "name",
		"hmap", "bmap", "mapextra", "hiter",

		"_defer", "_panic", "sigctxt", "siginfo", "stackt",

		"forcegcstate", "scavengerState", "sweepdata", "sysmontick", "workType", "gcControllerState",
		"gcBgMarkWorkerNode", "gcCPULimiterState", "limiterEvent", "gcWork", "workbuf", "cleanupQueue", "cleanupBlock",
		"worldStop", "debugCallWrapArgs", "profBuf", "profBufReadMode",

		"mheap", "mspan", "mSpanList", "mcentral", "mcache", "heapArena", "mstats", "consistentHeapStats",
		"spanSet", "spanSetBlock", "markBits", "gcBits", "persistentAlloc", "fixalloc", "arenaHint",
		"special", "specialfinalizer", "specialCleanup", "specialWeakHandle", "specialprofile", "specialReachable",
		"specialPinCounter", "specialTinyBlock", "specialSecret", "specialCheckFinalizer", "finalizer", "finBlock", "finblock",
		"cleanupFn", "bucket", "memRecord", "blockRecord",
	}
}

func wantConsts() []string {
	return slices.Concat(
		prefixed("runtime.",
			"_G*", "_Pidle", "_Prunning", "_Psyscall*", "_Pgcstop", "_Pdead", "_Page*", "waitReason*",
			"timer*", "pd*", "poll*", "sigIdle", "sigReceiving", "sigSending", "sigFixup",
			"mSpan*", "spanAlloc*", "gcMark*", "gcDrain*", "stw*", "_Kind*", "_Special*", "mutex*",
			"semTabSize", "fing*", "throwType*", "taggedPointer*", "tagBits", "addrBits",
			"heapArenaBytes", "heapArenaBitmapWords", "arenaL1Bits", "arenaL2Bits", "pagesPerArena",
			// As a signed number: the constant is above the largest int64 on amd64.
			"arenaBaseOffsetUintptr", "maxAlloc",
			"pageSize", "pageShift", "heapAddrBits", "numSpanClasses", "minSizeForMallocHeader", "mallocHeaderSize",
			"maxSmallSize", "goroutineProfile*", "gTrackingPeriod", "freezeStopWait", "fixedStack", "stackSystem",
			"stackGuard", "_FixedStack", "_StackSystem", "_StackGuard", "funcID_*", "_FUNCDATA_*", "_PCDATA_*",
			"kind*", "tflag*", "minfunc", "pcbucketsize", "hchanSize", "cleanupBlockSize", "deadlock*",
			"capacityPerProc", "workbufAlloc", "_WorkbufSize", "spanSetBlockEntries", "spanSetInitSpineCap"),
		prefixed("internal/abi.",
			"FuncID_*", "FuncIDNormal", "FuncIDWrapper", "FuncFlag*", "FUNCDATA_*", "PCDATA_*", "UnsafePoint*",
			"TFlag*", "Kind*", "Invalid", "Bool", "Int*", "Uint*", "Float32", "Float64", "Complex64", "Complex128",
			"Array", "Chan", "Func", "Interface", "Map", "Pointer", "Slice", "String", "Struct", "UnsafePointer",
			"RecvDir", "SendDir", "BothDir", "InvalidDir", "MapGroupSlots", "SwissMap*", "OldMap*", "Map*",
			"MINFUNC", "MinFunc", "FuncTabBucketSize", "FuncTab*", "Go118PCLnTabMagic", "Go120PCLnTabMagic",
			"CurrentPCLnTabMagic"),
		prefixed("internal/runtime/gc.", "*"),
		prefixed("internal/runtime/maps.", "ctrl*", "maxTableCapacity", "groupSize*", "groupSlots*"),
		prefixed("internal/sync.", "mutex*", "starvationThresholdNs", "n*"),
		prefixed("sync.", "mutex*", "rwmutexMaxReaders", "waitGroup*", "starvationThresholdNs"),
		prefixed("internal/poll.", "mutex*", "pollErr*", "kind*"),
		prefixed("internal/cpu.", "CacheLinePadSize"),
		prefixed("internal/goarch.", "PtrSize", "MinFrameSize", "PCQuantum", "StackAlign"),
		prefixed("os.", "mode*", "kind*", "status*", "process*"),
		prefixed("time.", "hasMonotonic", "nsecMask", "nsecShift"),
	)
}

func wantVars() []string {
	return slices.Concat(
		prefixed("runtime.",
			"allgs", "allglen", "allgptr", "allglock", "allp", "allpLock", "allm", "sched", "semtable",
			"g0", "m0", "gomaxprocs", "ncpu", "numCPUStartup", "iscgo", "panicking", "mainStarted", "main_init_done",
			"runtimeInitTime", "faketime", "freezing", "buildVersion", "physPageSize", "debug",
			"gcphase", "gcBlackenEnabled", "writeBarrier", "worldsema", "gcsema", "metricsSema", "work", "gcController",
			"gcCPULimiter", "gcBgMarkWorkerPool", "gcBgMarkWorkerCount", "gcCleanups", "updateMaxProcsG",
			"forcegc", "sweep", "scavenge", "scavenger", "fing", "finq", "finc", "fingwait", "fingwake", "fingRunning",
			"fingStatus", "firstmoduledata", "lastmoduledatap", "modulesSlice", "itabTable",
			"pollcache", "epfd", "netpollWaiters", "netpollInited", "netpollEventFd", "netpollBreakRd", "netpollBreakWr",
			"netpollWakeSig", "memstats", "mheap_", "sig", "newmHandoff", "newprocs", "stopTheWorldContext", "trace",
			"extram", "extraM", "extraMLength", "extraMInUse", "goroutineProfile",
			"traceAdvanceSema", "traceShutdownSema", "cpuprof", "deadlock", "isWaitingForSuspendG", "isIdleInSynctest",
			"waitReasonStrings", "gStatusStrings", "stwReasonStrings",
			"gcMarkWorkerModeStrings", "inForkedChild", "secureMode", "panicnil"),
		prefixed("os/signal.", "handlers", "watchSignalLoop"),
		prefixed("time.", "startNano"),
		prefixed("context.", "closedchan", "cancelCtxKey"),
		prefixed("sync.", "expunged"),
	)
}

// prefixed puts a package before each name.
func prefixed(pkg string, names ...string) []string {
	full := make([]string, len(names))
	for i, n := range names {
		full[i] = pkg + n
	}
	return full
}
