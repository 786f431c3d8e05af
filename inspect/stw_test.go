package inspect_test

import (
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

var stopOptions = []string{"GODEBUG=asyncpreemptoff=1", "GOGC=off"}

// stopCulprits are the ways in which the target keeps the world from stopping, with
// what is said of it.
var stopCulprits = []struct {
	how, kind, function, why string
	env                      []string
	// since is the first version that does not stop.
	since string
}{
	{"loop", "loop", "main.forever", "asyncpreemptoff=1", stopOptions, ""},
	{"nosplit", "nosplit", "rtdbgtargets/stopworld/spin.NoSplit", "does not check its stack", stopOptions, ""},
	// Before, the jump at the end of the loop was a safe point.
	{"nosplit", "nosplit", "rtdbgtargets/stopworld/spin.NoSplit", "at a point at which it may not be preempted", nil, "go1.25"},
	{"blocked", "loop", "main.forever", "the signal has not arrived", nil, ""},
	{"assembly", "assembly", "rtdbgtargets/stopworld/spin.Assembly", "no safe points", nil, ""},
	{"copy", "runtime", "runtime.memmove", "where it may not be preempted", nil, ""},
	{"pinned", "locks", "rtdbgtargets/stopworld/spin.Pinned", "locks=1", nil, ""},
}

// A stop of the world that a goroutine keeps from happening names who stops it and
// why, and the P, the goroutine and the thread that keep it, and in which way.
func TestStopTheWorldNamesTheCulprit(t *testing.T) {
	for _, version := range schedReleases {
		for _, tt := range stopCulprits {
			if version != "" && version < tt.since {
				continue
			}
			t.Run(orHost(version)+"/"+tt.how+" "+strings.Join(tt.env, " "), func(t *testing.T) {
				parallel(t)
				exe := target.Build(t, target.Spec{Program: "stopworld", Go: version})
				r := target.Start(t, exe, target.Options{Args: []string{"-how=" + tt.how}, Env: append([]string{"GOGC=off"}, tt.env...)})
				s := awaitSched(t, r, func(s *inspect.Sched) bool {
					return s.World == rt.WorldStopping && len(s.StillToStop) == 1 && len(s.StopTheWorld.Culprits) == 1 && s.StopTheWorld.Culprits[0].Kind == tt.kind
				})
				w := s.StopTheWorld
				stopper, culprit := uint64(r.Vars.Int(t, "stopper.goid")), uint64(r.Vars.Int(t, "culprit.goid"))
				if w == nil || w.By == nil || w.By.Goid != stopper || w.ByM == nil || w.Reason != "read mem stats" || w.InC {
					t.Fatalf("who stops: %s", toJSON(t, s))
				}
				if r.Vars.String(t, "go") >= "go1.23" && w.SinceNS == nil {
					t.Errorf("since: %s", toJSON(t, w))
				}
				if len(w.Culprits) != 1 {
					t.Fatalf("culprits: %s", toJSON(t, w))
				}
				c := w.Culprits[0]
				if c.P != s.StillToStop[0] || c.Thread == nil || c.Goroutine == nil || c.Goroutine.Goid != culprit ||
					c.Kind != tt.kind || c.Goroutine.Frames[0].Func != tt.function || !strings.Contains(c.Why, tt.why) {
					t.Errorf("culprit: %s, want %s in %s", toJSON(t, c), tt.kind, tt.function)
				}
			})
		}
	}
}

// Two that are in print keep the world from stopping: one holds the runtime's lock
// of print, the other waits for it.
func TestStopTheWorldNamesTheLockThatACulpritWaitsFor(t *testing.T) {
	for _, version := range schedReleases {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			exe := target.Build(t, target.Spec{Program: "stopworld", Go: version})
			r := target.Start(t, exe, target.Options{Args: []string{"-how=print"}, Env: []string{"GOGC=off"}})
			s := awaitSched(t, r, func(s *inspect.Sched) bool { return s.World == rt.WorldStopping && len(s.StillToStop) == 2 })
			kinds := map[uint64]inspect.STWCulprit{}
			for _, c := range s.StopTheWorld.Culprits {
				if c.Goroutine != nil {
					kinds[c.Goroutine.Goid] = c
				}
			}
			holder, waiter := kinds[uint64(r.Vars.Int(t, "culprit.goid"))], kinds[uint64(r.Vars.Int(t, "waiter.goid"))]
			if holder.Kind != "locks" || waiter.Kind != "lock" || !strings.Contains(waiter.Why, "runtime.debuglock") {
				t.Errorf("culprits: %s", toJSON(t, s.StopTheWorld.Culprits))
			}
		})
	}
}

