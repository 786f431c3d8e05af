package wait

import (
	"fmt"
	"time"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// describeBubble says how a synctest bubble stands.
func (r *Resolver) describeBubble(on *On) {
	on.Type = "runtime.synctestBubble"
	b, err := r.rt.ReadBubble(*on.Addr)
	if err != nil {
		return
	}
	name := "the bubble"
	if b.ID != 0 {
		name = fmt.Sprintf("bubble %d", b.ID)
	}
	on.Note += fmt.Sprintf("; %s has %s, of which %d are not durably blocked; its clock stands at %s",
		name, count(int(b.Total), "goroutine"), b.Running, time.Unix(0, b.Now).UTC().Format(time.RFC3339Nano))
	if id, ok := r.goid(b.Root); ok {
		on.Note += fmt.Sprintf("; goroutine %d made it", id)
	}
	if id, ok := r.goid(b.Waiter); ok {
		on.Note += fmt.Sprintf(", goroutine %d is in synctest.Wait", id)
	}
}

// goid returns the id of the goroutine at a; ok is false for 0 and what cannot
// be read.
func (r *Resolver) goid(a mem.Addr) (id uint64, ok bool) {
	if a == 0 {
		return 0, false
	}
	g, err := r.rt.ReadG(a)
	return g.Goid, err == nil && g.Goid != 0
}

// leftOf returns the time from the capture to when on the clock of g: that of
// its bubble, or nanotime; nil if that is not known.
func (r *Resolver) leftOf(g *rt.G, when int64) *int64 {
	if g.Bubble == 0 {
		return r.left(when)
	}
	b, err := r.rt.ReadBubble(g.Bubble)
	if err != nil {
		return nil
	}
	return ptr(when - b.Now)
}
