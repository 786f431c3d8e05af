package star

import (
	"fmt"
	"path"
	"strings"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
	"rtdbg/inspect/wake"
)

func graphClass() *class[*inspect.WaitGraph] {
	type G = *inspect.WaitGraph
	return (&class[G]{
		name:   "Graph",
		doc:    "who waits for whom: groups of goroutines and objects",
		str:    func(_ *Interp, g G) string { return graphHead(g) },
		report: graphReport,
		attrs: []attr[G]{
			{"nodes", "each GraphNode: groups of goroutines, then objects", plain, func(in *Interp, g G) (starlark.Value, error) {
				return ok(in.classes.graphNode.list(in, g.Nodes))
			}},
			{"edges", "each GraphEdge: who waits on what, and who can end that", plain, func(in *Interp, g G) (starlark.Value, error) {
				return ok(in.classes.graphEdge.list(in, g.Edges))
			}},
			{"rest_groups", "number of groups that the limit left out", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(integer(g.RestGroups)) }},
			{"rest_objects", "number of nodes of objects that the limit left out", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(integer(g.RestObjects)) }},
			{"idle", "number of goroutines that wait for none and for which none waits", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(integer(g.Idle)) }},
		},
	}).finish()
}

func graphNodeClass() *class[inspect.GraphNode] {
	type N = inspect.GraphNode
	return (&class[N]{
		name: "GraphNode",
		doc:  "a group of goroutines, or like objects",
		str:  func(_ *Interp, n N) string { return n.ID + " " + strings.Join(nodeLabel(&n), ", ") },
		attrs: []attr[N]{
			{"id", "its name in edges: g1, o1", plain, func(_ *Interp, n N) (starlark.Value, error) { return ok(text(n.ID)) }},
			{"goroutines", "it is a group of goroutines, not objects", plain, func(_ *Interp, n N) (starlark.Value, error) { return ok(starlark.Bool(n.Goroutines)) }},
			{"count", "number of goroutines or objects", plain, func(_ *Interp, n N) (starlark.Value, error) { return ok(integer(n.Count)) }},
			{"in_cycle", "a member waits in a circle", plain, func(_ *Interp, n N) (starlark.Value, error) { return ok(starlark.Bool(n.InCycle)) }},
			{"goids", "ids of at most ten goroutines", plain, func(_ *Interp, n N) (starlark.Value, error) { return ok(goids(n.Goids)) }},
			{"state", "their wait reason or status", plain, func(_ *Interp, n N) (starlark.Value, error) { return ok(text(n.State)) }},
			{"verdict", "woken, wakeable, external, deadlock, never, unknown", plain, func(_ *Interp, n N) (starlark.Value, error) { return ok(text(n.Verdict)) }},
			{"function", "where the program stands", plain, func(_ *Interp, n N) (starlark.Value, error) { return ok(text(n.Function)) }},
			{"behind", "number of goroutines that wait for one of them", plain, func(_ *Interp, n N) (starlark.Value, error) { return ok(integer(n.Behind)) }},
			{"kind", "kind of the objects: chan, mutex, …", plain, func(_ *Interp, n N) (starlark.Value, error) { return ok(text(n.Kind)) }},
			{"object", "address of the first object, None for goroutines", address, func(_ *Interp, n N) (starlark.Value, error) { return ok(optional(n.Object, addr)) }},
		},
	}).finish()
}

func graphEdgeClass() *class[inspect.GraphEdge] {
	type E = inspect.GraphEdge
	return (&class[E]{
		name: "GraphEdge",
		doc:  "goroutines wait on an object, or can end waits on it",
		str:  func(_ *Interp, e E) string { return fmt.Sprintf("%s -> %s: %s", e.From, e.To, edgeLabel(&e)) },
		attrs: []attr[E]{
			{"source", "id of the GraphNode where it begins", plain, func(_ *Interp, e E) (starlark.Value, error) { return ok(text(e.From)) }},
			{"target", "id of that where it ends, others for what was left out", plain, func(_ *Interp, e E) (starlark.Value, error) { return ok(text(e.To)) }},
			{"op", "what goroutines want of the object", plain, func(_ *Interp, e E) (starlark.Value, error) { return ok(text(e.Op)) }},
			{"how", "what ends the wait", plain, func(_ *Interp, e E) (starlark.Value, error) { return ok(text(e.How)) }},
			{"certainty", "proven, inferred or possible", plain, func(_ *Interp, e E) (starlark.Value, error) { return ok(text(e.Certainty)) }},
			{"count", "number of goroutines", plain, func(_ *Interp, e E) (starlark.Value, error) { return ok(integer(e.Count)) }},
			{"in_cycle", "it is part of a circle", plain, func(_ *Interp, e E) (starlark.Value, error) { return ok(starlark.Bool(e.InCycle)) }},
		},
	}).finish()
}

