package inspect_test

import (
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/wake"
)

// The runtime's own semaphores are named, with symbols and without: what each
// goroutine of the target does over and over says for which it may wait.
func TestTheRuntimesSemaphoresAreNamed(t *testing.T) {
	may := map[string][]string{
		"memstats":   {"runtime.worldsema"},
		"gomaxprocs": {"runtime.gcsema", "runtime.worldsema"},
		"collect":    {"runtime.work.startSema", "runtime.gcsema", "runtime.worldsema", "runtime.gcsema or runtime.worldsema"},
		"profile":    {"runtime.goroutineProfile.sema", "runtime.worldsema"},
		"metrics":    {"runtime.metricsSema"},
	}
	for _, version := range answered() {
		for _, ldflags := range []string{"", "-s -w"} {
			t.Run(orHost(version)+ldflags, func(t *testing.T) {
				parallel(t)
				c := target.Take(t, target.Spec{Program: "runtimesemas", Go: version, Ldflags: ldflags}, target.Options{}, target.Gcore)
				p := open(t, c)
				seen := make(map[string]int)
				for role, names := range may {
					if role == "profile" && minor(t, p.Info().Go) < 19 {
						names = may["memstats"] // it stops the world for all of it
					}
					for _, id := range c.Vars.Ints(t, role+".goids") {
						name := checkRuntimeSema(t, p, id, ldflags == "")
						if name != "" && !slices.Contains(names, name) {
							t.Errorf("%s: goroutine %d waits for %s, want one of %v", role, id, name, names)
						}
						seen[name]++
					}
				}
				t.Logf("waiting: %v", seen)
				if len(seen) < 2 {
					t.Errorf("no goroutine waits for a semaphore of the runtime")
				}
			})
		}
	}
}

// checkRuntimeSema returns the name of the runtime's semaphore that a goroutine
// waits for, "" if it does not wait for one.
func checkRuntimeSema(t *testing.T, p *inspect.Process, id int64, symbols bool) string {
	t.Helper()
	g := goroutine(t, p, id)
	if on := g.WaitsOn(); g.WaitReason() == "wait for GC cycle" && g.M == 0 && symbols && !strings.Contains(on[0].Note, "runtime.work.sweepWaiters") {
		t.Errorf("goroutine %d waits on %s, want its place among those that wait for the collector", id, toJSON(t, on))
	}
	if g.WaitReason() != "semacquire" || g.M != 0 {
		return ""
	}
	on := g.WaitsOn()
	if len(on) != 1 || on[0].Name == "" || on[0].Addr == nil {
		t.Errorf("goroutine %d waits on %s, want a semaphore of the runtime", id, toJSON(t, on))
		return ""
	}
	a := answer(t, p, id)
	if a.Verdict != wake.External || len(a.Wakers) != 1 || !strings.HasPrefix(a.Wakers[0].Evidence[0], on[0].Name) {
		t.Errorf("goroutine %d: %s", id, toJSON(t, a))
		return on[0].Name
	}
	// Who holds it does not wait for it.
	if w := a.Wakers[0]; w.By == wake.Goroutine {
		other := goroutine(t, p, int64(w.Goid)).WaitsOn()
		if w.Goid == uint64(id) || len(other) == 1 && other[0].Addr != nil && *other[0].Addr == *on[0].Addr {
			t.Errorf("goroutine %d: held by %d, which waits on %s: %s", id, w.Goid, toJSON(t, other), toJSON(t, a))
		}
	}
	return on[0].Name
}
