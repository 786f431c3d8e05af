package inspect_test

import (
	"fmt"
	"slices"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/wake"
)

// Those who wait for a lock hear how many are in front of them: the target
// queued them one after the other.
func TestWaitersOfALockHearTheirPlaceInTheQueue(t *testing.T) {
	take(t, "locks", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		for _, key := range []string{"mutex"} {
			queue := c.Vars.Ints(t, key+".waiters")
			if len(queue) < 2 {
				t.Fatalf("%s: only %d waiters", key, len(queue))
			}
			for at, goid := range queue {
				a := answer(t, p, goid)
				want := fmt.Sprintf("%d of the %d in the queue are in front of goroutine %d", at, len(queue), goid)
				if !slices.ContainsFunc(a.Wakers, func(w wake.Waker) bool { return slices.Contains(w.Evidence, want) }) {
					t.Errorf("%s: nobody's evidence is %q: %s", key, want, toJSON(t, a))
				}
			}
		}
	})
}
