package inspect

import (
	"slices"

	"rtdbg/inspect/rt"
)

// GCHolder is a P, with what runs on it, for which the collector waits.
type GCHolder struct {
	// Wants is "stack scan" where its goroutine's stack is wanted, which must stop
	// first (runtime.suspendG), "safe point" where the P has to run a function, as
	// all must before marking can end (runtime.forEachP).
	Wants string `json:"wants"`
	STWCulprit
}

// gcHolders fills in for whom the collector waits: those that were asked to stop, or
// to run a function, by a thread that still waits until they do.
func (p *Process) gcHolders(r *GC) error {
	ms, err := p.RT.AllMs()
	if err != nil {
		return err
	}
	scans, points := false, false
	for i := range ms {
		for _, f := range p.onThread(&ms[i]) {
			scans = scans || f == "runtime.suspendG"
			points = points || slices.Contains(safePoints, f)
		}
	}
	if !scans && !points {
		return nil
	}
	ps, err := p.RT.AllPs()
	for i := range ps {
		pp := &ps[i]
		if p.RT.PStatus(pp) != rt.PRunning {
			continue
		}
		switch g := p.RT.RunningOn(pp); {
		case scans && g != nil && p.RT.PreemptStop(g.Addr):
			r.HeldUpBy = append(r.HeldUpBy, GCHolder{"stack scan", p.culprit(pp, ms)})
		case points && p.RT.RunsSafePoint(pp.Addr):
			r.HeldUpBy = append(r.HeldUpBy, GCHolder{"safe point", p.culprit(pp, ms)})
		}
	}
	return err
}

// safePoints are the functions that wait until every P has run another one.
// runtime.forEachPInternal is since Go 1.22.
var safePoints = []string{"runtime.forEachP", "runtime.forEachP.func1", "runtime.forEachPInternal"}
