package stack

import (
	"cmp"
	"slices"
	"testing"

	"rtdbg/inspect/internal/target"
)

// manyStacks are the stacks of a program whose goroutines wait at several
// places and depths, in order of their addresses.
func manyStacks(b *testing.B) (*process, []Start) {
	b.Helper()
	c := target.Take(b, target.Spec{Program: "many"}, target.Options{
		Args: []string{"-n", "2000", "-shape", "mixed"},
	}, target.Kernel)
	p := open(b, c)
	var starts []Start
	for _, g := range p.allgs() {
		if g.m == 0 {
			starts = append(starts, g.start)
		}
	}
	if len(starts) < 2000 {
		b.Fatalf("%d stacks", len(starts))
	}
	slices.SortFunc(starts, func(x, y Start) int { return cmp.Compare(x.Lo, y.Lo) })
	b.ReportAllocs()
	return p, starts
}

// perStack adds what the time is for one stack.
func perStack(b *testing.B, stacks int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(stacks), "ns/stack")
}

// All stacks, each unwound for the first time by this unwinder; what is known
// of a PC stays known.
func BenchmarkUnwindMany(b *testing.B) {
	p, starts := manyStacks(b)
	u := p.syms.NewUnwinder()
	for b.Loop() {
		for _, st := range starts {
			if t := u.Unwind(st); t.Err != nil {
				b.Fatal(t.Err)
			}
		}
	}
	perStack(b, len(starts))
}

// The same with the live pointers of each.
func BenchmarkUnwindManyAndLive(b *testing.B) {
	p, starts := manyStacks(b)
	u := p.syms.NewUnwinder()
	for b.Loop() {
		pointers := 0
		for _, st := range starts {
			t := u.Unwind(st)
			live, err := u.Live(t, st.Hi, nil)
			if err != nil {
				b.Fatal(err)
			}
			pointers += len(live)
		}
		if pointers < len(starts) {
			b.Fatalf("%d pointers on %d stacks", pointers, len(starts))
		}
	}
	perStack(b, len(starts))
}

// A program's first stacks: nothing is known of any PC.
func BenchmarkUnwindManyAnew(b *testing.B) {
	p, starts := manyStacks(b)
	for b.Loop() {
		syms, err := New(p.core, p.exe.Arch, p.syms.Table())
		if err != nil {
			b.Fatal(err)
		}
		u := syms.NewUnwinder()
		for _, st := range starts {
			if t := u.Unwind(st); t.Err != nil {
				b.Fatal(t.Err)
			}
		}
	}
	perStack(b, len(starts))
}
