// Scheduler is a program whose threads do different things and go on doing
// them: nothing in it moves, once it is ready. It must be run with
// GODEBUG=asyncpreemptoff=1 and GOGC=off.
//
// spinner runs without a call; syscall and locked.syscall are in read(2) for
// good, the latter locked to its thread; locked is locked to its thread and
// receives from a channel; sleeper.goids sleep for one, two and three hours.
package main

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"rtdbgtargets/internal/truth"
)

var (
	spins    uint64
	spinning int32
	reading  [2]int32
)

func spinner(id chan<- int64) {
	id <- truth.Goid()
	atomic.StoreInt32(&spinning, 1)
	for {
		spins++
	}
}

// read reads from a pipe to which nobody writes. The runtime does not know the
// descriptor, so the thread is in the system call.
func read(id chan<- int64, lock bool, flag *int32) {
	if lock {
		runtime.LockOSThread()
	}
	var p [2]int
	truth.Check(syscall.Pipe(p[:]))
	id <- truth.Goid()
	atomic.StoreInt32(flag, 1)
	var b [1]byte
	_, err := syscall.Read(p[0], b[:])
	truth.Fatal("read returned: %v", err)
}

func locked(id chan<- int64, wake <-chan int) {
	runtime.LockOSThread()
	id <- truth.Goid()
	<-wake
}

func sleeper(id chan<- int64, d time.Duration) {
	id <- truth.Goid()
	time.Sleep(d)
}

func main() {
	truth.Limit()
	runtime.GOMAXPROCS(4)
	id := make(chan int64)
	var sleepers []int64
	for i := 1; i <= 3; i++ {
		go sleeper(id, time.Duration(i)*time.Hour)
		sleepers = append(sleepers, <-id)
	}
	truth.List("sleeper.goids", sleepers)
	go locked(id, make(chan int))
	parked := <-id
	truth.Set("locked.goid", parked)
	go read(id, false, &reading[0])
	inSyscall := <-id
	truth.Set("syscall.goid", inSyscall)
	go read(id, true, &reading[1])
	lockedInSyscall := <-id
	truth.Set("locked.syscall.goid", lockedInSyscall)
	for _, goid := range sleepers {
		truth.Await(goid, "sleep")
	}
	truth.Await(parked, "chan receive")
	truth.Await(inSyscall, "syscall")
	truth.Await(lockedInSyscall, "syscall")
	// From here on the world could not be stopped any more.
	go spinner(id)
	truth.Set("spinner.goid", <-id)
	truth.Until(&spinning)
	truth.Park()
}
