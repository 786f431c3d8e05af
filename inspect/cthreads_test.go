package inspect_test

import (
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
)

// cthreadsReleases are those on which threads of C are looked at.
var cthreadsReleases = []string{"go1.22.12", "", "go1.27.3"}

// threadsOfC are the threads of the target: what is said of each, and the
// functions that must be on its stack, innermost first.
var threadsOfC = []struct {
	name  string
	state inspect.ThreadState // "" for one that is of no M
	on    []string
}{
	{"stuck", "", []string{"sleepInC", "never"}},
	{"callback", inspect.ThreadWaitsForLocked, []string{"runtime.stoplockedm"}},
	{"call", inspect.ThreadInC, []string{"sleepInC"}},
}

// Threads that C made, whether they have called Go or not, and one that has called
// C, are those of which the target printed the ids, with C's frames.
func TestThreadsOfCAreThoseOfTheTarget(t *testing.T) {
	for _, version := range cthreadsReleases {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			r := target.Start(t, target.Build(t, target.Spec{Program: "cthreads", Go: version, Cgo: true}), target.Options{})
			p, err := inspect.Attach(t.Context(), r.PID, inspect.Options{})
			if err != nil {
				target.Missing(t, "attach: %v", err)
			}
			defer p.Close()
			s, err := p.Sched(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, tt := range threadsOfC {
				thread := uint64(r.Vars.Int(t, tt.name+".thread"))
				if i := slices.IndexFunc(s.Ms, func(m inspect.SchedM) bool { return m.Thread != nil && *m.Thread == thread }); tt.state != "" {
					goid := uint64(r.Vars.Int(t, tt.name+".goid"))
					if i < 0 || s.Ms[i].State != tt.state || s.Ms[i].LockedGoid == nil || *s.Ms[i].LockedGoid != goid {
						t.Errorf("%s: no M is thread %d, %s, and locked to goroutine %d: %s", tt.name, thread, tt.state, goid, toJSON(t, s.Ms))
					}
				} else if i >= 0 || !slices.Equal(s.NoM, []uint64{thread}) {
					t.Errorf("%s: threads %v are of no M, want %d", tt.name, s.NoM, thread)
				}
				checkFrames(t, p, thread, tt.on)
			}
		})
	}
}

// checkFrames looks for functions on a thread's stack, in that order.
func checkFrames(t *testing.T, p *inspect.Process, thread uint64, want []string) {
	t.Helper()
	frames, err := p.ThreadFrames(t.Context(), int(thread))
	if err != nil {
		t.Errorf("thread %d: %v", thread, err)
	}
	var names []string
	rest := want
	for _, f := range frames {
		names = append(names, f.Func)
		if len(rest) > 0 && strings.Contains(f.Func, rest[0]) {
			rest = rest[1:]
		}
	}
	if len(rest) > 0 {
		t.Errorf("thread %d is in %v, want %v", thread, names, want)
	}
}
