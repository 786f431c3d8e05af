package inspect

import (
	"context"

	"rtdbg/inspect/graph"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// waitGraph is who waits for whom: what wake knows, as the graph room reads it.
// Each object of wake has a number there for each role in which goroutines wait
// on it: others wake the receivers of a channel than its senders.
type waitGraph struct {
	analyzer *wake.Analyzer
	// waiters are the goroutines that wait on an object of the graph, from
	// start of its number on.
	start, waiters []int32
	waits          []int32
	stuck          []bool // by goroutine
}

// waitGraph builds the graph. Its cost is linear in the waits.
func (p *Process) waitGraph(ctx context.Context) (*waitGraph, error) {
	a, err := p.analysis(ctx)
	if err != nil {
		return nil, err
	}
	n := a.Objects()
	w := &waitGraph{analyzer: a,
		start: make([]int32, sides*n+1), stuck: make([]bool, len(p.rawGs))}
	for i := range w.stuck {
		w.stuck[i] = a.State(i) == wake.Stuck
	}
	w.waiters = make([]int32, 0, len(p.rawGs))
	var of [sides][]int32
	for i := range n {
		for s := range of {
			of[s] = of[s][:0]
		}
		a.EachWaiter(i, func(g int32, op wait.Op) {
			s := sideOf(0, op)
			of[s] = append(of[s], g)
		})
		for s := range of {
			w.waiters = append(w.waiters, of[s]...)
			w.start[sides*i+s+1] = int32(len(w.waiters))
		}
	}
	return w, ctx.Err()
}

// sides is how many numbers an object has.
const sides = 3

// sideOf is the number in the graph of an object for those who want op of it.
func sideOf(object int, op wait.Op) int32 {
	switch op {
	case wait.Send, wait.RLock:
		return int32(sides*object) + 1
	case wait.Wait:
		return int32(sides*object) + 2
	}
	return int32(sides * object)
}

// opOf is the inverse: what the waiters want.
func opOf(kind wait.Kind, o int32) wait.Op {
	switch side := o % sides; {
	case side == 2:
		return wait.Wait
	case kind == wait.Chan && side == 1:
		return wait.Send
	case kind == wait.Chan:
		return wait.Recv
	case side == 1:
		return wait.RLock
	}
	return wait.Lock
}

// input is the graph for the graph room. Its Waits is not safe for concurrent
// use.
func (w *waitGraph) input(goroutines int) graph.Input {
	return graph.Input{
		Goroutines: goroutines, Objects: len(w.start) - 1,
		Stuck:   func(g int32) bool { return w.stuck[g] },
		Kind:    w.kind,
		Waiters: w.waitersOf,
		Waits: func(g int32) []int32 {
			w.waits = w.waits[:0]
			w.analyzer.Awaits(int(g), func(object int, op wait.Op) { w.waits = append(w.waits, sideOf(object, op)) })
			return w.waits
		},
		Roles: w.rolesOf,
		Enders: func(o int32, visit func(g int32, c wake.Certainty)) {
			w.analyzer.EachActor(int(o/sides), opOf(w.kind(o), o), visit)
		},
	}
}

// rolesOf are those who can end a wait on an object.
func (w *waitGraph) rolesOf(o int32) []graph.Role {
	list := w.analyzer.Candidates(int(o/sides), opOf(w.kind(o), o))
	if len(list) == 0 {
		return nil
	}
	roles := make([]graph.Role, len(list))
	for i, c := range list {
		roles[i] = graph.Role{Goroutines: c.Members, How: c.How, Certainty: c.Certainty, Peer: c.Peer}
	}
	return roles
}

// waitersOf are the goroutines that wait on an object.
func (w *waitGraph) waitersOf(o int32) []int32 { return w.waiters[w.start[o]:w.start[o+1]] }

// kind is the kind of an object.
func (w *waitGraph) kind(o int32) wait.Kind {
	_, kind := w.analyzer.Awaited(int(o / sides))
	return kind
}

// addr is the address of an object.
func (w *waitGraph) addr(o int32) mem.Addr {
	addr, _ := w.analyzer.Awaited(int(o / sides))
	return addr
}
