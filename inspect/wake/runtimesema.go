package wake

import (
	"fmt"

	"rtdbg/inspect/rt"
)

// runtimeSemaWaker names who releases the semaphore of the runtime's own that g
// waits on: the goroutine that holds it where that was found, else the part of
// the runtime that it belongs to.
func (a *Analyzer) runtimeSemaWaker(g *rt.G) Waker {
	s, at, _ := a.wait.RuntimeSema(g)
	w := Waker{By: byOf(s.Class), How: "unlock", Certainty: Possible,
		Evidence: []string{fmt.Sprintf("%s %v, the runtime's own semaphore for %s", s.Name, at, s.Guards)}}
	if at != 0 {
		w.Object = &at
	}
	if goid, how, ok := a.wait.HolderOf(s, at); ok && goid != g.Goid {
		w.By, w.Goid, w.Certainty = Goroutine, goid, Inferred
		w.Evidence = append(w.Evidence, fmt.Sprintf("goroutine %d holds it: %s", goid, how))
	}
	return w
}
