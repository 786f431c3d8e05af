package inspect

import (
	"context"
	"iter"

	"rtdbg/inspect/wake"
)

// Leaks returns the goroutines that nothing can ever wake, in order of their
// creation, but not the main goroutine in an empty select, which is by design.
func (p *Process) Leaks(ctx context.Context) (iter.Seq[Leak], error) {
	gs, err := p.Goroutines(ctx)
	if err != nil {
		return nil, err
	}
	a, err := p.analysis(ctx)
	if err != nil {
		return nil, err
	}
	return func(yield func(Leak) bool) {
		for _, g := range gs {
			if ctx.Err() != nil {
				return
			}
			v := a.Verdict(g.index)
			if !stuck(v) || wake.ByDesign(g.G, g.WaitReason()) {
				continue
			}
			l := Leak{Goid: g.Goid, WaitReason: g.WaitReason(), Group: g.Start(), Why: "nobody who can run is able to wake it"}
			if v == wake.Deadlock {
				l.Why = "all who could wake it are stuck as well"
			}
			if !yield(l) {
				return
			}
		}
	}, nil
}
