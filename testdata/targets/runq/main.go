// Runq has a known set of runnable goroutines in a known order: all Ps run
// goroutines that cannot be preempted, so that nothing is scheduled any more.
//
// runnable.goids are made ready in this order by main, which then spins: on
// its P the last is runnext, those before are in the local run queue, and
// when there are more than the 256 that it holds, runqputslow moved the older
// half of it to the global queue, with the one that did not fit. With -procs=1
// there is no other P; with -locked the first is locked to its thread, and with
// -gosched, which needs -procs=1, they have yielded in the order that is printed.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"

	"rtdbgtargets/internal/truth"
)

// attempts is the environment variable that counts the program's starts.
const attempts = "RUNQ_ATTEMPTS"

// emulator is the environment variable with the command, and its flags, that
// runs this program; empty when the kernel does.
const emulator = "TARGET_EMULATOR"

// restart runs the program anew, without preemption of loops that have no
// calls, and without the collector, whose goroutines would become runnable
// too.
func restart() {
	n, _ := strconv.Atoi(os.Getenv(attempts))
	if n == 20 {
		truth.Fatal("runnable goroutines ran in every attempt")
	}
	const noPreempt = "asyncpreemptoff=1"
	debug := os.Getenv("GODEBUG")
	if !strings.Contains(debug, noPreempt) {
		debug = strings.TrimPrefix(debug+","+noPreempt, ",")
	}
	for name, value := range map[string]string{"GODEBUG": debug, "GOGC": "off", attempts: strconv.Itoa(n + 1)} {
		truth.Check(os.Setenv(name, value))
	}
	exe, err := os.Executable()
	truth.Check(err)
	// A program of another architecture is run by its emulator.
	argv := append(strings.Fields(os.Getenv(emulator)), exe)
	argv = append(argv, os.Args[1:]...)
	truth.Check(syscall.Exec(argv[0], argv, os.Environ()))
}

var (
	spins    [8]uint64
	spinning int32
	ran      int32
	// order are the goroutines as they yielded.
	order []int64
)

func other(i int, id chan<- int64) {
	id <- truth.Goid()
	atomic.AddInt32(&spinning, 1)
	for {
		spins[i]++
	}
}

// yielder yields, and then must never run.
func yielder() {
	order = append(order, truth.Goid())
	runtime.Gosched()
	atomic.AddInt32(&ran, 1)
}

// runnable waits to be made ready, and then must never run.
func runnable(id chan<- int64, wake <-chan struct{}, lock bool) {
	if lock {
		runtime.LockOSThread()
	}
	id <- truth.Goid()
	<-wake
	atomic.AddInt32(&ran, 1)
}

func main() {
	n := flag.Int("n", 20, "number of runnable goroutines")
	procs := flag.Int("procs", 2, "GOMAXPROCS")
	lock := flag.Bool("locked", false, "lock the first to its thread")
	yield := flag.Bool("gosched", false, "have them yield")
	flag.Parse()
	if os.Getenv(attempts) == "" {
		restart()
	}
	truth.Limit()
	runtime.GOMAXPROCS(*procs)

	id := make(chan int64)
	var wakes []chan struct{}
	var ids []int64
	if !*yield {
		for i := 0; i < *n; i++ {
			wake := make(chan struct{})
			go runnable(id, wake, *lock && i == 0)
			wakes, ids = append(wakes, wake), append(ids, <-id)
		}
		for _, id := range ids {
			truth.Await(id, "chan receive")
		}
	}
	var others []int64
	for i := 1; i < *procs; i++ {
		go other(i, id)
		others = append(others, <-id)
	}
	for atomic.LoadInt32(&spinning) < int32(*procs-1) {
	}
	if *yield {
		for i := 0; i < *n; i++ {
			go yielder()
		}
		runtime.Gosched()
		ids = order
	}
	text := say(truth.Goid(), others, ids)
	for _, wake := range wakes {
		wake <- struct{}{}
	}
	// The scheduler may have asked main to yield meanwhile, as it does after
	// 10 ms.
	if atomic.LoadInt32(&ran) != 0 || len(ids) != *n {
		restart()
	}
	// No call that enters the scheduler, such as a write by package os, may
	// follow.
	syscall.RawSyscall(syscall.SYS_WRITE, 1, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))
	for {
		spins[0]++
	}
}

// say is what the program says.
func say(mainID int64, others, runnable []int64) []byte {
	var said bytes.Buffer
	fmt.Fprintf(&said, "main.goid=%d\n", mainID)
	if len(others) > 0 {
		fmt.Fprintf(&said, "other.goid=%d\n", others[0])
	}
	var names []string
	for _, id := range runnable {
		names = append(names, strconv.FormatInt(id, 10))
	}
	fmt.Fprintf(&said, "runnable.goids=%s\npid=%d\ngo=%s\nready\n", strings.Join(names, ","), os.Getpid(), runtime.Version())
	return said.Bytes()
}
