package inspect_test

import (
	"testing"

	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wake"
)

// The runtime's own leak detector (Go 1.27) and rtdbg agree on who is stuck for
// certain: a goroutine has status leaked exactly if the verdict on it is never
// or deadlock. The verdict does not look at the status.
func TestVerdictsAgreeWithTheLeakDetector(t *testing.T) {
	c := target.Take(t, target.Spec{Program: "leaks", Go: "go1.27.3"}, target.Options{}, target.Kernel)
	p := open(t, c)
	leaked := 0
	for _, g := range goroutines(t, p) {
		// The detector never reports the main goroutine (mgc.go).
		if g.Dead() || g.System() || g.Goid == 1 {
			continue
		}
		ans := answer(t, p, int64(g.Goid))
		stuck := ans.Verdict == wake.Never || ans.Verdict == wake.Deadlock
		if is := g.Status() == rt.Leaked; is != stuck {
			t.Errorf("goroutine %d (%s): status %s, verdict %s: %s", g.Goid, g.Start(), g.Status(), ans.Verdict, toJSON(t, ans))
		} else if is {
			leaked++
		}
	}
	if leaked < 15 {
		t.Errorf("only %d goroutines are leaked", leaked)
	}
}

// Without the detector, in the versions before it, the verdicts are the same.
func TestVerdictsWithoutTheLeakDetector(t *testing.T) {
	for _, version := range newest {
		t.Run(orHost(version), func(t *testing.T) {
			c := target.Take(t, target.Spec{Program: "leaks", Go: version}, target.Options{}, target.Kernel)
			p := open(t, c)
			for key, want := range map[string]bool{
				"recv": true, "send": true, "select": true, "nil": true, "none": true, "numbered": true, "worker1": true, "worker2": true, "context": true,
				"mutex": true, "rlock": true, "waitgroup": true, "cond": true, "ab": true, "ba": true, "chain.stuck": true, "chain.end": true,
				"chain.alive": false, "chain.sleeper": false, "global": false, "globalmutex": false, "registered": false,
				"registeredmutex": false, "afterfunc": false, "timer": false, "timeout": false, "sleep": false,
			} {
				ans := answer(t, p, c.Vars.Int(t, key+".goid"))
				if stuck := ans.Verdict == wake.Never || ans.Verdict == wake.Deadlock; stuck != want {
					t.Errorf("%s: stuck = %v, want %v: %s", key, stuck, want, toJSON(t, ans))
				}
			}
		})
	}
}
