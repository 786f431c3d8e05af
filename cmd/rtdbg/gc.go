package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The garbage that may lie around in a process that lives for a second or two,
// in bytes, and the bounds of GOGC that follow from it: collecting less often
// saves a third of the time on small targets, and on large ones the memory
// counts.
const (
	garbage = 96 << 20
	minGOGC = 40
	maxGOGC = 400
	// Up to this size the heap may grow to twice what is live: with the pages
	// of the core that are mapped, a million goroutines are to take 1.2 GB.
	roomy = 850 << 20
	// Up to this size, and a fifth of the core's, nothing is collected. Early
	// collections find little garbage, and look at large tables that are yet
	// to be filled: the kernel then maps each of their pages twice.
	untouched = 96 << 20
)

// tuneGC lets the garbage collector run as seldom as the memory allows, unless
// the user has set GOGC or GOMEMLIMIT.
func tuneGC() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(untouched)
	tuneAfterEachGC(-1)
}

// expectCore makes room for what a core of so many bytes takes, unless the user
// has set a limit or something has been collected already.
func expectCore(size int64) {
	if debug.SetMemoryLimit(-1) == untouched {
		debug.SetMemoryLimit(untouched + size/5)
	}
}

// tuneAfterEachGC sets GOGC anew after the next garbage collection, which is
// when an object that nobody refers to is finalized.
func tuneAfterEachGC(percent int) {
	sentinel := new([64]byte)
	runtime.AddCleanup(sentinel, func(percent int) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		if live[0].Value.Kind() == metrics.KindUint64 {
			if want := gcPercent(live[0].Value.Uint64()); want*10 < percent*9 || want*9 > percent*10 {
				debug.SetGCPercent(want)
				debug.SetMemoryLimit(math.MaxInt64)
				percent = want
			}
		}
		tuneAfterEachGC(percent)
	}, percent)
}

// gcPercent is the GOGC for so many bytes of live heap.
func gcPercent(live uint64) int {
	live = max(live, 1)
	room := uint64(0)
	if live < roomy {
		room = min((roomy-live)*100/live, 100)
	}
	return int(min(max(garbage*100/live, room, minGOGC), maxGOGC))
}
