package inspect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"rtdbg/inspect/graph"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// Root is a goroutine for which others wait, through others or not, and which
// itself waits for no goroutine, or for none that is known: the one to look at.
type Root struct {
	Goid  uint64 `json:"goid"`
	State string `json:"state"`
	// Place is the function, file and line where the program stands in it.
	Place string `json:"place"`
	// Behind counts those who wait for it.
	Behind int `json:"behind"`
	// Choice is 1 where only it can end the wait of those next to it, else
	// how many goroutines qualify alike; it is the likeliest.
	Choice int `json:"choice"`
	// Certainty is that of the weakest step of the surest chain.
	Certainty wake.Certainty `json:"certainty"`
	// Alike counts further goroutines that stand at the same place and keep
	// others waiting in the same way.
	Alike int `json:"alike,omitempty"`
	// Circle says that it waits itself for one of those behind it, as far as
	// is known: a deadlock, unless somebody comes who is not seen to be able to
	// end its wait.
	Circle bool `json:"circle,omitempty"`
	// Through are the objects on which those next to it wait, at most
	// graph.MaxVia, the one with most behind it first.
	Through []Through `json:"through"`
}

// Through is an object on which goroutines wait for a Root.
type Through struct {
	Object mem.Addr  `json:"object"`
	Kind   wait.Kind `json:"kind"`
	How    string    `json:"how"`
	// Waiters counts those who wait on the object itself.
	Waiters int `json:"waiters"`
}

// stories adds the deadlocks and roots to a diagnosis.
func (p *Process) stories(ctx context.Context, d *Diagnosis) error {
	w, err := p.waitGraph(ctx)
	if err != nil {
		return err
	}
	in := w.input(len(p.gs))
	member := make(map[int32]bool)
	if d.Stuck > 0 {
		sets := graph.Deadlocks(in)
		for i := range sets {
			for _, g := range sets[i].Goroutines {
				member[g] = true
			}
		}
		place := make(map[int]int) // in d.Deadlocks
		for i, first := range p.firstsAlike(w, sets) {
			switch at, ok := place[first]; {
			case ok:
				d.Deadlocks[at].Alike++
			case len(d.Deadlocks) < MaxStories:
				place[i] = len(d.Deadlocks)
				d.Deadlocks = append(d.Deadlocks, p.newDeadlock(w, &in, &sets[i]))
			default:
				d.MoreDeadlocks++
			}
		}
	}
	roots := graph.Roots(in)
	slices.SortStableFunc(roots, func(x, y graph.Root) int { return cmp.Compare(y.Behind, x.Behind) })
	placeOf := make(map[string]int) // in d.Roots
	for _, r := range roots {
		if err := ctx.Err(); err != nil {
			return err
		}
		if member[r.Goroutine] || !w.telling(&r) {
			continue
		}
		if at := d.groupOf[r.Goroutine]; at >= 0 {
			d.Groups[at].Behind += r.Behind
			d.Groups[at].Idle = d.Groups[at].system
		}
		if len(placeOf) == MaxStories {
			d.MoreRoots++
			continue
		}
		root := p.newRoot(w, &r)
		k := root.kind()
		if at, ok := placeOf[k]; ok {
			d.Roots[at].Alike++
			continue
		}
		placeOf[k] = len(d.Roots)
		d.Roots = append(d.Roots, root)
	}
	return nil
}

// kind is what roots that are alike share: where they stand, and how those next
// to them wait for them.
func (r *Root) kind() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %t %t", r.State, r.Place, r.Certainty, r.Choice > 1, r.Circle)
	for _, t := range r.Through {
		fmt.Fprintf(&b, "\n%s %s", t.Kind, t.How)
	}
	return b.String()
}

// telling reports whether the end of a chain explains why others wait: it is
// known to hold what they want, or nobody else can give it and they want more
// than to receive, which is how an idle worker waits for work.
func (w *waitGraph) telling(r *graph.Root) bool {
	if r.Certainty != wake.Possible {
		return true
	}
	return r.Choice == 1 && slices.ContainsFunc(r.Objects, func(o int32) bool { return opOf(w.kind(o), o) != wait.Recv })
}

func (p *Process) newRoot(w *waitGraph, r *graph.Root) Root {
	g := p.gs[r.Goroutine]
	root := Root{Goid: g.Goid, State: g.state(), Place: g.place(), Behind: r.Behind, Choice: r.Choice, Certainty: r.Certainty, Circle: r.Circle, Through: []Through{}}
	for _, o := range r.Objects {
		t := Through{Object: w.addr(o), Kind: w.kind(o), Waiters: len(w.waitersOf(o))}
		for _, role := range w.rolesOf(o) {
			if !role.Peer && slices.Contains(role.Goroutines, r.Goroutine) {
				t.How = role.How
				break
			}
		}
		root.Through = append(root.Through, t)
	}
	return root
}
