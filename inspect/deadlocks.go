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
	Goid     uint64         `json:"goid"`
	WaitsFor uint64         `json:"waits_for"`
	Object   mem.Addr       `json:"object"`
	Kind     wait.Kind      `json:"kind"`
	How      string         `json:"how"`
	Place    string         `json:"place"`
	Surety   wake.Certainty `json:"certainty"`
}

// Leak is a goroutine that nothing can ever wake.
type Leak struct {
	Goid       uint64 `json:"goid"`
	WaitReason string `json:"wait_reason"`
	// Why says in one sentence why nobody wakes it.
	Why string `json:"why"`
	// Group is the function that the goroutine runs.
	Group string `json:"group"`
}

// Deadlocks returns the sets of goroutines that wait only for each other, the
// surest first.
func (p *Process) Deadlocks(ctx context.Context) ([]Deadlock, error) {
	gs, err := p.Goroutines(ctx)
	if err != nil {
		return nil, err
	}
	w, err := p.waitGraph(ctx)
	if err != nil {
		return nil, err
	}
	sets := graph.Deadlocks(w.input(len(gs)))
	list := make([]Deadlock, len(sets))
	for i, s := range sets {
		d := Deadlock{Count: len(s.Goroutines), Certainty: s.Certainty, Behind: s.Behind}
		for _, step := range s.Cycle {
			from := gs[step.From]
			d.Cycle = append(d.Cycle, WaitStep{Goid: from.Goid, WaitsFor: gs[step.Next].Goid, Object: w.addr(step.Object), Kind: w.kinds[step.Object/2],
				How: step.How, Place: from.place(), Surety: step.Certainty})
			d.Goids = append(d.Goids, from.Goid)
		}
		for _, g := range s.Goroutines {
			if len(d.Goids) >= wake.MaxGoids {
				break
			}
			if id := gs[g].Goid; !slices.Contains(d.Goids[:len(d.Cycle)], id) {
				d.Goids = append(d.Goids, id)
			}
		}
		slices.Sort(d.Goids)
		list[i] = d
	}
	return list, nil
}

// place says where the program stands in g, "" where that is not known.
func (g *Goroutine) place() string {
	f, ok := g.Place()
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s %s:%d", g.p.printed(f.Func), f.File, f.Line.Line)
}
