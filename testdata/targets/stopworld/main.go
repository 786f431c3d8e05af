// Stopworld is caught while it stops the world. It must be run with
// GODEBUG=asyncpreemptoff=1 and GOGC=off.
//
// stopper.goid calls runtime.ReadMemStats, or runtime.Stack with -how=c.
//
//	-how=loop  culprit.goid is in a loop without a call, for good
//	-how=none  there is none, and the world runs
//	-how=c     all have stopped, and the stopper, which prints the stacks, is
//	           in a C function that describes C frames and does not return
//	           (needs cgo)
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"rtdbgtargets/internal/truth"
)

var (
	spinning int32
	spins    uint64
	stats    runtime.MemStats
)

func loop(id chan<- int64) {
	id <- truth.Goid()
	atomic.StoreInt32(&spinning, 1)
	for {
		spins++
	}
}

// say prints the last lines without the scheduler.
func say(text string) {
	b := []byte(text + fmt.Sprintf("pid=%d\ngo=%s\nready\n", os.Getpid(), runtime.Version()))
	syscall.RawSyscall(syscall.SYS_WRITE, 1, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
}

func main() {
	how := flag.String("how", "loop", "who keeps the world")
	flag.Parse()
	truth.LimitTo(5 * 60) // it takes a processor
	runtime.GOMAXPROCS(3)
	me := fmt.Sprintf("stopper.goid=%d\n", truth.Goid())
	id := make(chan int64)
	switch *how {
	case "loop":
		go loop(id)
		culprit := <-id
		truth.Until(&spinning)
		say(me + fmt.Sprintf("culprit.goid=%d\n", culprit))
		runtime.ReadMemStats(&stats)
	case "c":
		stuckInC(func() { say(me) })
	case "none":
		runtime.ReadMemStats(&stats)
		truth.Set("stopper.goid", truth.Goid())
		truth.Park()
	}
	truth.Fatal("the world was stopped")
}
