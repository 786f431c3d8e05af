package inspect_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/mem"
)

// markers are the workers that the pacer wants by the number of Ps, of which a
// quarter is to mark (gcBackgroundUtilization, mgcpacer.go): one of four Ps all the
// time, or where that would be too much a worker for a fraction of it. Idle workers
// there are none, as no P is idle.
var markers = []struct {
	procs int
	mode  string
}{
	{4, "dedicated"},
	{1, "fractional"},
}

// Workers of the collector that mark are found on the Ps that run them, and are of
// the kind that the pacer wants; Delve reads the same mode from the P.
func TestMarkWorkersAreThoseThatThePacerWants(t *testing.T) {
	for _, version := range schedReleases {
		for _, tt := range markers {
			t.Run(fmt.Sprintf("%s/%d Ps", orHost(version), tt.procs), func(t *testing.T) {
				parallel(t)
				exe := target.Build(t, target.Spec{Program: "marking", Go: version})
				r := target.Start(t, exe, target.Options{Args: []string{"-procs=" + strconv.Itoa(tt.procs)}, Env: []string{"GOGC=5"}})
				for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(3 * time.Millisecond) {
					if marks(t, r, tt.mode) {
						return
					}
				}
				t.Errorf("no %s worker marks", tt.mode)
			})
		}
	}
}

// marks stops the target and reports whether a worker marks; all of them must be
// of the mode.
func marks(t *testing.T, r *target.Running, mode string) bool {
	t.Helper()
	p, err := inspect.Attach(t.Context(), r.PID, inspect.Options{})
	if err != nil {
		target.Missing(t, "attach: %v", err)
	}
	defer p.Close()
	gc := gcState(t, p)
	if gc.Phase != "mark" || len(gc.Workers) == 0 {
		return false
	}
	for _, w := range gc.Workers {
		if w.Mode != mode || w.Start != "runtime.gcBgMarkWorker" && !strings.HasPrefix(w.Start, "runtime.gcBgMarkStartWorkers") {
			t.Errorf("%s, want %s workers", toJSON(t, w), mode)
		}
		v, err := p.Eval(t.Context(), fmt.Sprintf("runtime.allp[%d].gcMarkWorkerMode", w.P), -1, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.ToLower(v.Text), mode) {
			t.Errorf("p%d: Delve says %s, want %s", w.P, v.Text, mode)
		}
	}
	s, err := p.Sched(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, pp := range s.Ps {
		v, err := p.Eval(t.Context(), fmt.Sprintf("uintptr(runtime.allp[%d].mcache)", pp.ID), -1, 0)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := strconv.ParseUint(v.Text, 0, 64); err != nil || mem.Addr(n) != pp.MCache || n == 0 {
			t.Errorf("p%d: mcache %v, Delve says %s", pp.ID, pp.MCache, v.Text)
		}
	}
	return true
}

// What goroutines owe the collector is what Delve reads from them, and what those
// who are in the queue lack.
func TestAssistDebtIsWhatDelveReads(t *testing.T) {
	for _, version := range schedReleases {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			p := open(t, startAssists(t, version).Crash())
			gc := gcState(t, p)
			for _, a := range gc.AssistQueue {
				g, err := p.Goroutine(t.Context(), a.Goid)
				if err != nil {
					t.Fatal(err)
				}
				v, err := p.Eval(t.Context(), fmt.Sprintf("(*runtime.g)(%#x).gcAssistBytes", uint64(g.Addr)), -1, 0)
				if err != nil {
					t.Fatal(err)
				}
				if credit, err := strconv.ParseInt(v.Text, 0, 64); err != nil || credit != -a.DebtBytes {
					t.Errorf("goroutine %d owes %d bytes, Delve says its credit is %s", a.Goid, a.DebtBytes, v.Text)
				}
			}
			if len(gc.AssistQueue) == 0 {
				t.Error("nobody waits for credit")
			}
		})
	}
}
