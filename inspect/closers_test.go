package inspect_test

import (
	"slices"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/wake"
)

// Who holds a connection and goes on to close it can end the wait of its
// reader, after the network; the reader's own partner on the other side, which
// the reader only hears of through the network, is not named.
func TestIOWaitNamesWhoCouldCloseTheConnection(t *testing.T) {
	take(t, "network", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		a := answer(t, p, c.Vars.Int(t, "closing.reader.goid"))
		closer := uint64(c.Vars.Int(t, "closing.closer.goid"))
		at := slices.IndexFunc(a.Wakers, func(w wake.Waker) bool { return w.Goid == closer })
		if at < 1 || a.Wakers[at].How != "close" || a.Wakers[at].Certainty != wake.Possible || a.Verdict != wake.External {
			t.Errorf("goroutine %d is not among those who may close: %s", closer, toJSON(t, a))
		}
		for _, key := range []string{"pair0.client", "pair0.server"} {
			if a := answer(t, p, c.Vars.Int(t, key+".goid")); len(a.Wakers) != 1 {
				t.Errorf("%s: %s", key, toJSON(t, a))
			}
		}
	})
}
