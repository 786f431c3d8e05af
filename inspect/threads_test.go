package inspect_test

import (
	"slices"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
)

// threadReleases are those between which the runtime's ways with threads of C differ:
// up to Go 1.20 such a thread gives its M back whenever it leaves Go, up to Go 1.21 an
// M that stands by keeps the id of a thread.
var threadReleases = []string{"go1.18.10", "go1.22.12", "", "go1.27.3"}

// Threads that have nothing left to do are not said to wait for anything that will
// not come: those that the runtime counts as idle are idle, also where they went to
// sleep as the world stopped.
func TestThreadsWithNothingToDo(t *testing.T) {
	for _, version := range threadReleases {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			r := target.Start(t, target.Build(t, target.Spec{Program: "threads", Go: version}), target.Options{})
			// Threads are on their way for a moment after the last goroutine has run.
			s := awaitSched(t, r, func(s *inspect.Sched) bool { return idles(s) == int(s.NMIdle) && s.NMSpinning == 0 && len(s.NoM) == 0 })
			if n := idles(s); n != int(s.NMIdle) || n == 0 || s.World != rt.WorldRuns {
				t.Errorf("%d threads are idle, the runtime counts %d: %s", n, s.NMIdle, toJSON(t, s))
			}
			if m := threadOf(s, uint64(r.Vars.Int(t, "ended.thread"))); m == nil || m.State != inspect.ThreadHasEnded {
				t.Errorf("main thread: %s", toJSON(t, m))
			}
		})
	}
}

// A thread of C that has called Go and is in C again is in C; up to Go 1.20 it is of
// no M, and the M that it had stands by without a thread.
func TestThreadThatIsInCAgain(t *testing.T) {
	for _, version := range threadReleases {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			r := target.Start(t, target.Build(t, target.Spec{Program: "threads", Go: version, Cgo: true}), target.Options{})
			thread := uint64(r.Vars.Int(t, "returned.thread"))
			bound := r.Vars.String(t, "go") >= "go1.21"
			s := awaitSched(t, r, func(s *inspect.Sched) bool { return bound == (len(s.NoM) == 0) })
			if m := threadOf(s, thread); bound && (m == nil || m.State != inspect.ThreadInC) || !bound && (m != nil || !slices.Equal(s.NoM, []uint64{thread})) {
				t.Errorf("thread %d is %s, of no M are %v", thread, toJSON(t, m), s.NoM)
			}
			i := slices.IndexFunc(s.Ms, func(m inspect.SchedM) bool { return m.State == inspect.ThreadIsExtra })
			if i < 0 || s.Ms[i].Thread != nil || s.Ms[i].Does != "waits for a thread of C" {
				t.Errorf("no M stands by: %s", toJSON(t, s.Ms))
			}
		})
	}
}

// idles is how many threads are idle; one that polls the network is not.
func idles(s *inspect.Sched) int {
	n := 0
	for _, m := range s.Ms {
		if m.State == inspect.ThreadIdles {
			n++
		}
	}
	return n
}

// threadOf is the M that is the thread with the kernel's id, nil for none.
func threadOf(s *inspect.Sched, id uint64) *inspect.SchedM {
	for i := range s.Ms {
		if s.Ms[i].Thread != nil && *s.Ms[i].Thread == id {
			return &s.Ms[i]
		}
	}
	return nil
}
