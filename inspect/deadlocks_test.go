package inspect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wake"
)

// corpus are the builds on which deadlocks are looked for: the oldest, the
// newest and some between, plain and stripped.
func corpus() []target.Spec {
	var specs []target.Spec
	for _, version := range []string{"go1.18.10", "go1.22.12", "", "go1.27.3"} {
		specs = append(specs, target.Spec{Go: version})
	}
	return append(specs, target.Spec{Go: "go1.22.12", Ldflags: "-s -w"}, target.Spec{Go: "go1.27.3", Ldflags: "-s -w", BuildMode: "pie"})
}

// eachBuild runs f on a program of the corpus.
func eachBuild(t *testing.T, program string, f func(t *testing.T, c *target.Capture, p *inspect.Process), args ...string) {
	for _, s := range corpus() {
		s.Program = program
		name := orHost(s.Go)
		if s.Ldflags != "" {
			name += "-stripped"
		}
		if s.BuildMode != "" {
			name += "-" + s.BuildMode
		}
		t.Run(name, func(t *testing.T) {
			parallel(t)
			c := target.Take(t, s, target.Options{Args: args}, target.Kernel)
			f(t, c, open(t, c))
		})
	}
}

// Every deadlock is found with its cycle, and no set has a goroutine of another
// case. Every goroutine that the program says is stuck is a leak.
func TestDeadlocksAreNamedWithTheirCycle(t *testing.T) {
	eachBuild(t, "deadlocks", checkStuck)
}

// So they are where main itself is stuck.
func TestDeadlocksOfTheMainGoroutine(t *testing.T) {
	for _, name := range []string{"main-waits-for-worker", "main-double-lock", "main-receives", "main-abba"} {
		t.Run(name, func(t *testing.T) {
			c := target.Take(t, target.Spec{Program: "deadlocks"}, target.Options{Args: []string{name}}, target.Kernel)
			checkStuck(t, c, open(t, c))
		})
	}
}

func checkStuck(t *testing.T, c *target.Capture, p *inspect.Process) {
	sets, err := p.Deadlocks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leaks, err := p.Leaks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leaked := map[int64]bool{}
	for i := range leaks.Len() {
		leaked[int64(leaks.At(i).Goid)] = true
	}
	accounted := map[int64]bool{}
	for _, name := range strings.Split(c.Vars.String(t, "cases"), ",") {
		stuck := c.Vars.Ints(t, name+".stuck")
		for _, id := range stuck {
			accounted[id] = true
			if !leaked[id] {
				t.Errorf("%s: goroutine %d is no leak: %s", name, id, toJSON(t, answer(t, p, id)))
			}
		}
		checkSets(t, name, c.Vars[name+".cycle"], stuck, sets)
	}
	for _, d := range sets {
		for _, id := range d.Goids {
			if !accounted[int64(id)] {
				t.Errorf("goroutine %d is in no case, and here it is in a deadlock: %s", id, toJSON(t, d))
			}
		}
	}
}

// checkSets holds the sets that the goroutines of one case are in to what the
// target says: none, or one with that cycle.
func checkSets(t *testing.T, name, cycle string, stuck []int64, sets []inspect.Deadlock) {
	var mine []inspect.Deadlock
	for _, d := range sets {
		if slices.ContainsFunc(d.Goids, func(id uint64) bool { return slices.Contains(stuck, int64(id)) }) {
			mine = append(mine, d)
		}
	}
	for _, d := range mine {
		for _, id := range d.Goids {
			if !slices.Contains(stuck, int64(id)) {
				t.Errorf("%s: goroutine %d is of another case: %s", name, id, toJSON(t, d))
			}
		}
	}
	switch {
	case cycle == "" && len(mine) > 0 && !mayWaitForItself(mine):
		t.Errorf("%s has no cycle, but is named as one: %s", name, toJSON(t, mine))
	case cycle != "" && len(mine) != 1:
		t.Errorf("%s is in %d deadlocks, want one with cycle %s: %s", name, len(mine), cycle, toJSON(t, mine))
	case cycle != "" && !isCycle(mine[0], cycle):
		t.Errorf("%s: want cycle %s: %s", name, cycle, toJSON(t, mine[0]))
	}
}

