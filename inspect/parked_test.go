package inspect_test

import (
	"context"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
)

// The runtime's own goroutines, which their start functions tell, are those that
// its variables name.
func TestTheRuntimesGoroutinesAreInItsVariables(t *testing.T) {
	is := map[string]string{
		"runtime.bgsweep": "runtime.sweep.g is it", "runtime.forcegchelper": "runtime.forcegc.g is it",
		"runtime.runfinq": "runtime.fing is it", "runtime.runFinalizers": "runtime.fing is it",
	}
	take(t, "waits", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		gs, err := p.Goroutines(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, g := range gs {
			want, ok := is[g.Start()]
			if !ok || g.M != 0 || !strings.Contains(g.WaitReason(), "wait") && !strings.Contains(g.WaitReason(), "idle") {
				continue
			}
			seen++
			if on := g.WaitsOn(); len(on) != 1 || !strings.HasSuffix(on[0].Note, want) {
				t.Errorf("goroutine %d waits on %s, want %s", g.Goid, toJSON(t, on), want)
			}
		}
		if seen < 2 {
			t.Errorf("%d goroutines of the runtime, want the sweeper and that which forces collections at least", seen)
		}
	})
}
