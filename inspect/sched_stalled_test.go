package inspect_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
)

// A P whose thread is in a system call, and a thread that waits for a mutex of
// the runtime: both in a program whose sysmon is stuck, so that they remain.
func TestSchedOfATargetWhoseSysmonIsStuck(t *testing.T) {
	for _, version := range schedReleases {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			exe := target.Build(t, target.Spec{Program: "stalled", Go: version})
			r := target.Start(t, exe, target.Options{Env: []string{"GODEBUG=schedtrace=1,scheddetail=1,asyncpreemptoff=1", "GOGC=off"}})
			s := awaitSched(t, r, func(s *inspect.Sched) bool {
				return slices.ContainsFunc(s.Ps, func(p inspect.SchedP) bool { return p.InSyscall }) &&
					slices.ContainsFunc(s.Ms, func(m inspect.SchedM) bool { return m.WaitsForLock != nil && m.WaitsForLock.Name != "" }) // it spins before it sleeps
			})
			mainGoid := uint64(r.Vars.Int(t, "main.goid"))
			i := slices.IndexFunc(s.Ps, func(p inspect.SchedP) bool { return p.InSyscall })
			if i < 0 || s.Ps[i].SyscallGoid == nil || *s.Ps[i].SyscallGoid != mainGoid {
				t.Fatalf("no P is in a system call with goroutine %d: %s", mainGoid, toJSON(t, s))
			}
			want := rt.PSyscall
			if r.Vars.String(t, "go") >= "go1.26" {
				want = rt.PRunning
			}
			if s.Ps[i].Status != want {
				t.Errorf("p%d is %s, want %s", s.Ps[i].ID, s.Ps[i].Status, want)
			}
			i = slices.IndexFunc(s.Ms, func(m inspect.SchedM) bool { return m.WaitsForLock != nil })
			if i < 0 || s.Ms[i].WaitsForLock.Name != "runtime.sched.lock" || s.Ms[i].WaitsForLock.In == "" {
				t.Errorf("no thread waits for sched.lock: %s", toJSON(t, s.Ms))
			}
			if proven := r.Vars.String(t, "go") >= "go1.24"; i >= 0 && proven != (s.Ms[i].WaitsForLock.Certainty == "proven") {
				t.Errorf("%s", toJSON(t, s.Ms[i]))
			}
			// It holds sched.lock and the lock of print.
			if s.Sysmon == nil || s.Sysmon.Locks < 2 {
				t.Errorf("sysmon: %s", toJSON(t, s.Sysmon))
			}
		})
	}
}

// awaitSched attaches until ok is true of the scheduler, at most two minutes,
// and returns it as it was last.
func awaitSched(t *testing.T, r *target.Running, ok func(*inspect.Sched) bool) *inspect.Sched {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		s := attachedSched(t, r)
		if ok(s) || time.Now().After(end) {
			return s
		}
	}
}

func attachedSched(t *testing.T, r *target.Running) *inspect.Sched {
	t.Helper()
	p, err := inspect.Attach(context.Background(), r.PID, inspect.Options{})
	if err != nil {
		target.Missing(t, "attach: %v", err)
	}
	defer p.Close()
	s, err := p.Sched(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s
}
