package inspect

import (
	"context"
	"fmt"
	"slices"

	"rtdbg/inspect/graph"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// Deadlock is a set of goroutines that wait only for each other.
type Deadlock struct {
	// Goids are the members, oldest first: all that are in Cycle, and at
	// most wake.MaxGoids in all. Count is how many there are.
	Goids []uint64 `json:"goids"`
	Count int      `json:"count"`
	// Cycle is a shortest cycle among them.
	Cycle []WaitStep `json:"cycle"`
	// Certainty is that of the weakest step.
	Certainty wake.Certainty `json:"certainty"`
	// Behind counts those that are stuck behind the set without being part
	// of it.
	Behind int `json:"behind"`
}

// WaitStep is one step of a cycle: the goroutine Goid waits for the goroutine
// WaitsFor to do How with Object.
type WaitStep struct {
	Goid      uint64         `json:"goid"`
	WaitsFor  uint64         `json:"waits_for"`
	Object    mem.Addr       `json:"object"`
	Kind      wait.Kind      `json:"kind"`
	Op        wait.Op        `json:"op"`
	How       string         `json:"how"`
	Place     string         `json:"place"`
	Certainty wake.Certainty `json:"certainty"`
}

// Deadlocks returns the sets of goroutines that wait only for each other, the
// surest first.
func (p *Process) Deadlocks(ctx context.Context) ([]Deadlock, error) {
	w, err := p.waitGraph(ctx)
	if err != nil {
		return nil, err
	}
	sets := graph.Deadlocks(w.input(len(p.gs)))
	list := make([]Deadlock, len(sets))
	for i := range sets {
		list[i] = p.newDeadlock(w, &sets[i])
	}
	return list, nil
}

func (p *Process) newDeadlock(w *waitGraph, s *graph.Deadlock) Deadlock {
	d := Deadlock{Count: len(s.Goroutines), Certainty: s.Certainty, Behind: s.Behind}
	in := make(map[int32]bool, len(s.Cycle))
	for _, step := range s.Cycle {
		from := p.gs[step.From]
		in[step.From] = true
		d.Goids = append(d.Goids, from.Goid)
		d.Cycle = append(d.Cycle, WaitStep{Goid: from.Goid, WaitsFor: p.gs[step.Next].Goid, Object: w.addr(step.Object), Kind: w.kind(step.Object),
			Op: opOf(w.kind(step.Object), step.Object), How: step.How, Place: from.place(), Certainty: step.Certainty})
	}
	for _, g := range s.Goroutines {
		if len(d.Goids) >= wake.MaxGoids {
			break
		}
		if !in[g] {
			d.Goids = append(d.Goids, p.gs[g].Goid)
		}
	}
	slices.Sort(d.Goids)
	return d
}

// place says where the program stands in g, "" where that is not known.
func (g *Goroutine) place() string {
	f, ok := g.Place()
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s %s:%d", g.p.printed(f.Func), f.File, f.Line.Line)
}
