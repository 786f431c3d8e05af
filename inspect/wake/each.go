package wake

import (
	"context"
	"runtime"
	"sync"

	"rtdbg/inspect/progress"
)

// workers is how many goroutines share the work on many goroutines.
func workers() int { return runtime.GOMAXPROCS(0) }

// step is how many calls each counts at once.
const step = 1024

// each calls f for 0 to n-1 on several goroutines. Worker w of workers() works
// on a range of its own, and the ranges are in the order of the workers, so
// that what the workers found can be put together in order.
func each(ctx context.Context, n int, f func(w, i int)) error {
	phase := progress.Begin(ctx, "waits", n)
	defer phase.End()
	var wg sync.WaitGroup
	k := workers()
	for w := range k {
		wg.Go(func() {
			for i := w * n / k; i < (w+1)*n/k; i++ {
				if i%step == 0 {
					if ctx.Err() != nil {
						return
					}
					phase.Add(min(step, n-i))
				}
				f(w, i)
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}