// What waits in the queue of a P whose goroutine stops the world, or has stopped it,
// says that this is why it does not run.
func TestRunnableGoroutinesSayThatTheWorldStands(t *testing.T) {
	for _, tt := range []struct {
		how   string
		world rt.World
		why   string
	}{
		{"loop", rt.WorldStopping, "the world is being stopped"},
		{"c", rt.WorldStopped, "the world is stopped"},
	} {
		for _, version := range schedReleases {
			t.Run(orHost(version)+"/"+tt.how, func(t *testing.T) {
				parallel(t)
				exe := target.Build(t, target.Spec{Program: "stopworld", Go: version, Cgo: tt.how == "c"})
				r := target.Start(t, exe, target.Options{Args: []string{"-how=" + tt.how}, Env: stopOptions})
				awaitSched(t, r, func(s *inspect.Sched) bool { return s.World == tt.world && (tt.how == "loop" || s.StopTheWorld.InC) })
				q := runQ(t, r.PID)
				goid := uint64(r.Vars.Int(t, "queued.goid"))
				i := slices.IndexFunc(q.Ps, func(p inspect.RunQP) bool { return p.RunNext != nil && *p.RunNext == goid })
				if i < 0 || q.Ps[i].Status != rt.PGCStop || q.Ps[i].Queued[0].Why != tt.why || q.World != tt.world {
					t.Errorf("goroutine %d does not wait for the world: %s", goid, toJSON(t, q))
				}
			})
		}
	}
}

// A world that has been stopped by a goroutine that is in C now: the pause is a
// cgo call's.
func TestStopTheWorldNamesTheCallOfC(t *testing.T) {
	for _, version := range schedReleases {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			exe := target.Build(t, target.Spec{Program: "stopworld", Go: version, Cgo: true})
			r := target.Start(t, exe, target.Options{Args: []string{"-how=c"}, Env: stopOptions})
			s := awaitSched(t, r, func(s *inspect.Sched) bool {
				return s.World == rt.WorldStopped && s.StopTheWorld.InC
			})
			w := s.StopTheWorld
			if w == nil || w.By == nil || w.By.Goid != uint64(r.Vars.Int(t, "stopper.goid")) || !w.InC || len(w.Culprits) != 0 {
				t.Fatalf("who stops: %s", toJSON(t, s))
			}
			if !slices.Contains([]string{"all goroutines stack trace", "stack trace"}, w.Reason) {
				t.Errorf("reason %q", w.Reason)
			}
		})
	}
}

// A program in which the world was stopped and runs again stops nothing.
func TestNoStopTheWorldWhileTheWorldRuns(t *testing.T) {
	exe := target.Build(t, target.Spec{Program: "stopworld"})
	r := target.Start(t, exe, target.Options{Args: []string{"-how=none"}, Env: stopOptions})
	if s := attachedSched(t, r); s.World != rt.WorldRuns || s.StopTheWorld != nil {
		t.Errorf("%s", toJSON(t, s))
	}
}

// What keeps a P from stopping only for a moment is told in cores in which one thing
// was changed: that of a loop that keeps the world.
func TestStopTheWorldNamesWhatKeepsItForAMoment(t *testing.T) {
	exe := target.Build(t, target.Spec{Program: "stopworld"})
	r := target.Start(t, exe, target.Options{Args: []string{"-how=loop"}, Env: stopOptions})
	awaitSched(t, r, func(s *inspect.Sched) bool { return s.World == rt.WorldStopping && len(s.StillToStop) == 1 })
	c := r.Gcore()
	p := open(t, c)
	g := goroutine(t, p, c.Vars.Int(t, "culprit.goid"))
	for _, tt := range []struct {
		kind             string
		a                mem.Addr
		structure, field string
		value            uint64
	}{
		{"loop", g.M, "runtime.m", "locks", 0},
		{"locks", g.M, "runtime.m", "locks", 1},
		{"locks", g.M, "runtime.m", "mallocing", 1},
		{"crashed", g.M, "runtime.m", "dying", 1},
		{"scheduler", g.M, "runtime.m", "curg", 0},
		{"syscall", g.Addr, "runtime.g", "atomicstatus", uint64(p.RT.Layout.Consts["runtime._Gsyscall"])},
	} {
		t.Run(tt.kind+" "+tt.field, func(t *testing.T) {
			to := patch{}
			to.field(t, p, tt.a, tt.structure, tt.field, tt.value)
			s, err := open(t, to.apply(t, c, p)).Sched(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w := s.StopTheWorld
			if w == nil || len(w.Culprits) != 1 || w.Culprits[0].Kind != tt.kind {
				t.Errorf("%s: %s", tt.kind, toJSON(t, w))
			}
		})
	}
}
