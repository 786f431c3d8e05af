package inspect_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
)

// A mark phase that a goroutine keeps from going on, as it does not stop to have its
// stack read, names the goroutine and why it does not stop.
func TestGCNamesWhatKeepsItFromMarking(t *testing.T) {
	for _, version := range schedReleases {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			r := startAssists(t, version)
			spinner := uint64(r.Vars.Int(t, "spinner.goid"))
			gc := awaitGC(t, r, func(gc *inspect.GC) bool { return len(gc.HeldUpBy) > 0 })
			if len(gc.HeldUpBy) != 1 {
				t.Fatalf("held up by %s, want goroutine %d", toJSON(t, gc.HeldUpBy), spinner)
			}
			h := gc.HeldUpBy[0]
			if h.Goroutine == nil || h.Goroutine.Goid != spinner || h.Kind != "loop" || h.Thread == nil ||
				!strings.Contains(h.Why, "asyncpreemptoff=1") || !slices.Contains([]string{"stack scan", "safe point"}, h.Wants) {
				t.Errorf("held up by %s, want goroutine %d", toJSON(t, h), spinner)
			}
		})
	}
}

// A collector that is done waits for nobody.
func TestGCThatIsDoneWaitsForNobody(t *testing.T) {
	r := target.Start(t, target.Build(t, target.Spec{Program: "stopworld"}), target.Options{Args: []string{"-how=none"}, Env: stopOptions})
	if gc := awaitGC(t, r, func(*inspect.GC) bool { return true }); gc.Phase != "off" || len(gc.HeldUpBy) != 0 {
		t.Errorf("phase %q, held up by %s", gc.Phase, toJSON(t, gc.HeldUpBy))
	}
}

// awaitGC attaches until ok is true of the collector, at most two minutes, and
// returns it as it was last.
func awaitGC(t *testing.T, r *target.Running, ok func(*inspect.GC) bool) *inspect.GC {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		p, err := inspect.Attach(t.Context(), r.PID, inspect.Options{})
		if err != nil {
			target.Missing(t, "attach: %v", err)
		}
		gc := gcState(t, p)
		p.Close()
		if ok(gc) || time.Now().After(end) {
			return gc
		}
	}
}
