package inspect

import (
	"context"
	"fmt"

	"rtdbg/inspect/graph"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// WaitGraph is who waits for whom: groups of goroutines, the objects that they
// wait on, and who can end that. Like objects are one node.
type WaitGraph struct {
	Nodes []GraphNode `json:"nodes"`
	Edges []GraphEdge `json:"edges"`
	// RestGroups and RestObjects are the nodes that the limit left out.
	RestGroups  int `json:"rest_groups"`
	RestObjects int `json:"rest_objects"`
	// Idle counts the goroutines that wait for no goroutine and for which
	// none waits.
	Idle int `json:"idle"`
}

// GraphNode is a group of goroutines or like objects.
type GraphNode struct {
	// ID names the node in edges: "g1", "o1", or "others".
	ID string `json:"id"`
	// Goroutines says which of the two it is; Count how many are in it.
	Goroutines bool `json:"goroutines"`
	Count      int  `json:"count"`
	// InCycle says that a member waits in a circle.
	InCycle bool `json:"in_cycle"`

	// Goids are at most ten of the goroutines; the other fields are those of
	// their Group.
	Goids    []uint64     `json:"goids,omitempty"`
	State    string       `json:"state,omitempty"`
	Verdict  wake.Verdict `json:"verdict,omitempty"`
	Function string       `json:"function,omitempty"`
	File     string       `json:"file,omitempty"`
	Line     int          `json:"line,omitempty"`
	Behind   int          `json:"behind,omitempty"`

	// Kind is that of the objects, Object the address of the first.
	Kind   wait.Kind `json:"kind,omitempty"`
	Object *mem.Addr `json:"object,omitempty"`
}

// GraphEdge leads from goroutines to what they wait on, or from an object to
// those who can end that.
type GraphEdge struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Op is what the goroutines want of the object, How what ends the wait:
	// one of them is set.
	Op  wait.Op `json:"op,omitempty"`
	How string  `json:"how,omitempty"`
	// Certainty is that of How.
	Certainty wake.Certainty `json:"certainty,omitempty"`
	// Count is how many goroutines the edge stands for.
	Count int `json:"count"`
	// InCycle says that the edge is part of a circle.
	InCycle bool `json:"in_cycle"`
}

// others is the node for all groups that are left out.
const others = "others"

// Graph returns the wait-for graph with at most limit groups of goroutines.
func (p *Process) Graph(ctx context.Context, limit int) (*WaitGraph, error) {
	if limit < 1 {
		return nil, fmt.Errorf("the limit of groups is %d: want at least 1", limit)
	}
	d, err := p.Why(ctx)
	if err != nil {
		return nil, err
	}
	w, err := p.waitGraph(ctx)
	if err != nil {
		return nil, err
	}
	in := w.input(len(p.gs))
	d.leaveOutSystem()
	b := &graphBuilder{w: w, d: d, f: graph.Fold(in, d.groupOf, limit)}
	b.groups()
	b.objects()
	b.edges(graph.Deadlocks(in))
	return &b.g, nil
}

// leaveOutSystem takes the runtime's own goroutines out of all groups.
func (d *Diagnosis) leaveOutSystem() {
	for i, at := range d.groupOf {
		if at >= 0 && d.Groups[at].system {
			d.groupOf[i] = -1
		}
	}
}

// graphBuilder turns a folded graph into words.
type graphBuilder struct {
	w *waitGraph
	d *Diagnosis
	f *graph.Folded
	g WaitGraph
	// node is the place in g.Nodes of each group that appears, things where
	// the objects begin.
	node   map[int32]int
	things int
}

// groups makes the nodes of goroutines.
func (b *graphBuilder) groups() {
	b.g = WaitGraph{Nodes: []GraphNode{}, Edges: []GraphEdge{}, RestGroups: b.f.Rest, RestObjects: b.f.RestThings}
	b.node = make(map[int32]int)
	shown := 0
	for _, at := range b.f.Groups {
		gr := &b.d.Groups[at]
		shown += gr.Count
		b.node[at] = len(b.g.Nodes)
		b.g.Nodes = append(b.g.Nodes, GraphNode{ID: fmt.Sprint("g", len(b.g.Nodes)+1), Goroutines: true, Count: gr.Count,
			Goids: gr.Goids[:min(len(gr.Goids), 10)], State: gr.State, Verdict: gr.Verdict, Function: gr.Function, File: gr.File, Line: gr.Line, Behind: gr.Behind})
	}
	if b.f.Rest == 0 {
		b.g.Idle = b.d.Goroutines - shown
	}
}

// objects makes the nodes of objects.
func (b *graphBuilder) objects() {
	b.things = len(b.g.Nodes)
	for i, t := range b.f.Things {
		at := b.w.addr(t.First)
		b.g.Nodes = append(b.g.Nodes, GraphNode{ID: fmt.Sprint("o", i+1), Count: t.Count, Kind: t.Kind, Object: &at})
	}
}

// id names a group.
func (b *graphBuilder) id(group int32) string {
	if at, ok := b.node[group]; ok {
		return b.g.Nodes[at].ID
	}
	return others
}

// edges makes the edges and marks those of cycles.
func (b *graphBuilder) edges(sets []graph.Deadlock) {
	type edge struct{ from, to int32 }
	waits, acts := make(map[edge]bool), make(map[edge]bool)
	for i := range sets {
		for _, s := range sets[i].Cycle {
			t := b.f.Thing(s.Object)
			waits[edge{b.d.groupOf[s.From], t}] = true
			acts[edge{t, b.d.groupOf[s.Next]}] = true
			for _, group := range []int32{b.d.groupOf[s.From], b.d.groupOf[s.Next]} {
				if at, ok := b.node[group]; ok {
					b.g.Nodes[at].InCycle = true
				}
			}
			if t >= 0 {
				b.g.Nodes[b.things+int(t)].InCycle = true
			}
		}
	}
	object := func(t int32) string { return b.g.Nodes[b.things+int(t)].ID }
	for _, e := range b.f.Waits {
		o := b.f.Things[e.Thing].First
		b.g.Edges = append(b.g.Edges, GraphEdge{From: b.id(e.Group), To: object(e.Thing), Op: opOf(b.w.kind(o), o),
			Count: int(e.Count), InCycle: waits[edge{e.Group, e.Thing}]})
	}
	for _, e := range b.f.Acts {
		b.g.Edges = append(b.g.Edges, GraphEdge{From: object(e.Thing), To: b.id(e.Group), How: e.How, Certainty: e.Certainty,
			Count: int(e.Count), InCycle: acts[edge{e.Thing, e.Group}]})
	}
}
