package inspect

import (
	"context"
	"fmt"

	"rtdbg/inspect/graph"
	"rtdbg/inspect/stack"
	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// Leak is a goroutine that nothing can ever wake.
type Leak struct {
	Goid       uint64 `json:"goid"`
	WaitReason string `json:"wait_reason"`
	// Why says in one sentence why nobody wakes it.
	Why string `json:"why"`
	// Group is the function that the goroutine runs.
	Group string `json:"group"`
	// Place is where the program stands in it.
	Place string `json:"place"`
}

// Leaks are the goroutines that nothing can ever wake, in order of their
// creation. What is said of each is found when it is asked for. It is not safe
// for concurrent use.
type Leaks struct {
	p    *Process
	w    *waitGraph
	list []int32
	// sets has the deadlock of each goroutine that is in one.
	sets  map[int32]*graph.Deadlock
	alike map[leakKey]Leak
}

// leakKey is what leaks that are alike share.
type leakKey struct {
	stack   *stack.Stack
	verdict wake.Verdict
	kind    wait.Kind
	set     *graph.Deadlock
}

// Leaks finds the goroutines that nothing can ever wake. The main goroutine in
// an empty select, which is by design, is none.
func (p *Process) Leaks(ctx context.Context) (*Leaks, error) {
	w, err := p.waitGraph(ctx)
	if err != nil {
		return nil, err
	}
	l := &Leaks{p: p, w: w, sets: make(map[int32]*graph.Deadlock), alike: make(map[leakKey]Leak)}
	for i, g := range p.gs {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if w.analyzer.State(i) == wake.Stuck && stuck(w.analyzer.Verdict(i)) && !wake.ByDesign(g.G, g.WaitReason()) {
			l.list = append(l.list, int32(i))
		}
	}
	if len(l.list) == 0 {
		return l, nil
	}
	sets := graph.Deadlocks(w.input(len(p.gs)))
	for i := range sets {
		for _, g := range sets[i].Goroutines {
			l.sets[g] = &sets[i]
		}
	}
	return l, nil
}

// Len is how many they are.
func (l *Leaks) Len() int { return len(l.list) }

// At returns number i of them.
func (l *Leaks) At(i int) Leak {
	n := l.list[i]
	g := l.p.gs[n]
	k := leakKey{g.Trace().Stack, l.w.analyzer.Verdict(int(n)), l.w.analyzer.Kind(int(n)), l.sets[n]}
	leak, ok := l.alike[k]
	if !ok {
		leak = Leak{WaitReason: g.WaitReason(), Group: g.Start(), Place: g.place()}
		if k.set != nil {
			leak.Why = l.p.deadlocked(k.set)
		} else {
			leak.Why = abandoned(k.verdict, g.WaitsOn())
		}
		l.alike[k] = leak
	}
	leak.Goid = g.Goid
	return leak
}

// deadlocked says why a member of a set is never woken.
func (p *Process) deadlocked(d *graph.Deadlock) string {
	if len(d.Goroutines) == 1 {
		return "it waits for itself"
	}
	return fmt.Sprintf("in a deadlock of %d goroutines, goroutine %d among them", len(d.Goroutines), p.gs[d.Cycle[0].From].Goid)
}

// abandoned says why a goroutine that is in no cycle is never woken.
func abandoned(v wake.Verdict, on []wait.On) string {
	if v == wake.Deadlock {
		return "all who could wake it are stuck as well"
	}
	none := true
	for _, o := range on {
		none = none && o.Nil
	}
	switch {
	case len(on) == 0:
		return "it waits for nothing that could come"
	case none:
		return "the channel is nil"
	case len(on) == 1:
		return fmt.Sprintf("nobody who can run is able to end its wait on the %s (%s)", on[0].Kind, on[0].Op)
	}
	return fmt.Sprintf("nobody who can run is able to end any of the %d cases of its select", len(on))
}
