// Wakes is many small healthy programs in one, each in the shape that
// concurrent Go code commonly has: goroutines park and are woken all the time.
// It traces its execution to the file "trace" until it is sent SIGUSR1, so that
// who woke whom can be read from there and compared with what a debugger says
// of one instant. The goroutines of each shape carry its name as the profiler
// label "shape".
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"rtdbgtargets/internal/truth"
)

// shape is one of the small programs: run starts its goroutines, and may stay
// in it or return.
type shape struct {
	name string
	run  func()
}

// shapes are all, in the order in which they are started.
func shapes() []shape {
	var list []shape
	for _, group := range [][]shape{
		pipelines(), pools(), requests(), locks(), nested(), conds(), groups(), timers(), contexts(), brokers(), networks(), structures(), algorithms(), libraries(), versioned(),
	} {
		list = append(list, group...)
	}
	return list
}

func main() {
	truth.Limit()
	runtime.GOMAXPROCS(4)
	// Most programs are seldom found collecting garbage.
	debug.SetGCPercent(1000)
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGUSR1)
	out, err := os.Create("trace")
	truth.Check(err)
	truth.Check(trace.Start(out))
	only := flag.String("only", "", "run only the shapes whose name contains one of these, separated by commas")
	times := flag.Int("times", 1, "run each shape so many times")
	flag.Parse()
	for _, s := range shapes() {
		for i := 0; i < *times && wanted(s.name, *only); i++ {
			go labelled(s)
		}
	}
	time.Sleep(500 * time.Millisecond)
	omitReserved()
	truth.Ready()
	<-end
	trace.Stop()
	truth.Check(out.Close())
}

// wanted reports whether a name contains one of a list, or the list is empty.
func wanted(name, list string) bool {
	for _, part := range strings.Split(list, ",") {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// labelled runs a shape in a goroutine that has its label, which those that it
// starts inherit.
func labelled(s shape) {
	label(s.name)
	s.run()
}

func label(name string) {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("shape", name)))
}

// dice is the state of chance.
var dice uint64

// chance returns a number in [0, n), without a lock that others could wait for.
func chance(n int) int {
	x := atomic.AddUint64(&dice, 0x9e3779b97f4a7c15)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return int((x ^ x>>31) % uint64(n))
}

// pause stands for what a goroutine waits for elsewhere: it sleeps for about
// that many milliseconds, half or one and a half times at the ends.
func pause(ms int) {
	us := ms * 1000
	time.Sleep(time.Duration(us/2+chance(us+1)) * time.Microsecond)
}

// sum keeps the results of compute from being optimised away.
var sum uint64

// compute stands for work on the processor, of about a hundred microseconds.
func compute() {
	x := uint64(chance(1000))
	for i := 0; i < 50000; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	atomic.AddUint64(&sum, x)
}
