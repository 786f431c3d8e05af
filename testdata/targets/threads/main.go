// Threads has threads that have nothing left to do: ended.thread is the main thread,
// whose goroutine has ended while it was locked to it, idle of them ran goroutines on
// Ps that were taken away since. With cgo, returned.thread is one that C made, which
// has called Go and is in C again.
package main

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"rtdbgtargets/internal/truth"
)

const procs = 4

var running, stop int32

// init locks main to the main thread.
func init() { runtime.LockOSThread() }

func main() {
	truth.Limit()
	truth.Set("ended.thread", syscall.Gettid())
	go rest()
	runtime.Goexit()
}

func rest() {
	runtime.GOMAXPROCS(procs)
	for i := 1; i < procs; i++ {
		go func() {
			atomic.AddInt32(&running, 1)
			for atomic.LoadInt32(&stop) == 0 {
			}
		}()
	}
	for atomic.LoadInt32(&running) < procs-1 {
		time.Sleep(time.Millisecond)
	}
	runtime.GOMAXPROCS(1)
	atomic.StoreInt32(&stop, 1)
	returnToC()
	truth.Park()
}
