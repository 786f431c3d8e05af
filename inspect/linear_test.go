package inspect_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
)

// sizes are numbers of goroutines, each four times the one before.
var sizes = []int{4000, 16000, 64000}

// A bound says what a goroutine more may cost among many, against what it
// costs among few.
type bound struct {
	what   string
	of     func(inspect.Work) uint64
	factor float64
	// slack is what does not matter, for each goroutine: the code of a few
	// functions is decoded, once, where the instant of the capture brings them
	// into question, which is some 6,000 objects.
	slack float64
}

// The factors leave room for slices that grow by doubling, for what is done once
// for so many goroutines, and for one more of the few passes over the heap; twice
// the work for each of four times as many would be n·√n.
var bounds = []bound{
	{"bytes read", func(w inspect.Work) uint64 { return w.Read }, 1.35, 16},
	{"reads", func(w inspect.Work) uint64 { return w.Reads }, 1.35, 0.75},
	{"objects allocated", func(w inspect.Work) uint64 { return w.Allocs }, 1.35, 0.75},
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
	{"buckets", func(p *inspect.Process) error {
		_, err := p.Buckets(context.Background(), inspect.BucketOptions{})
		return err
	}},
	{"origins", func(p *inspect.Process) error {
		_, err := p.Origins(context.Background(), inspect.OriginOptions{Leaked: true, Places: true})
		return err
	}},
	{"deadlocks", func(p *inspect.Process) error {
		_, err := p.Deadlocks(context.Background())
		return err
	}},
	{"gc", func(p *inspect.Process) error {
		_, err := p.GC(context.Background())
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
					for _, c := range superlinear(t, work) {
						t.Error(c)
					}
					if last := sizes[len(sizes)-1]; work[len(work)-1].Read < uint64(last) {
						t.Errorf("%d bytes were read of %d goroutines: the count is wrong", work[len(work)-1].Read, last)
					}
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

// superlinear compares what each goroutine more costs, from one size to the
// next, where what is done once cancels out, and returns what grows too fast.
func superlinear(t *testing.T, work []inspect.Work) []string {
	t.Helper()
	var complaints []string
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
			complaints = append(complaints, fmt.Sprintf("%s: the limit is %.2f times as much", text, b.factor))
		}
	}
	return complaints
}

// The test above must be able to fail.
func TestSuperlinearWorkIsNoticed(t *testing.T) {
	var read, reads, allocs, alloc []inspect.Work
	for _, n := range sizes {
		k := uint64(n)
		square := k * k / 1000
		read = append(read, inspect.Work{Read: 700*k + 100*square})
		reads = append(reads, inspect.Work{Reads: 2*k + square})
		allocs = append(allocs, inspect.Work{Allocs: 3*k + square})
		alloc = append(alloc, inspect.Work{Alloc: 1000*k + 200*square})
	}
	for i, work := range [][]inspect.Work{read, reads, allocs, alloc} {
		if c := superlinear(t, work); len(c) != 1 || !strings.HasPrefix(c[0], bounds[i].what) {
			t.Errorf("work that grows with the square: %q", c)
		}
	}
}