// mayWaitForItself allows a set of one: what only the goroutine itself could
// end.
func mayWaitForItself(sets []inspect.Deadlock) bool {
	return len(sets) == 1 && len(sets[0].Goids) == 1
}

// isCycle compares a cycle with the ids that the target printed, "5,6|7": from
// any of them on.
func isCycle(d inspect.Deadlock, want string) bool {
	steps := strings.Split(want, ",")
	if len(steps) != len(d.Cycle) {
		return false
	}
	for turn := range steps {
		ok := true
		for i, s := range d.Cycle {
			next := d.Cycle[(i+1)%len(d.Cycle)]
			ok = ok && s.WaitsFor == next.Goid && slices.Contains(strings.Split(steps[(turn+i)%len(steps)], "|"), fmt.Sprint(s.Goid))
		}
		if ok {
			return true
		}
	}
	return false
}

// No goroutine that only looks stuck is accused.
func TestHealthyProgramsAreNotAccused(t *testing.T) {
	eachBuild(t, "healthy", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		sets, err := p.Deadlocks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range sets {
			t.Errorf("a deadlock in a healthy program: %s", toJSON(t, d))
		}
		leaks, err := p.Leaks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range leaks.Len() {
			l := leaks.At(i)
			t.Errorf("a leak in a healthy program: %s: %s", toJSON(t, l), toJSON(t, answer(t, p, int64(l.Goid))))
		}
		cases := strings.Split(c.Vars.String(t, "cases"), ",")
		if len(cases) < 40 {
			t.Errorf("only %d cases", len(cases))
		}
		for _, name := range cases {
			for _, id := range c.Vars.Ints(t, name+".goids") {
				if ans := answer(t, p, id); ans.Verdict == wake.Never || ans.Verdict == wake.Deadlock {
					t.Errorf("%s: goroutine %d: %s", name, id, toJSON(t, ans))
				}
			}
		}
	})
}

// The runtime's leak detector (Go 1.27) finds what the targets say: it accuses
// no goroutine of the healthy program, and all of the other but those that it
// cannot know: package-level variables or coroutines lead to them.
func TestTargetsAgreeWithTheLeakDetector(t *testing.T) {
	c := target.Take(t, target.Spec{Program: "healthy", Go: "go1.27.3"}, target.Options{}, target.Kernel)
	for _, g := range goroutines(t, open(t, c)) {
		if g.Status() == rt.Leaked {
			t.Errorf("goroutine %d of the healthy program (%s) is leaked", g.Goid, g.Start())
		}
	}
	c = target.Take(t, target.Spec{Program: "deadlocks", Go: "go1.27.3"}, target.Options{}, target.Kernel)
	p := open(t, c)
	for _, name := range strings.Split(c.Vars.String(t, "cases"), ",") {
		want := c.Vars[name+".undetected"] == ""
		for _, id := range c.Vars.Ints(t, name+".stuck") {
			if is := goroutine(t, p, id).Status() == rt.Leaked; is != want {
				t.Errorf("%s: goroutine %d: leaked = %v, want %v", name, id, is, want)
			}
		}
	}
}

// A thousand pairs that wait for each other in the same way are one story.
func TestDeadlocksThatAreAlikeAreToldOnce(t *testing.T) {
	const goroutines = 1000
	c := parked(t, "pairs", goroutines)
	p := open(t, c)
	list, err := p.Deadlocks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != goroutines/2 {
		t.Fatalf("%d deadlocks, want %d", len(list), goroutines/2)
	}
	for i, d := range list {
		if first := i == 0; d.LikeEarlier == first || first && d.Alike != goroutines/2-1 {
			t.Errorf("deadlock %d of %v: like an earlier one: %v; %d are like it", i, d.Goids, d.LikeEarlier, d.Alike)
		}
	}
	why, err := p.Why(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(why.Deadlocks) != 1 || why.Deadlocks[0].Alike != goroutines/2-1 || why.MoreDeadlocks != 0 {
		t.Errorf("why tells of %d deadlocks, and of %d more", len(why.Deadlocks), why.MoreDeadlocks)
	}
}
