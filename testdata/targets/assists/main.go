// Assists is caught in the mark phase: a goroutine that cannot be preempted
// keeps the collector from scanning its stack, and those that allocate wait for
// credit, once it spins. It begins to spin when marking has begun, and roots says how long that
// may take: until the collector has gone through them it does not look at stacks.
// Should it be faster, the allocators wait to end the phase instead.
// It must be run with GODEBUG=asyncpreemptoff=1, and from Go 1.23 on be built
// with -ldflags=-checklinkname=0.
//
// spinner.goid does not let go of its P; allocator.goids allocate.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"unsafe"

	"rtdbgtargets/internal/truth"
)

//go:linkname gcBlackenEnabled runtime.gcBlackenEnabled
var gcBlackenEnabled uint32

const allocators = 6

// most is how much an allocator allocates at the most, in nodes.
const most = 20000

type node struct {
	next *node
	pad  [1000]byte
}

var (
	keep  [1000]*node
	sink  [allocators]*node
	roots [16 << 20]*node
	start int32
	spins uint64
)

func allocator(i int, id chan<- int64) {
	id <- truth.Goid()
	for atomic.LoadInt32(&start) == 0 {
		runtime.Gosched()
	}
	for n := 0; n < most; n++ {
		sink[i] = new(node)
	}
	truth.Fatal("an allocator need not wait")
}

func main() {
	truth.LimitTo(5 * 60) // it takes a processor
	runtime.GOMAXPROCS(4)
	debug.SetGCPercent(-1)
	for i := range keep {
		keep[i] = new(node)
	}
	roots[len(roots)-1] = keep[0]
	id := make(chan int64)
	ids := make([]int64, allocators)
	for i := range ids {
		go allocator(i, id)
		ids[i] = <-id
	}
	truth.List("allocator.goids", ids)
	said := []byte(fmt.Sprintf("spinner.goid=%d\npid=%d\ngo=%s\nready\n", truth.Goid(), os.Getpid(), runtime.Version()))
	// Without a goal nobody would have to pay.
	debug.SetGCPercent(10)
	go runtime.GC()
	for atomic.LoadUint32(&gcBlackenEnabled) == 0 {
		runtime.Gosched()
	}
	atomic.StoreInt32(&start, 1)
	syscall.RawSyscall(syscall.SYS_WRITE, 1, uintptr(unsafe.Pointer(&said[0])), uintptr(len(said)))
	for {
		spins++
	}
}
