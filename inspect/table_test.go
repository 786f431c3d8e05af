package inspect_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/stack"
)

// forPrograms opens captures of programs with goroutines of all kinds.
func forPrograms(t *testing.T, check func(t *testing.T, p *inspect.Process)) {
	for _, version := range []string{"", "go1.18.10", "go1.22.12"} {
		for _, program := range []string{"waits", "labels", "locks", "runq"} {
			name := program
			if version != "" {
				name += "/" + version
			}
			t.Run(name, func(t *testing.T) {
				if version != "" && testing.Short() {
					t.Skip("only the running toolchain in short mode")
				}
				c := target.Take(t, target.Spec{Program: program, Go: version}, target.Options{}, target.Kernel)
				p, err := inspect.OpenCore(context.Background(), c.Exe, c.Core, inspect.Options{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { p.Close() })
				check(t, p)
			})
		}
	}
}

// TestGoroutinesReadTogetherEqualThoseReadAlone: descriptors share what they
// have in common, and each is found by its address and, unless dead, by its id.
func TestGoroutinesReadTogetherEqualThoseReadAlone(t *testing.T) {
	forPrograms(t, func(t *testing.T, p *inspect.Process) {
		ctx := context.Background()
		gs, err := p.Goroutines(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i, g := range gs {
			alone, err := p.RT.ReadG(g.Addr)
			if err != nil {
				t.Fatal(err)
			}
			if *alone.GRare != *g.GRare {
				t.Errorf("goroutine %d: %+v, read alone %+v", g.Goid, *g.GRare, *alone.GRare)
			}
			alone.GRare, alone.Index = g.GRare, uint32(i)
			if alone != *g.G {
				t.Errorf("goroutine %d: %+v, read alone %+v", g.Goid, *g.G, alone)
			}
			if found, err := p.GoroutineAt(ctx, g.Addr); err != nil || found != g {
				t.Errorf("goroutine %d is not found at %v: %v", g.Goid, g.Addr, err)
			}
			if found, err := p.Goroutine(ctx, g.Goid); (err == nil && found == g) == g.Dead() {
				t.Errorf("goroutine %d, dead %v: found by its id: %v", g.Goid, g.Dead(), err)
			}
		}
		if g, err := p.GoroutineAt(ctx, gs[0].Addr+1); err == nil {
			t.Errorf("between descriptors lies goroutine %d", g.Goid)
		}
	})
}

// TestStacksReadTogetherEqualThoseReadAlone: the pass over all stacks visits
// each goroutine once, with the frames and pointers that it has when it is the
// only one asked about.
func TestStacksReadTogetherEqualThoseReadAlone(t *testing.T) {
	forPrograms(t, func(t *testing.T, p *inspect.Process) {
		gs, err := p.Goroutines(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		visits := make([]atomic.Int32, len(gs))
		for range 2 { // the second time all shapes are known
			err = p.EachStack(context.Background(), func(i int, tr stack.Trace, live []stack.Pointer) {
				visits[i].Add(1)
				g := gs[i]
				alone, want, running := p.ReadAlone(g.G)
				if tr.Stack != alone.Stack || tr.SP != alone.SP || (tr.Err == nil) != (alone.Err == nil) {
					t.Errorf("goroutine %d: %d frames at %v, %v; alone %d at %v, %v", g.Goid,
						len(tr.Stack.Frames), tr.SP, tr.Err, len(alone.Stack.Frames), alone.SP, alone.Err)
				}
				if !running && !slices.Equal(live, want) {
					t.Errorf("goroutine %d: %d live pointers, alone %d", g.Goid, len(live), len(want))
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for i, g := range gs {
			want := int32(2)
			if g.Dead() {
				want = 0
			}
			if n := visits[i].Load(); n != want {
				t.Errorf("goroutine %d was visited %d times, want %d", g.Goid, n, want)
			}
		}
	})
}

func TestInterruptedPassesBeginAnew(t *testing.T) {
	c := target.Take(t, target.Spec{Program: "waits"}, target.Options{}, target.Kernel)
	p, err := inspect.OpenCore(context.Background(), c.Exe, c.Core, inspect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Goroutines(ended); err == nil {
		t.Error("goroutines were read although the context had ended")
	}
	gs, err := p.Goroutines(context.Background())
	if err != nil || len(gs) == 0 {
		t.Errorf("after an interruption: %d goroutines, %v", len(gs), err)
	}
	if err := p.EachStack(ended, nil); err == nil {
		t.Error("stacks were read although the context had ended")
	}
}
