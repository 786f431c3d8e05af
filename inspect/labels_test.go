package inspect_test

import (
	"fmt"
	"maps"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
)

// Profiler labels are those that the target set, whether the runtime keeps them
// as a list or, before Go 1.24, as a map.
func TestLabelsAreThoseOfTheTarget(t *testing.T) {
	for _, ldflags := range []string{"", "-s -w"} {
		t.Run("ldflags="+ldflags, func(t *testing.T) {
			forReleases(t, target.Spec{Program: "labels", Ldflags: ldflags}, 18, latest, func(t *testing.T, _ string, c *target.Capture, p *inspect.Process) {
				want := map[int64]map[string]string{
					1:                            {},
					c.Vars.Int(t, "nested.goid"): {"outer": "1", "both": "2", "": `"quoted", empty key`},
				}
				for _, n := range c.Vars.Ints(t, "counts") {
					labels := make(map[string]string, n)
					for i := range n {
						labels[fmt.Sprintf("key%d", i)] = fmt.Sprintf("value%d", i)
					}
					want[c.Vars.Int(t, fmt.Sprintf("goid%d", n))] = labels
				}
				for goid, labels := range want {
					if got, err := goroutine(t, p, goid).Labels(); err != nil || !maps.Equal(got, labels) {
						t.Errorf("goroutine %d: labels %q (%v), want %q", goid, got, err, labels)
					}
				}
			})
		})
	}
}
