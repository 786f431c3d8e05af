package inspect_test

import (
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
)

// A program that died is frozen: nobody stops its world and nobody keeps it. The
// thread that crashed is the one of which the crash text says so, and what was taken
// off its P to die is not said to wait for a P that is busy.
func TestTheWorldOfAProgramThatDiedIsFrozen(t *testing.T) {
	for _, version := range schedReleases {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			o := target.Options{Args: []string{"-procs=3"}, Env: []string{"GOGC=off"}}
			c := target.Take(t, target.Spec{Program: "marking", Go: version}, o, target.Kernel)
			p := open(t, c)
			s, err := p.Sched(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if w := s.StopTheWorld; s.World != rt.WorldFrozen || w == nil || w.By != nil || len(w.Culprits) > 0 || len(s.StillToStop) > 0 {
				t.Errorf("the world is %s, stopped by %s, still to stop: %v", s.World, toJSON(t, w), s.StillToStop)
			}
			for _, m := range s.Ms {
				if crashed := m.ID == c.Crash(t).Sections[0].M; crashed != (m.Dying != 0) {
					t.Errorf("m%d: dying=%d, the crash text names m%d", m.ID, m.Dying, c.Crash(t).Sections[0].M)
				}
			}
			checkFrozenQueues(t, p, s)
		})
	}
}

// checkFrozenQueues looks at why nothing is taken from the queues. The program kept
// all its Ps busy: those that stand still now do so because it died.
func checkFrozenQueues(t *testing.T, p *inspect.Process, s *inspect.Sched) {
	t.Helper()
	q, err := p.RunQ(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	still := 0
	for _, pp := range s.Ps {
		if pp.Status == rt.PGCStop {
			still++
		}
	}
	queued := q.GlobalQueued
	for _, pp := range q.Ps {
		queued = append(queued, pp.Queued...)
	}
	if still == 0 || len(queued) == 0 {
		t.Errorf("%d Ps stopped, %d goroutines are queued: nothing is compared", still, len(queued))
	}
	for _, g := range queued {
		if !strings.Contains(g.Why, "as the program died") || strings.Contains(g.Why, "busy") {
			t.Errorf("goroutine %d does not run: %s", g.Goid, g.Why)
		}
	}
	if len(q.Odd) > 0 {
		t.Errorf("odd: %s", toJSON(t, q.Odd))
	}
}

// A program that died while it stopped the world still says who stopped it and who
// kept it, although that one's thread took the signal.
func TestAStopOfTheWorldIsNamedInAProgramThatDied(t *testing.T) {
	for _, version := range schedReleases {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			o := target.Options{Args: []string{"-how=loop"}, Env: stopOptions}
			r := target.Start(t, target.Build(t, target.Spec{Program: "stopworld", Go: version}), o)
			// It is ready before it stops the world.
			awaitSched(t, r, func(s *inspect.Sched) bool {
				return s.World == rt.WorldStopping && len(s.StillToStop) == 1 && s.StopTheWorld != nil && s.StopTheWorld.By != nil
			})
			c := r.Crash()
			s, err := open(t, c).Sched(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w := s.StopTheWorld
			if s.World != rt.WorldFrozen || w == nil || w.By == nil || w.By.Goid != uint64(c.Vars.Int(t, "stopper.goid")) || w.Reason != "read mem stats" || len(w.Culprits) != 1 {
				t.Fatalf("the world is %s, stopped by %s", s.World, toJSON(t, w))
			}
			k := w.Culprits[0]
			kind := "loop"
			if k.M != nil && *k.M == c.Crash(t).Sections[0].M {
				kind = "crashed"
			}
			if k.Kind != kind || k.Goroutine == nil || k.Goroutine.Goid != uint64(c.Vars.Int(t, "culprit.goid")) || k.Goroutine.Frames[0].Func != "main.forever" {
				t.Errorf("culprit: %s, want %s", toJSON(t, k), kind)
			}
		})
	}
}
