package inspect_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/cstack"
	"rtdbg/inspect/delve"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/mem"
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
			// Threads that the runtime starts are of no M until they have begun.
			awaitSched(t, r, func(s *inspect.Sched) bool { return len(s.NoM) == 1 })
			for _, heap := range []inspect.Heap{inspect.HeapAll, inspect.HeapNone} {
				checkThreadsOfC(t, r, inspect.Options{Heap: heap})
			}
		})
	}
}

// checkThreadsOfC compares what is said of the threads with what the target said.
func checkThreadsOfC(t *testing.T, r *target.Running, o inspect.Options) {
	t.Helper()
	p, err := inspect.Attach(t.Context(), r.PID, o)
	if err != nil {
		target.Missing(t, "attach: %v", err)
	}
	defer p.Close()
	threadsAreThose(t, p, r)
}

func threadsAreThose(t *testing.T, p *inspect.Process, r *target.Running) {
	t.Helper()
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
}

// checkFrames looks for functions on a thread's stack, in that order, and returns
// all that are there.
func checkFrames(t *testing.T, p *inspect.Process, thread uint64, want []string) []string {
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
	return names
}

// cthreadsBuilds are executables whose C code is found in different ways: in shared
// libraries, and all in one file, which has no sorted unwind table where it is not
// position-independent. For those linked statically Delve does not find the way out
// of pause, which has no DWARF there, on a thread that runs a goroutine.
var cthreadsBuilds = []struct {
	name   string
	spec   target.Spec
	static bool
}{
	{"exe", target.Spec{}, false},
	{"pie", target.Spec{BuildMode: "pie"}, false},
	{"static", target.Spec{Ldflags: "-linkmode=external -extldflags=-static"}, true},
	{"static-pie", target.Spec{BuildMode: "pie", Ldflags: "-linkmode=external -extldflags=-static-pie"}, true},
}

// A capture, gdb's core and Delve's show the C frames of the target's threads that
// Delve finds in the process itself.
func TestCFramesOfCoresAreDelvesOfTheProcess(t *testing.T) {
	for _, version := range cthreadsReleases {
		for _, b := range cthreadsBuilds {
			t.Run(orHost(version)+"/"+b.name, func(t *testing.T) {
				parallel(t)
				spec := b.spec
				spec.Program, spec.Go, spec.Cgo = "cthreads", version, true
				r := target.Start(t, target.Build(t, spec), target.Options{})
				want := framesOf(t, r, attached(t, r.PID, inspect.Options{Stop: true}))
				captured := framesOf(t, r, attached(t, r.PID, inspect.Options{}))
				if b.static {
					want["call"] = captured["call"]
				}
				for _, tt := range threadsOfC {
					if len(want[tt.name]) < 4 {
						t.Errorf("%s has %v only", tt.name, want[tt.name])
					}
				}
				compareFrames(t, "capture", captured, want)
				compareFrames(t, "gcore", framesOf(t, r, gcored(t, r)), want)
				compareFrames(t, "Delve's core", framesOf(t, r, dumpedByDelve(t, r)), want)
			})
		}
	}
}

