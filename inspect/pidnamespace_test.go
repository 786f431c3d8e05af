package inspect_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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

// A debugger outside the namespace writes the ids that it knows into a core. The
// kernel says which the threads have in their own.
func TestThreadsOfACoreFromOutsideItsPIDNamespace(t *testing.T) {
	gcore, err := exec.LookPath("gcore")
	if err != nil {
		target.Missing(t, "%v", err)
	}
	for _, spec := range []target.Spec{{Program: "locks"}, {Program: "locks", Ldflags: "-s -w"}, {Program: "cgo", Cgo: true}} {
		t.Run(spec.Program+spec.Ldflags, func(t *testing.T) {
			exe := target.Build(t, spec)
			r := target.Start(t, exe, target.Options{Namespace: true})
			awaitSched(t, r, func(s *inspect.Sched) bool { return len(s.NoM) == 0 })
			core := filepath.Join(t.TempDir(), "core")
			if text, err := exec.Command(gcore, "-o", core, strconv.Itoa(r.PID)).CombinedOutput(); err != nil {
				t.Fatalf("gcore: %v: %s", err, text)
			}
			own := ownThreadIDs(t, r.PID)
			p, err := inspect.OpenCore(t.Context(), exe, core+"."+strconv.Itoa(r.PID), inspect.Options{Warn: func(s string) {
				if !strings.Contains(s, "another PID namespace") {
					t.Error(s)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			s, err := p.Sched(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []uint64
			for _, m := range s.Ms {
				if m.Thread == nil {
					continue // it waits for a thread of C
				}
				got = append(got, *m.Thread)
				if m.State == inspect.ThreadUnknown {
					t.Errorf("what thread %d does is not known", *m.Thread)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, own) || len(s.NoM) != 0 {
				t.Errorf("the Ms have the threads %v, and %v have none; the kernel says %v", got, s.NoM, own)
			}
		})
	}
}

// ownThreadIDs are the ids of a process's threads in their own PID namespace.
func ownThreadIDs(t *testing.T, pid int) []uint64 {
	t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var ids []uint64
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(text), "\nNSpid:")
		line, _, _ := strings.Cut(after, "\n")
		f := strings.Fields(line)
		id, err := strconv.ParseUint(f[len(f)-1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