func graphBuiltin() Builtin {
	return Builtin{
		Name:    "graph",
		Params:  []Param{{Name: "limit", Default: "30", Doc: "the most groups of goroutines to show"}},
		Doc:     "The wait-for graph: groups of goroutines, what they wait on, who can end that.",
		Example: "[n.id for n in graph().nodes]",
		call: func(in *Interp, a args) (starlark.Value, error) {
			limit := uint64(30)
			if a.given(0) {
				var err error
				if limit, err = number("limit", a[0]); err != nil {
					return nil, err
				}
			}
			g, err := in.p.Graph(in.ctx, int(min(limit, 1<<20)))
			if err != nil {
				return nil, err
			}
			return in.classes.graph.of(in, g), nil
		},
	}
}

// graphHead sums a graph up.
func graphHead(g *inspect.WaitGraph) string {
	groups, objects := 0, 0
	for i := range g.Nodes {
		if g.Nodes[i].Goroutines {
			groups++
		} else {
			objects++
		}
	}
	s := fmt.Sprintf("%s of goroutines, %d of objects", count(groups, "group"), objects)
	if g.RestGroups > 0 {
		s += fmt.Sprintf("; %s left out: see limit", more(g.RestGroups, "group"))
	}
	if g.Idle > 0 {
		s += fmt.Sprintf("; %d goroutines wait for none and none for them", g.Idle)
	}
	return s
}

// nodeLabel is what a node shows, line by line.
func nodeLabel(n *inspect.GraphNode) []string {
	if !n.Goroutines {
		return []string{objectLabel(n.Kind, n.Count, n.Object)}
	}
	who := fmt.Sprintf("goroutine %d", first(n.Goids))
	if n.Count != 1 {
		who = fmt.Sprintf("%d goroutines", n.Count)
	}
	lines := []string{fmt.Sprintf("%s [%s]", who, n.State)}
	if n.Function != "" {
		lines = append(lines, fmt.Sprintf("%s %s:%d", n.Function, path.Base(n.File), n.Line))
	}
	if n.Behind > 0 {
		lines = append(lines, fmt.Sprintf("%s behind", count(n.Behind, "goroutine")))
	}
	return lines
}

// edgeLabel is what stands at an edge.
func edgeLabel(e *inspect.GraphEdge) string {
	if e.How == "" {
		s := string(e.Op)
		if e.Count > 1 {
			s += fmt.Sprintf(" ×%d", e.Count)
		}
		return s
	}
	s := e.How
	if e.Certainty != wake.Proven {
		s += ", " + string(e.Certainty)
	}
	if e.Count > 1 {
		s += fmt.Sprintf(", one of %d", e.Count)
	}
	return s
}

func graphReport(_ *Interp, g *inspect.WaitGraph) render.Report {
	drawn := &render.Graph{}
	others := false
	for i := range g.Nodes {
		n := &g.Nodes[i]
		drawn.Nodes = append(drawn.Nodes, render.Node{ID: n.ID, Label: nodeLabel(n), Round: !n.Goroutines, Strong: n.InCycle})
	}
	for i := range g.Edges {
		e := &g.Edges[i]
		others = others || e.From == "others" || e.To == "others"
		drawn.Edges = append(drawn.Edges, render.Edge{From: e.From, To: e.To, Label: edgeLabel(e), Weak: e.Certainty == wake.Possible, Strong: e.InCycle})
	}
	if others {
		drawn.Nodes = append(drawn.Nodes, render.Node{ID: "others", Label: []string{more(g.RestGroups, "group")}})
	}
	return render.Report{Sections: []render.Section{render.Lines(func(yield func(string, error) bool) { graphLines(g, yield) })},
		Records: render.Of[any](g), Graph: drawn}
}

// graphLines lists each group with what it waits on and who can end that.
func graphLines(g *inspect.WaitGraph, yield func(string, error) bool) {
	nodes := make(map[string]*inspect.GraphNode)
	from := make(map[string][]*inspect.GraphEdge)
	for i := range g.Nodes {
		nodes[g.Nodes[i].ID] = &g.Nodes[i]
	}
	for i := range g.Edges {
		from[g.Edges[i].From] = append(from[g.Edges[i].From], &g.Edges[i])
	}
	lines := []string{graphHead(g)}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if !n.Goroutines {
			continue
		}
		head := n.ID + "  " + strings.Join(nodeLabel(n), ", ")
		if n.InCycle {
			head += "  IN A CYCLE"
		}
		lines = append(lines, "", head)
		for _, w := range from[n.ID] {
			lines = append(lines, "    "+edgeLabel(w)+" "+strings.Join(nodeLabel(nodes[w.To]), ""))
			for _, a := range from[w.To] {
				who := a.To
				if to := nodes[a.To]; to != nil {
					who = to.ID + " " + nodeLabel(to)[0]
				}
				lines = append(lines, fmt.Sprintf("        %s: %s", edgeLabel(a), who))
			}
			if len(from[w.To]) == 0 {
				lines = append(lines, "        nobody is known to be able to end this")
			}
		}
	}
	for _, l := range lines {
		if !yield(l, nil) {
			return
		}
	}
}
