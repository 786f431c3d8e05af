package inspect_test

import (
	"slices"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
)

var stopOptions = []string{"GODEBUG=asyncpreemptoff=1", "GOGC=off"}

// A stop of the world that a loop keeps from happening names who stops it and
// why, and the P, the goroutine and the thread that keep it.
func TestStopTheWorldNamesTheLoop(t *testing.T) {
	for _, version := range schedReleases {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			exe := target.Build(t, target.Spec{Program: "stopworld", Go: version})
			r := target.Start(t, exe, target.Options{Args: []string{"-how=loop"}, Env: stopOptions})
			s := awaitSched(t, r, func(s *inspect.Sched) bool { return s.World == rt.WorldStopping && len(s.StillToStop) == 1 })
			w := s.StopTheWorld
			stopper, culprit := uint64(r.Vars.Int(t, "stopper.goid")), uint64(r.Vars.Int(t, "culprit.goid"))
			if w == nil || w.By == nil || w.By.Goid != stopper || w.ByM == nil || w.Reason != "read mem stats" || w.InC {
				t.Fatalf("who stops: %s", toJSON(t, s))
			}
			if len(w.Culprits) != 1 || w.Culprits[0].P != s.StillToStop[0] || w.Culprits[0].Goroutine == nil || w.Culprits[0].Goroutine.Goid != culprit ||
				w.Culprits[0].Kind != "loop" || w.Culprits[0].Thread == nil || w.Culprits[0].Goroutine.Frames[0].Func != "main.loop" {
				t.Errorf("culprits: %s", toJSON(t, w.Culprits))
			}
			if r.Vars.String(t, "go") >= "go1.23" && w.SinceNS == nil {
				t.Errorf("since: %s", toJSON(t, w))
			}
		})
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