// gcored opens a core of a target that gdb writes.
func gcored(t *testing.T, r *target.Running) *inspect.Process {
	t.Helper()
	prefix := filepath.Join(t.TempDir(), "core")
	pid := strconv.Itoa(r.PID)
	if out, err := exec.Command("gcore", "-o", prefix, pid).CombinedOutput(); err != nil {
		target.Missing(t, "gcore: %v: %s", err, out)
	}
	p, err := inspect.OpenCore(t.Context(), r.Exe, prefix+"."+pid, inspect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// dumpedByDelve opens a core of a target that Delve writes.
func dumpedByDelve(t *testing.T, r *target.Running) *inspect.Process {
	t.Helper()
	path := filepath.Join(t.TempDir(), "core")
	s, err := delve.Attach(t.Context(), r.PID, delve.Listen(""))
	if err != nil {
		target.Missing(t, "attach: %v", err)
	}
	if err := errors.Join(s.Dump(t.Context(), path, nil), s.Close()); err != nil {
		t.Fatal(err)
	}
	p, err := inspect.OpenCore(t.Context(), r.Exe, path, inspect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// attached opens a process, which must be closed before another tracer comes.
func attached(t *testing.T, pid int, o inspect.Options) *inspect.Process {
	t.Helper()
	p, err := inspect.Attach(t.Context(), pid, o)
	if err != nil {
		target.Missing(t, "attach: %v", err)
	}
	return p
}

// framesOf returns the frames of the threads of the target by their names, up to
// the call of C, and closes p.
func framesOf(t *testing.T, r *target.Running, p *inspect.Process) map[string][]inspect.CFrame {
	t.Helper()
	defer p.Close()
	of := make(map[string][]inspect.CFrame)
	for _, tt := range threadsOfC {
		list, err := p.ThreadFrames(t.Context(), int(r.Vars.Int(t, tt.name+".thread")))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		for i, f := range list {
			if f.PC == 0 {
				list = list[:i]
				break
			}
			if f.Func == "runtime.asmcgocall" {
				list = list[:i+1]
				break
			}
		}
		of[tt.name] = list
	}
	return of
}

// compareFrames wants the same functions at the same addresses. A name that is not
// known on one side is no difference: Delve reads the lines of libraries too.
func compareFrames(t *testing.T, how string, got, want map[string][]inspect.CFrame) {
	t.Helper()
	for name, frames := range want {
		same := slices.EqualFunc(got[name], frames, func(x, y inspect.CFrame) bool {
			return x.PC == y.PC && (x.Func == "" || y.Func == "" || plainName(x.Func) == plainName(y.Func))
		})
		if !same {
			t.Errorf("%s: thread %s has\n%v\nwant\n%v", how, name, got[name], frames)
		}
	}
}

// plainName is a function's name without what Delve puts before it, and without
// what tells the aliases of a function of glibc.
func plainName(name string) string {
	name = strings.TrimPrefix(name, "C.")
	return strings.TrimLeft(strings.TrimPrefix(name, "__libc_"), "_")
}

// calledC are the functions on the thread of a goroutine that sleeps in C, innermost
// first, as the target "cgo" has one.
var calledC = []string{"sleepInC", "Cfunc_sleepInC", "runtime.asmcgocall", "runtime.cgocall", "main._Cfunc_sleepInC", "main.inC", "runtime.goexit"}

// The kernel's core, in which threads are in the handler of the signal that the
// crash sends them, has the C frames that the signal interrupted; so has that of an
// arm64 program.
func TestCFramesOfCrashesAreThoseOfTheSource(t *testing.T) {
	for _, goarch := range []string{"amd64", "arm64"} {
		for _, version := range cthreadsReleases {
			t.Run(goarch+"/"+orHost(version), func(t *testing.T) {
				parallel(t)
				spec := target.Spec{Program: "cgo", Go: version, GOARCH: goarch, Cgo: true}
				if goarch == "arm64" {
					// QEMU's cores do not say which libraries there were.
					spec.Ldflags = "-linkmode=external -extldflags=-static"
				}
				c := target.Take(t, spec, target.Options{}, target.Kernel)
				p, err := inspect.OpenCore(t.Context(), c.Exe, c.Core, inspect.Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				s, err := p.Sched(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				goid := uint64(c.Vars.Int(t, "inc.goid"))
				i := slices.IndexFunc(s.Ms, func(m inspect.SchedM) bool { return m.Goid != nil && *m.Goid == goid && m.Thread != nil })
				if i < 0 {
					t.Fatalf("no thread runs goroutine %d: %s", goid, toJSON(t, s.Ms))
				}
				list := checkFrames(t, p, *s.Ms[i].Thread, calledC)
				if len(list) != len(calledC)+1 {
					t.Errorf("thread %d is in %v, want pause and %v", *s.Ms[i].Thread, list, calledC)
				}
			})
		}
	}
}

// The frames in a core that ends early are the first of those in the whole one, or,
// where what a signal interrupted is cut off, those of the handler.
func TestCFramesOfTruncatedCores(t *testing.T) {
	c := target.Take(t, target.Spec{Program: "cgo", Cgo: true}, target.Options{}, target.Kernel)
	whole := open(t, c)
	b, err := os.ReadFile(c.Core)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for sixteenths := 1; sixteenths < 16; sixteenths++ {
		path := filepath.Join(t.TempDir(), "core")
		if err := os.WriteFile(path, b[:len(b)*sixteenths/16], 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := inspect.OpenCore(t.Context(), c.Exe, path, inspect.Options{})
		if err != nil {
			continue
		}
		for _, th := range whole.Mem.(*mem.Core).Threads() {
			want, _ := whole.ThreadFrames(t.Context(), th.TID)
			got, err := p.ThreadFrames(t.Context(), th.TID)
			handler := len(got) > 0 && uint64(got[0].PC) == th.Regs.PC && strings.HasPrefix(got[0].Func, "runtime.")
			same := func(x, y inspect.CFrame) bool { return x.PC == y.PC && (x.Func == "" || x.Func == y.Func) }
			if n := len(got); !handler && (n > len(want) || !slices.EqualFunc(got, want[:n], same)) {
				t.Errorf("%d/16: thread %d has\n%v, %v\nwant\n%v", sixteenths, th.TID, got, err, want)
			}
			compared++
		}
		p.Close()
	}
	t.Logf("%d stacks compared", compared)
}

// A stack goes on below a signal handler of C, on the stack that the signal left.
func TestCFramesGoOnBelowSignalHandlers(t *testing.T) {
	for _, version := range cthreadsReleases {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			r := target.Start(t, target.Build(t, target.Spec{Program: "csignal", Go: version, Cgo: true}), target.Options{})
			p := attached(t, r.PID, inspect.Options{})
			defer p.Close()
			want := []string{"handler", cstack.SignalCalled, "interrupted", "spins"}
			checkFrames(t, p, uint64(r.Vars.Int(t, "stuck.thread")), want)
		})
	}
}
