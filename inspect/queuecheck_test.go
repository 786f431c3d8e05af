package inspect_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
)

func runQ(t *testing.T, pid int) *inspect.RunQ {
	t.Helper()
	p, err := inspect.Attach(t.Context(), pid, inspect.Options{})
	if err != nil {
		target.Missing(t, "attach: %v", err)
	}
	defer p.Close()
	q, err := p.RunQ(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// A goroutine that has yielded and whose thread waits for the lock of the global
// queue is runnable and stands in no queue: it is on its way.
func TestAGoroutineOnItsWayToAQueueIsInTransit(t *testing.T) {
	for _, version := range schedReleases {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			exe := target.Build(t, target.Spec{Program: "stalled", Go: version})
			r := target.Start(t, exe, target.Options{Args: []string{"-yield"}, Env: []string{"GODEBUG=schedtrace=1,scheddetail=1,asyncpreemptoff=1", "GOGC=off"}})
			goid := uint64(r.Vars.Int(t, "parker.goid"))
			var q *inspect.RunQ
			yields := false
			for end := time.Now().Add(time.Minute); !yields && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				q = runQ(t, r.PID)
				i := slices.IndexFunc(q.Odd, func(f inspect.QueueFinding) bool { return f.Goid != nil && *f.Goid == goid })
				if i < 0 {
					continue
				}
				// Before it yields it can be on its way from a system call.
				if f := q.Odd[i]; f.What != "lost" || f.Verdict != "in transit" {
					t.Fatalf("goroutine %d: %s", goid, toJSON(t, q))
				}
				yields = strings.Contains(q.Odd[i].Why, "goschedImpl")
			}
			if !yields {
				t.Errorf("goroutine %d: %s", goid, toJSON(t, q))
			}
		})
	}
}

// A program that works has nothing suspicious in its run queues, whenever it is
// stopped: what does not fit together is in transit.
func TestNothingIsSuspiciousInAProgramThatWorks(t *testing.T) {
	const enough, most = 20, 300
	for _, version := range schedReleases {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			exe := target.Build(t, target.Spec{Program: "spinners", Go: version})
			r := target.Start(t, exe, target.Options{})
			inTransit, looks := 0, 0
			for ; looks < enough || inTransit == 0 && looks < most; looks++ {
				q := runQ(t, r.PID)
				for _, f := range q.Odd {
					if inTransit++; f.Verdict != "in transit" {
						t.Errorf("%s", toJSON(t, f))
					}
				}
				if q.World != rt.WorldRuns {
					t.Errorf("the world %s", q.World)
				}
				time.Sleep(time.Millisecond)
			}
			if inTransit == 0 {
				t.Errorf("nothing was in transit in %d looks", looks)
			}
			t.Logf("%d of %d looks: something was in transit", inTransit, looks)
		})
	}
}

// Behind a busy P while others are idle stands what a thread that looks for work is
// about to take: then the scheduler counts one, and one says so of itself. The
// scheduler counts it before it is told (wakep, proc.go), so that now and then none
// does.
func TestASpinningMIsOnItsWayIfThereIsOne(t *testing.T) {
	const enough, most = 5, 400
	for _, version := range newest {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			r := target.Start(t, target.Build(t, target.Spec{Program: "spinners", Go: version}), target.Options{})
			said, there := 0, 0
			for looks := 0; looks < most && said < enough; looks++ {
				s, t := spinnersOnTheirWay(t, r.PID)
				said, there = said+s, there+t
			}
			if said == 0 || there <= said/2 {
				t.Errorf("it was said %d times that a spinning M is on its way, and %d times there was one", said, there)
			}
		})
	}
}

// spinnersOnTheirWay counts the goroutines of which it is said that a spinning M
// comes for them, and those where one is there and a P for it.
func spinnersOnTheirWay(t *testing.T, pid int) (said, there int) {
	t.Helper()
	p, err := inspect.Attach(t.Context(), pid, inspect.Options{})
	if err != nil {
		target.Missing(t, "attach: %v", err)
	}
	defer p.Close()
	q, qerr := p.RunQ(t.Context())
	s, serr := p.Sched(t.Context())
	if err := errors.Join(qerr, serr); err != nil {
		t.Fatal(err)
	}
	spins := slices.ContainsFunc(s.Ms, func(m inspect.SchedM) bool { return m.Spinning || m.State == inspect.ThreadSpins })
	idle := slices.ContainsFunc(s.Ps, func(p inspect.SchedP) bool { return p.Status == rt.PIdle })
	for _, pp := range q.Ps {
		for _, g := range pp.Queued {
			if strings.Contains(g.Why, "a spinning M is on its way") {
				if said++; spins && idle {
					there++
				}
			}
		}
	}
	return said, there
}
