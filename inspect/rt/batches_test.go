package rt

import (
	"context"
	"sync/atomic"
	"testing"
)

func TestEachNumberIsInOneBatch(t *testing.T) {
	for _, n := range []int{0, 1, 99, 100, 101, 12345} {
		done := make([]atomic.Int32, n)
		err := InBatches(context.Background(), n, 100, func(_ int, next func() (from, to int)) {
			for from, to := next(); from < to; from, to = next() {
				for i := from; i < to; i++ {
					done[i].Add(1)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range done {
			if c := done[i].Load(); c != 1 {
				t.Fatalf("of %d numbers, %d was given out %d times", n, i, c)
			}
		}
	}
}

func TestInterruptedBatchesEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var taken atomic.Int32
	err := InBatches(ctx, 1<<30, 1, func(_ int, next func() (from, to int)) {
		for from, to := next(); from < to; from, to = next() {
			taken.Add(1)
			cancel()
		}
	})
	if err == nil || int(taken.Load()) > Workers() {
		t.Errorf("error %v after %d batches", err, taken.Load())
	}
}
