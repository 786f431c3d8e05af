package inspect_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
)

// takeBubbles captures the target bubble with the versions that have bubbles.
func takeBubbles(t *testing.T, f func(t *testing.T, c *target.Capture, p *inspect.Process)) {
	for _, spec := range []target.Spec{
		{Program: "bubble", Go: "go1.24.13", Env: []string{"GOEXPERIMENT=synctest"}},
		{Program: "bubble", Go: "go1.25.12"},
		{Program: "bubble", Go: "go1.27.3"},
		{Program: "bubble", Go: "go1.27.3", Ldflags: "-s -w"},
	} {
		t.Run(spec.Go+spec.Ldflags, func(t *testing.T) {
			parallel(t)
			c := target.Take(t, spec, target.Options{}, target.Kernel)
			f(t, c, open(t, c))
		})
	}
}

// A sleep in a bubble ends by the bubble's clock, which stands still: the target
// sleeps for one hour, and so much is left.
func TestSleepsInABubbleGoByItsClock(t *testing.T) {
	takeBubbles(t, func(t *testing.T, c *target.Capture, p *inspect.Process) {
		id := c.Vars.Int(t, "sleep.goid")
		on := goroutine(t, p, id).WaitsOn()
		if len(on) != 1 || on[0].InNS == nil || *on[0].InNS != int64(time.Hour) {
			t.Errorf("sleep waits on %s, want one hour left", toJSON(t, on))
		}
		a := answer(t, p, id)
		if len(a.Wakers) == 0 || a.Wakers[0].InNS == nil || *a.Wakers[0].InNS != int64(time.Hour) {
			t.Errorf("sleep: %s, want one hour left", toJSON(t, a))
		}
	})
}

// The timers of a bubble are listed, with its address and its own time: that of
// the sleep and that of the context of the target.
func TestTimersListsThoseOfBubbles(t *testing.T) {
	takeBubbles(t, func(t *testing.T, c *target.Capture, p *inspect.Process) {
		list, err := p.Timers(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		g := goroutine(t, p, c.Vars.Int(t, "sleep.goid"))
		var does []string
		for i := range list {
			r := &list[i]
			if r.Never {
				t.Errorf("never fires: %s", toJSON(t, r))
			}
			if r.Bubble == nil {
				continue
			}
			does = append(does, string(r.Does))
			if *r.Bubble != g.Bubble || r.InNS == nil || *r.InNS != int64(time.Hour) || r.P != nil {
				t.Errorf("%s, want one hour left in bubble %v", toJSON(t, r), g.Bubble)
			}
			if r.Does == inspect.TimerWakes && (r.Goid == nil || *r.Goid != g.Goid) {
				t.Errorf("%s, want goroutine %d", toJSON(t, r), g.Goid)
			}
		}
		slices.Sort(does)
		if !slices.Equal(does, []string{"start", "wake"}) {
			t.Errorf("timers in bubbles: %v, want start and wake", does)
		}
	})
}
