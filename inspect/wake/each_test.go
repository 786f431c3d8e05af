package wake

import (
	"context"
	"errors"
	"slices"
	"testing"
)

func TestEachVisitsAllInOrderOfTheWorkers(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 1000, 5000} {
		found := make([][]int, workers())
		if err := each(context.Background(), n, func(w, i int) { found[w] = append(found[w], i) }); err != nil {
			t.Fatal(err)
		}
		all := slices.Concat(found...)
		if len(all) != n || !slices.IsSorted(all) {
			t.Errorf("n=%d: visited %d, in order: %v", n, len(all), slices.IsSorted(all))
		}
	}
}

func TestEachEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	visited := 0
	if err := each(ctx, 1<<20, func(int, int) { visited++ }); !errors.Is(err, context.Canceled) || visited != 0 {
		t.Errorf("%v after %d visits", err, visited)
	}
}
