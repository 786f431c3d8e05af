// Runtimesemas has goroutines that contend for the runtime's own semaphores:
// each does one thing, over and over, so that most of them wait most of the
// time. NAME.goids are those that do the same. The collector runs only when
// "collect" asks for it.
package main

import (
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"runtime/pprof"
	"syscall"
	"time"

	"rtdbgtargets/internal/truth"
)

// storm starts n goroutines that do f over and over once begin is closed.
func storm(name string, n int, begin chan struct{}, f func(i int)) {
	ids, entered := make([]int64, n), make(chan int64)
	for i := range ids {
		go func() {
			entered <- truth.Goid()
			<-begin
			for i := 0; ; i++ {
				f(i)
			}
		}()
		ids[i] = <-entered
	}
	truth.List(name+".goids", ids)
}

func main() {
	truth.LimitTo(3 * 60) // nothing is collected
	debug.SetGCPercent(-1)
	begin := make(chan struct{})
	storm("memstats", 8, begin, func(int) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
	})
	storm("gomaxprocs", 6, begin, func(i int) { runtime.GOMAXPROCS(3 + i%2) })
	storm("collect", 6, begin, func(int) { runtime.GC() })
	storm("profile", 4, begin, func(int) {
		truth.Check(pprof.Lookup("goroutine").WriteTo(io.Discard, 0))
	})
	storm("metrics", 4, begin, func(int) {
		metrics.Read([]metrics.Sample{{Name: "/memory/classes/heap/free:bytes"}})
	})
	signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR1)
	close(begin)
	time.Sleep(time.Second)
	truth.Ready()
	select {}
}
