package inspect_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
)

// sizes are numbers of goroutines, each four times the one before.
var sizes = []int{1000, 4000, 16000}

// A bound says what a goroutine more may cost among many, against what it
// costs among few.
type bound struct {
	what   string
	of     func(inspect.Work) uint64
	factor float64
	// slack is what does not matter, for each goroutine.
	slack float64
}

// The factors leave room for slices that grow by doubling and for what is done
// once for so many goroutines; twice the work for each of four times as many
// would be n·√n.
var bounds = []bound{
	{"bytes read", func(w inspect.Work) uint64 { return w.Read }, 1.15, 16},
	{"reads", func(w inspect.Work) uint64 { return w.Reads }, 1.15, 0.5},
	{"objects allocated", func(w inspect.Work) uint64 { return w.Allocs }, 1.25, 0.5},
	{"bytes allocated", func(w inspect.Work) uint64 { return w.Alloc }, 1.6, 64},
}

// questions look at every goroutine.
var questions = []struct {
	name string
	ask  func(*inspect.Process) error
}{
	{"goroutines and stacks", func(p *inspect.Process) error {
		gs, err := p.Goroutines(context.Background())
		for _, g := range gs {
			g.Trace()
		}
		return err
	}},
	{"why", func(p *inspect.Process) error {
		_, err := p.Why(context.Background())
		return err
	}},
	{"wakers", func(p *inspect.Process) error {
		gs, err := p.Goroutines(context.Background())
		if err == nil {
			_, err = p.Wakers(context.Background(), gs)
		}
		return err
	}},
}

func TestWorkIsLinearInGoroutines(t *testing.T) {
	for _, shape := range []string{"fanin", "pairs", "mutex", "mixed"} {
		t.Run(shape, func(t *testing.T) {
			cores := make([]*target.Capture, len(sizes))
			for i, n := range sizes {
				cores[i] = parked(t, shape, n)
			}
			for _, q := range questions {
				t.Run(q.name, func(t *testing.T) {
					work := make([]inspect.Work, len(sizes))
					for i, c := range cores {
						work[i] = inspect.MeasureWork(t, c.Exe, c.Core, q.ask)
					}
					checkLinear(t, work)
				})
			}
		})
	}
}

// parked is a core of a program with n goroutines that wait.
func parked(tb testing.TB, shape string, n int) *target.Capture {
	tb.Helper()
	return target.Take(tb, target.Spec{Program: "many"}, target.Options{
		Args: []string{"-n", strconv.Itoa(n), "-shape", shape, "-kernelcore"},
		Env:  []string{"GOMAXPROCS=2"},
	}, target.Kernel)
}

// checkLinear compares what each goroutine more costs, from one size to the
// next: what is done once cancels out.
func checkLinear(t *testing.T, work []inspect.Work) {
	t.Helper()
	for _, b := range bounds {
		var each []float64
		for i := 1; i < len(sizes); i++ {
			more := float64(b.of(work[i])) - float64(b.of(work[i-1]))
			each = append(each, more/float64(sizes[i]-sizes[i-1]))
		}
		few, many := each[0], each[len(each)-1]
		text := fmt.Sprintf("%s for a goroutine more: %.1f among %d, %.1f among %d", b.what, few, sizes[1], many, sizes[2])
		t.Log(text)
		if many > b.factor*max(few, 0)+b.slack {
			t.Errorf("%s: the limit is %.2f times as much", text, b.factor)
		}
	}
	if w := work[len(work)-1]; w.Read < uint64(sizes[len(sizes)-1]) {
		t.Errorf("%d bytes were read of %d goroutines: the count is wrong", w.Read, sizes[len(sizes)-1])
	}
}
