package inspect_test

import (
	"slices"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/wake"
)

// Who is not of a synctest bubble may hold its channels, but using them is a
// fatal error (runtime.chansend since Go 1.25): only members wake members.
func TestOnlyMembersOfABubbleWakeItsMembers(t *testing.T) {
	take(t, "bubble", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		if minor(t, p.Info().Go) < 25 {
			return
		}
		a := answer(t, p, c.Vars.Int(t, "crossed.goid"))
		named := func(key string) bool {
			goid := uint64(c.Vars.Int(t, key+".goid"))
			return slices.ContainsFunc(a.Wakers, func(w wake.Waker) bool { return w.Goid == goid || slices.Contains(w.Goids, goid) })
		}
		if !named("insider") || named("outsider") {
			t.Errorf("insider %d, outsider %d: %s", c.Vars.Int(t, "insider.goid"), c.Vars.Int(t, "outsider.goid"), toJSON(t, a))
		}
	})
}
