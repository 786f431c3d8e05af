package wake_test

import (
	"context"
	"strconv"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
)

// benchGoroutines is the number of parked goroutines in each core.
const benchGoroutines = 10_000

// The analysis of all goroutines, whose stacks are known: who refers to what,
// who can act on it, what is reachable.
func BenchmarkAnalysis(b *testing.B) {
	forShapes(b, func(b *testing.B, p *inspect.Process, gs []*inspect.Goroutine) {
		if _, err := p.Wakers(context.Background(), gs[:1]); err != nil {
			b.Fatal(err)
		}
	})
}

// The same with the full answer for each goroutine.
func BenchmarkAllAnswers(b *testing.B) {
	forShapes(b, func(b *testing.B, p *inspect.Process, gs []*inspect.Goroutine) {
		if answers, err := p.Wakers(context.Background(), gs); err != nil || len(answers) != len(gs) {
			b.Fatalf("%d answers, %v", len(answers), err)
		}
	})
}

// forShapes measures ask on a process whose stacks have been unwound, and of
// which nothing else has been asked.
func forShapes(b *testing.B, ask func(*testing.B, *inspect.Process, []*inspect.Goroutine)) {
	for _, shape := range []string{"fanin", "pairs", "mutex", "mixed"} {
		b.Run(shape, func(b *testing.B) {
			c := target.Take(b, target.Spec{Program: "many"}, target.Options{
				Args: []string{"-n", strconv.Itoa(benchGoroutines), "-shape", shape, "-kernelcore"},
			}, target.Kernel)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				p, gs := openUnwound(b, c)
				b.StartTimer()
				ask(b, p, gs)
				b.StopTimer()
				if err := p.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchGoroutines, "ns/goroutine")
		})
	}
}

func openUnwound(b *testing.B, c *target.Capture) (*inspect.Process, []*inspect.Goroutine) {
	b.Helper()
	p, err := inspect.OpenCore(context.Background(), c.Exe, c.Core, inspect.Options{})
	if err != nil {
		b.Fatal(err)
	}
	gs, err := p.Goroutines(context.Background())
	if err != nil || len(gs) < benchGoroutines {
		b.Fatalf("%d goroutines, %v", len(gs), err)
	}
	for _, g := range gs {
		g.Trace()
	}
	return p, gs
}
