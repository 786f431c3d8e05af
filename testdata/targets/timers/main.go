// Timers has one of every kind of timer, on several Ps, in known states. For
// each it prints the address of the time.Timer, when it is due on
// CLOCK_MONOTONIC (within the time that setting it takes) and its period.
package main

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"rtdbgtargets/internal/truth"
)

const hour = time.Hour

// kept holds timers that nobody waits for.
var kept []interface{}

var entered = make(chan int64)

// monotonic reads CLOCK_MONOTONIC, the runtime's nanotime on linux.
func monotonic() int64 {
	var ts syscall.Timespec
	const clockMonotonic = 1
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		truth.Fatal("clock_gettime: %v", errno)
	}
	return ts.Nano()
}

// due prints between what bounds a timer that set starts is due after d.
func due(name string, d time.Duration, set func()) {
	before := monotonic()
	set()
	truth.Set(name+".due.min", before+int64(d))
	truth.Set(name+".due.max", monotonic()+int64(d))
}

func start(f func(), status string) int64 {
	go f()
	id := <-entered
	truth.Await(id, status)
	return id
}

func sleepers(n int) {
	ids := make([]int64, n)
	for i := range ids {
		i, d := i, time.Duration(i+10)*hour
		due(fmt.Sprintf("sleep%d", i), d, func() {
			ids[i] = start(func() {
				entered <- truth.Goid()
				time.Sleep(d)
			}, "sleep")
		})
	}
	truth.List("sleep.goids", ids)
}

func waited(name string, d time.Duration) {
	var t *time.Timer
	due(name, d, func() { t = time.NewTimer(d) })
	kept = append(kept, t)
	truth.Addr(name, t)
	truth.Addr(name+".c", t.C)
	truth.Set(name+".goid", start(func() {
		entered <- truth.Goid()
		<-t.C
	}, "chan receive"))
}

func unwaited() {
	var t *time.Timer
	due("unwaited", 20*hour, func() { t = time.NewTimer(20 * hour) })
	truth.Addr("unwaited", t)
	kept = append(kept, t)

	stopped := time.NewTimer(21 * hour)
	stopped.Stop()
	truth.Addr("stopped", stopped)
	kept = append(kept, stopped)

	fired := time.NewTimer(time.Nanosecond)
	<-fired.C
	truth.Addr("fired", fired)
	kept = append(kept, fired)

	// A timer that fired into its channel, which nobody reads.
	full := time.NewTimer(time.Nanosecond)
	time.Sleep(10 * time.Millisecond)
	truth.Addr("full", full)
	kept = append(kept, full)
}

func tickers() {
	for i, period := range []time.Duration{hour, 3 * hour} {
		name := fmt.Sprintf("ticker%d", i)
		var t *time.Ticker
		due(name, period, func() { t = time.NewTicker(period) })
		truth.Addr(name, t)
		truth.Set(name+".period", int64(period))
		kept = append(kept, t)
		truth.Set(name+".goid", start(func() {
			entered <- truth.Goid()
			<-t.C
		}, "chan receive"))
	}
}

func callback() { truth.Fatal("a timer fired that must not") }

func funcs() {
	var t *time.Timer
	due("afterfunc", 30*hour, func() { t = time.AfterFunc(30*hour, callback) })
	truth.Addr("afterfunc", t)
	kept = append(kept, t)

	ctx, cancel := context.WithTimeout(context.Background(), 31*hour)
	kept = append(kept, cancel)
	truth.Addr("context.done", ctx.Done())
	truth.Set("context.goid", start(func() {
		entered <- truth.Goid()
		<-ctx.Done()
	}, "chan receive"))
}

func main() {
	truth.Limit()
	runtime.GOMAXPROCS(3)
	sleepers(5)
	waited("timer", 15*hour)
	waited("sooner", 2*hour)
	unwaited()
	tickers()
	funcs()
	truth.Park()
}
