package inspect

import (
	"rtdbg/inspect/rt"
)

// StopTheWorld says who stops the world, and who keeps it from stopping.
type StopTheWorld struct {
}

func (p *Process) stopTheWorld(r *Sched, ps []rt.P, ms []rt.M) *StopTheWorld { return nil }
