package inspect_test

import (
	"testing"

	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
)

// A program that was stopped just after its receivers were taken out of their queues,
// and before they were made runnable, is read as well: without symbols too.
func TestReceiversThatHaveLeftTheirQueues(t *testing.T) {
	c := target.Take(t, target.Spec{Program: "pool"}, target.Options{}, target.Kernel)
	p := open(t, c)
	gs, err := p.Goroutines(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	to, receivers := patch{}, 0
	for _, g := range gs {
		if g.Status() != rt.Waiting || g.Waiting == 0 {
			continue
		}
		s, err := p.RT.ReadSudog(g.Waiting)
		if err != nil {
			t.Fatal(err)
		}
		if s.C == 0 {
			continue
		}
		receivers++
		for _, field := range []string{"recvq.first", "recvq.last", "sendq.first", "sendq.last"} {
			to.field(t, p, s.C, "runtime.hchan", field, 0)
		}
	}
	if receivers == 0 {
		t.Fatal("nobody waits on a channel")
	}
	moment := to.apply(t, c, p)
	for name, q := range map[string]int{"symbols": len(goroutines(t, open(t, moment))), "none": len(goroutines(t, twinOf(t, moment)))} {
		if q != len(gs) {
			t.Errorf("%s: %d goroutines, want %d", name, q, len(gs))
		}
	}
}
