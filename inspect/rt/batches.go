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

// Section returns the beginning and the end of section number i of so many into
// which 0 … n-1 are divided.
func Section(n, sections, i int) (from, to int) { return i * n / sections, (i + 1) * n / sections }

// InSections divides the numbers 0 … n-1 into as many sections as there are
// workers, has each worked on at the same time as the others, and returns the
// results in order. The error is that of ctx.
func InSections[T any](ctx context.Context, n int, work func(from, to int) T) ([]T, error) {
	results := make([]T, max(min(Workers(), n), 1))
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { results[i] = work(Section(n, len(results), i)) })
	}
	wg.Wait()
	return results, ctx.Err()
}
