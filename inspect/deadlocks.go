package inspect

import (
	"context"
	"encoding/binary"
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
	// Alike counts the sets behind this one whose cycles go through the same
	// stacks and kinds of objects, as many pairs of one program do; LikeEarlier
	// says that it is itself such a one of an earlier set.
	Alike       int  `json:"alike,omitempty"`
	LikeEarlier bool `json:"-"`
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
	in := w.input(len(p.gs))
	sets := graph.Deadlocks(in)
	list := make([]Deadlock, len(sets))
	firsts := p.firstsAlike(w, sets)
	for i := range sets {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		list[i] = p.newDeadlock(w, &in, &sets[i])
		if first := firsts[i]; first != i {
			list[i].LikeEarlier = true
			list[first].Alike++
		}
	}
	return list, nil
}

// maxAlikeSteps is the length of the longest cycle that is compared with others.
const maxAlikeSteps = 32

// firstsAlike returns for each set the number of the first one that is like it:
// the same stacks, wherever in the cycle one begins, waiting for the same
// operations on the same kinds of objects, equally sure.
func (p *Process) firstsAlike(w *waitGraph, sets []graph.Deadlock) []int {
	firsts := make([]int, len(sets))
	known := make(map[string]int)
	certainties := []wake.Certainty{wake.Proven, wake.Inferred, wake.Possible}
	var steps, key []uint64
	var b []byte
	for i := range sets {
		firsts[i] = i
		if len(sets[i].Cycle) > maxAlikeSteps {
			continue
		}
		steps = steps[:0]
		for _, s := range sets[i].Cycle {
			stack := p.gs[s.From].Trace().Stack.ID
			sure := slices.Index(certainties, s.Certainty)
			steps = append(steps, uint64(stack)<<16|uint64(wait.Number(w.kind(s.Object)))<<8|uint64(s.Object%sides)<<4|uint64(sure))
		}
		key = leastRotation(key, steps)
		b = binary.AppendUvarint(b[:0], uint64(len(sets[i].Goroutines)))
		for _, k := range key {
			b = binary.LittleEndian.AppendUint64(b, k)
		}
		first, ok := known[string(b)]
		if !ok {
			known[string(b)] = i
			continue
		}
		firsts[i] = first
	}
	return firsts
}

// leastRotation returns the rotation of steps that is the least, in dst.
func leastRotation(dst, steps []uint64) []uint64 {
	dst = append(dst[:0], steps...)
	for i := 1; i < len(steps); i++ {
		for j := range steps {
			x, y := steps[(i+j)%len(steps)], dst[j]
			if x < y {
				dst = append(append(dst[:0], steps[i:]...), steps[:i]...)
			}
			if x != y {
				break
			}
		}
	}
	return dst
}

func (p *Process) newDeadlock(w *waitGraph, graph *graph.Input, s *graph.Deadlock) Deadlock {
	d := Deadlock{Count: len(s.Goroutines), Certainty: s.Certainty, Behind: s.Behind}
	in := make(map[int32]bool, len(s.Cycle))
	for _, step := range s.Cycle {
		from := p.gs[step.From]
		in[step.From] = true
		d.Goids = append(d.Goids, from.Goid)
		d.Cycle = append(d.Cycle, WaitStep{Goid: from.Goid, WaitsFor: p.gs[step.Next].Goid, Object: w.addr(step.Object), Kind: w.kind(step.Object),
			Op: opOf(w.kind(step.Object), step.Object), How: graph.How(&step), Place: from.place(), Certainty: step.Certainty})
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
