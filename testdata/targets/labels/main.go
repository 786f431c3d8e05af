// Labels has goroutines with different numbers of profiler labels. Up to Go
// 1.23 they are a map, which with some of the numbers is half-way in growing.
// For each number N it prints goidN; the goroutine has the labels key0=value0 …
// key(N-1)=value(N-1), and waits on a channel.
package main

import (
	"context"
	"fmt"
	"runtime/pprof"

	"rtdbgtargets/internal/truth"
)

var (
	entered = make(chan int64)
	never   = make(chan int)
)

func labelled(n int) {
	var pairs []string
	for i := 0; i < n; i++ {
		pairs = append(pairs, fmt.Sprintf("key%d", i), fmt.Sprintf("value%d", i))
	}
	pprof.Do(context.Background(), pprof.Labels(pairs...), func(context.Context) {
		entered <- truth.Goid()
		<-never
	})
}

// nested adds labels to others, and replaces one.
func nested() {
	pprof.Do(context.Background(), pprof.Labels("outer", "1", "both", "1"), func(ctx context.Context) {
		pprof.Do(ctx, pprof.Labels("both", "2", "", `"quoted", empty key`), func(context.Context) {
			entered <- truth.Goid()
			<-never
		})
	})
}

func main() {
	truth.Limit()
	counts := []int64{0, 1, 8, 9, 13, 14, 27, 28, 53, 100}
	for _, n := range counts {
		go labelled(int(n))
		id := <-entered
		truth.Await(id, "chan receive")
		truth.Set(fmt.Sprintf("goid%d", n), id)
	}
	truth.List("counts", counts)
	go nested()
	id := <-entered
	truth.Await(id, "chan receive")
	truth.Set("nested.goid", id)
	truth.Park()
}
