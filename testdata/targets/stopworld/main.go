// Stopworld is caught while it stops the world, which it does after it said that it
// is ready: wait until it does. It must be run with GOGC=off, and
// with GODEBUG=asyncpreemptoff=1 for loop and nosplit.
//
// stopper.goid calls runtime.ReadMemStats, or runtime.Stack with -how=c.
// culprit.goid does not stop, for good:
//
//	-how=loop      it is in a loop without a call
//	-how=blocked   the same, and its thread blocks the signal that preempts
//	-how=nosplit   it is in one in a function that is nosplit
//	-how=assembly  it is in one in assembly
//	-how=pinned    it is in one, with its M pinned (runtime.procPin)
//	-how=print     it is in print, and so is waiter.goid: standard error is a
//	               pipe that is full
//	-how=copy      it copies much memory over and over, and the stopper stops
//	               the world as often
//	-how=moments   there is none for long: some yield, and one makes system
//	               calls, while the stopper stops the world over and over
//	-how=none      there is none, and the world runs
//	-how=c         all have stopped, and the stopper, which prints the stacks, is
//	               in a C function that describes C frames and does not return
//	               (needs cgo)
//
// queued.goid waits in the run queue of the stopper's P with a loop and with c:
// nothing runs it any more.
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
	"rtdbgtargets/stopworld/spin"
)

var (
	spinning int32
	spins    uint64
	stats    runtime.MemStats
)

func forever() {
	for {
		spins++
	}
}

// culprits are what does not stop, by -how.
var culprits = map[string]func(){
	"loop": forever, "pinned": spin.Pinned, "nosplit": spin.NoSplit, "assembly": spin.Assembly,
	"blocked": func() { block(); forever() },
}

// block blocks the signal that preempts goroutines.
func block() {
	runtime.LockOSThread()
	set := uint64(1) << (syscall.SIGURG - 1)
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, 0, uintptr(unsafe.Pointer(&set)), 0, unsafe.Sizeof(set), 0, 0)
	if errno != 0 {
		truth.Fatal("rt_sigprocmask: %v", errno)
	}
}

func keep(id chan<- int64, how func()) {
	id <- truth.Goid()
	atomic.StoreInt32(&spinning, 1)
	how()
}

// copies copies: memmove comes to no safe point before it is done.
func copies(id chan<- int64) {
	from, to := make([]byte, 1<<28), make([]byte, 1<<28)
	id <- truth.Goid()
	for {
		copy(to, from)
	}
}

func queued(id chan<- int64, wake <-chan int) {
	id <- truth.Goid()
	<-wake
	select {}
}

// stopBehind has a goroutine that does not stop, and one in the run queue, when it
// stops the world.
func stopBehind(me string, loop func()) {
	id, wake := make(chan int64), make(chan int)
	go queued(id, wake)
	behind := <-id
	truth.Await(behind, "chan receive")
	// Neither of the two Ps is idle: nobody takes what is queued.
	runtime.GOMAXPROCS(2)
	go keep(id, loop)
	text := lines(me + fmt.Sprintf("culprit.goid=%d\nqueued.goid=%d\n", <-id, behind))
	for atomic.LoadInt32(&spinning) == 0 {
	}
	write(text)
	// What is queued stays so if this goroutine does not yield any more: sysmon
	// asks for that 10 ms after it began to run.
	runtime.Gosched()
	wake <- 1
	runtime.ReadMemStats(&stats)
}

// lines are text and the last lines that a target prints.
func lines(text string) []byte {
	return []byte(text + fmt.Sprintf("pid=%d\ngo=%s\nready\n", os.Getpid(), runtime.Version()))
}

// write prints without the scheduler.
func write(b []byte) {
	syscall.RawSyscall(syscall.SYS_WRITE, 1, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
}

func yields() {
	for {
		runtime.Gosched()
	}
}

// naps is in a system call most of the time, each too short for sysmon to notice.
func naps() {
	for {
		nap := syscall.Timespec{Nsec: 200e3}
		syscall.Nanosleep(&nap, nil)
	}
}

func say(text string) { write(lines(text)) }

func main() {
	how := flag.String("how", "loop", "who keeps the world")
	flag.Parse()
	truth.LimitTo(5 * 60) // it takes a processor
	runtime.GOMAXPROCS(3)
	me := fmt.Sprintf("stopper.goid=%d\n", truth.Goid())
	if loop := culprits[*how]; loop != nil {
		stopBehind(me, loop)
	}
	switch *how {
	case "print":
		printer, waiter := printing()
		say(me + fmt.Sprintf("culprit.goid=%d\nwaiter.goid=%d\n", printer, waiter))
		runtime.ReadMemStats(&stats)
	case "c":
		runtime.GOMAXPROCS(1)
		id, wake := make(chan int64), make(chan int)
		go queued(id, wake)
		behind := <-id
		truth.Await(behind, "chan receive")
		text := lines(me + fmt.Sprintf("queued.goid=%d\n", behind))
		stuckInC(func() {
			write(text)
			runtime.Gosched()
			wake <- 1
		})
	case "copy":
		id := make(chan int64)
		go copies(id)
		say(me + fmt.Sprintf("culprit.goid=%d\n", <-id))
		for {
			runtime.ReadMemStats(&stats)
		}
	case "moments":
		for i := 0; i < 3; i++ {
			go yields()
		}
		go naps()
		say(me)
		for {
			runtime.ReadMemStats(&stats)
		}
	case "none":
		runtime.ReadMemStats(&stats)
		truth.Set("stopper.goid", truth.Goid())
		truth.Park()
	}
	truth.Fatal("the world was stopped")
}
