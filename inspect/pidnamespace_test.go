package inspect_test

import (
	"strconv"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
)

// In a PID namespace of its own a target knows its threads by other ids than the
// debugger does. They are those of which it printed the ids all the same.
func TestThreadsInAnotherPIDNamespace(t *testing.T) {
	exe := target.Build(t, target.Spec{Program: "cthreads", Cgo: true})
	for _, tt := range []struct {
		name string
		open func(t *testing.T, pid int, o inspect.Options) (*inspect.Process, error)
	}{
		{"capture", func(t *testing.T, pid int, o inspect.Options) (*inspect.Process, error) {
			return inspect.Attach(t.Context(), pid, o)
		}},
		{"stopped", func(t *testing.T, pid int, o inspect.Options) (*inspect.Process, error) {
			o.Stop = true
			return inspect.Attach(t.Context(), pid, o)
		}},
		{"server", func(t *testing.T, pid int, o inspect.Options) (*inspect.Process, error) {
			return inspect.Connect(t.Context(), target.ServeDelve(t, "attach", strconv.Itoa(pid)), o)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := target.Start(t, exe, target.Options{Namespace: true})
			awaitSched(t, r, func(s *inspect.Sched) bool { return len(s.NoM) == 1 })
			p, err := tt.open(t, r.PID, inspect.Options{Warn: func(s string) { t.Error(s) }})
			if err != nil {
				target.Missing(t, "attach: %v", err)
			}
			defer p.Close()
			threadsAreThose(t, p, r)
		})
	}
}
