// Runq has a known set of runnable goroutines in a known order: both Ps run
// goroutines that cannot be preempted, so that nothing is scheduled any more.
//
// runnable.goids are made ready in this order by main, which then spins: on
// its P the last is runnext, those before are in the local run queue, and
// when there are more than the 256 that it holds, runqputslow moved the older
// half of it to the global queue, with the one that did not fit.
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
	spins    [2]uint64
	otherID  int64
	spinning int32
	ran      int32
)

func other() {
	otherID = truth.Goid()
	atomic.StoreInt32(&spinning, 1)
	for {
		spins[1]++
	}
}

// runnable waits to be made ready, and then must never run.
func runnable(id chan<- int64, wake <-chan struct{}) {
	id <- truth.Goid()
	<-wake
	atomic.AddInt32(&ran, 1)
}

func main() {
	n := flag.Int("n", 20, "number of runnable goroutines")
	flag.Parse()
	if os.Getenv(attempts) == "" {
		restart()
	}
	truth.Limit()
	runtime.GOMAXPROCS(2)

	ids := make([]int64, *n)
	names := make([]string, *n)
	wakes := make([]chan struct{}, *n)
	id := make(chan int64)
	for i := range ids {
		wakes[i] = make(chan struct{})
		go runnable(id, wakes[i])
		ids[i] = <-id
		names[i] = strconv.FormatInt(ids[i], 10)
	}
	for _, id := range ids {
		truth.Await(id, "chan receive")
	}
	mainID := truth.Goid()
	go other()
	truth.Until(&spinning)
	var said bytes.Buffer
	fmt.Fprintf(&said, "main.goid=%d\nother.goid=%d\nrunnable.goids=%s\n", mainID, otherID, strings.Join(names, ","))
	fmt.Fprintf(&said, "pid=%d\ngo=%s\nready\n", os.Getpid(), runtime.Version())
	text := said.Bytes()
	for _, wake := range wakes {
		wake <- struct{}{}
	}
	// The scheduler may have asked main to yield meanwhile, as it does after
	// 10 ms.
	if atomic.LoadInt32(&ran) != 0 {
		restart()
	}
	// No call that enters the scheduler, such as a write by package os, may
	// follow.
	syscall.RawSyscall(syscall.SYS_WRITE, 1, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))
	for {
		spins[0]++
	}
}
