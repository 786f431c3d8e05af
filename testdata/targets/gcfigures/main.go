// Gcfigures collects garbage a few times, prints what the runtime says of that,
// and waits.
//
// metric.NAME is what runtime/metrics says, mem.NAME what runtime.ReadMemStats
// does. finalizer.goid runs a finalizer that waits on a channel; finalizers is
// the number of those that wait behind it, of which it has taken the first ones
// out of the queue. trigger and trigger.goal are what the
// runtime's pacer says (since Go 1.19); from Go 1.23 on that needs
// -ldflags=-checklinkname=0.
package main

import (
	"runtime"
	"runtime/metrics"
	"sync/atomic"

	"rtdbgtargets/internal/truth"
)

// taken finalizers are queued before the first is run, queued ones after.
const (
	taken  = 4
	queued = 5
)

type object struct {
	next *object
	pad  [100]byte
}

var (
	keep    [][]byte
	fing    int64
	running int32
	never   = make(chan int)
)

// die makes n objects with a finalizer, and nothing refers to them any more
// when it returns.
func die(n int) {
	done := make(chan bool)
	go func() {
		for i := 0; i < n; i++ {
			runtime.SetFinalizer(&object{}, finalize)
		}
		done <- true
	}()
	<-done
}

func finalize(*object) {
	atomic.StoreInt64(&fing, truth.Goid())
	atomic.StoreInt32(&running, 1)
	<-never
}

var figures = map[string]string{
	"goal": "/gc/heap/goal:bytes", "live": "/gc/heap/live:bytes", "cycles": "/gc/cycles/total:gc-cycles", "forced": "/gc/cycles/forced:gc-cycles",
	"gogc": "/gc/gogc:percent", "limit": "/gc/gomemlimit:bytes",
	"cleanups.queued": "/gc/cleanups/queued:cleanups", "cleanups.executed": "/gc/cleanups/executed:cleanups",
}

func main() {
	truth.Limit()
	for i := 0; i < 100; i++ {
		keep = append(keep, make([]byte, 50000))
	}
	die(taken)
	runtime.GC()
	truth.Until(&running)
	die(queued)
	cleanups()
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	truth.Set("finalizer.goid", atomic.LoadInt64(&fing))
	truth.Set("finalizers", taken-1+queued)
	truth.Await(fing, "chan receive")
	var mem runtime.MemStats
	for name, key := range figures {
		s := []metrics.Sample{{Name: key}}
		metrics.Read(s)
		if s[0].Value.Kind() == metrics.KindUint64 {
			truth.Set("metric."+name, s[0].Value.Uint64())
		}
	}
	runtime.ReadMemStats(&mem)
	truth.Set("mem.NextGC", mem.NextGC)
	truth.Set("mem.NumGC", mem.NumGC)
	truth.Set("mem.NumForcedGC", mem.NumForcedGC)
	truth.Set("mem.LastGC", mem.LastGC)
	truth.Set("mem.PauseTotalNs", mem.PauseTotalNs)
	var pauses, ends []int64
	for i := uint32(0); i < 3; i++ {
		n := (mem.NumGC - 1 - i) % uint32(len(mem.PauseNs))
		pauses = append(pauses, int64(mem.PauseNs[n]))
		ends = append(ends, int64(mem.PauseEnd[n]))
	}
	truth.List("mem.PauseNs", pauses)
	truth.List("mem.PauseEnd", ends)
	sayTrigger()
	truth.Park()
}
