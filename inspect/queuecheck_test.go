package inspect_test

import (
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
			for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				if q = runQ(t, r.PID); q.NowRunnable > 0 {
					break
				}
			}
			i := slices.IndexFunc(q.Odd, func(f inspect.QueueFinding) bool { return f.Goid != nil && *f.Goid == goid })
			if i < 0 || q.Odd[i].What != "lost" || q.Odd[i].Verdict != "in transit" || !strings.Contains(q.Odd[i].Why, "goschedImpl") {
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
