package wake

import (
	"strings"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/wait"
)

// findBubbles notes the objects that only members of one testing/synctest
// bubble can act on: those on which members of it are durably blocked. For all
// others it is a fatal error (runtime.chansend, closechan, readyWithTime of a
// notifyList, sync.(*WaitGroup).Add; since Go 1.25, of a sync.Cond since
// Go 1.24).
func (a *Analyzer) findBubbles() {
	for i := range a.info {
		b := a.gs[i].Bubble
		if b == 0 || !a.durable(i) {
			continue
		}
		if a.bubbles == nil {
			a.bubbles = make(map[uint32]mem.Addr)
		}
		for _, w := range a.waitsOf(i) {
			if w.obj >= 0 {
				a.bubbles[uint32(w.obj)] = b
			}
		}
	}
}

// durable reports whether a member of a bubble waits for what only other
// members of it can do.
func (a *Analyzer) durable(i int) bool {
	reason := a.rt.WaitReason(&a.gs[i])
	if strings.HasSuffix(reason, " (durable)") {
		return true
	}
	row, ok := a.wait.Row(&a.gs[i])
	return ok && row.Kind == wait.Cond
}

// outside reports whether goroutine i cannot act on object n because it is not
// of the object's bubble.
func (a *Analyzer) outside(i, n int) bool {
	if len(a.bubbles) == 0 {
		return false
	}
	b, ok := a.bubbles[uint32(n)]
	return ok && a.gs[i].Bubble != b
}
