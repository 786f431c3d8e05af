package rt

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// Workers is how many workers InBatches has at most.
func Workers() int { return runtime.GOMAXPROCS(0) }

// InBatches has the numbers 0 … n-1 worked on by several workers at a time.
// Each asks with next for the batch [from, to) that follows the last one that
// anybody took, until none is left or ctx ends: then from is to. The error is
// that of ctx.
func InBatches(ctx context.Context, n, batch int, work func(worker int, next func() (from, to int))) error {
	var taken atomic.Int64
	next := func() (from, to int) {
		if ctx.Err() != nil {
			return n, n
		}
		to = int(taken.Add(int64(batch)))
		return min(to-batch, n), min(to, n)
	}
	var wg sync.WaitGroup
	for w := range min(Workers(), n/batch+1) {
		wg.Go(func() { work(w, next) })
	}
	wg.Wait()
	return ctx.Err()
}
