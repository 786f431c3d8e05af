package inspect_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/mem"
)

// arm64Releases are the versions whose linux/arm64 programs are compared; on
// another host QEMU runs them and writes their cores.
var arm64Releases = []string{"go1.18.10", "go1.22.12", "go1.26.8", "go1.27.3"}

// arm64Builds are the ways of building linux/arm64 programs. QEMU cannot run
// the race detector, which wants an address space of 48 bits.
var arm64Builds = []build{
	{"plain", target.Spec{}, true},
	{"stripped", target.Spec{Ldflags: "-s -w"}, true},
	{"pie", target.Spec{BuildMode: "pie"}, false},
	{"pie-stripped", target.Spec{BuildMode: "pie", Ldflags: "-s -w"}, false},
	{"cgo", target.Spec{Cgo: true}, false},
}

// Every goroutine of an arm64 core, with every frame, equals what the runtime
// printed while it died.
func TestArm64GoroutinesEqualTheCrashText(t *testing.T) {
	for _, version := range arm64Releases {
		for _, b := range arm64Builds {
			if !b.few && !full() {
				continue
			}
			programs := []string{"waits", "locks", "pool"}
			if b.name == "plain" && full() {
				programs = append(programs, "network", "timers", "runq")
			}
			for _, program := range programs {
				spec := b.spec
				spec.Program, spec.Go, spec.GOARCH = program, version, "arm64"
				t.Run(strings.Join([]string{version, b.name, program}, "/"), func(t *testing.T) {
					parallel(t)
					c := target.Take(t, spec, target.Options{}, target.Kernel)
					p := open(t, c)
					want, got := onOwnStack(t, p, c.Crash(t).Goroutines(), dumped(t, p))
					for _, d := range target.Diff(want, got, printed(spec)) {
						t.Error(d)
					}
					if len(want) < 5 {
						t.Errorf("only %d goroutines compared", len(want))
					}
				})
			}
		}
	}
}

// onOwnStack drops from what the runtime printed, and from the dump, the
// goroutines that the signal found between their own stack and their thread's:
// systemstack and mcall (runtime/asm_arm64.s) change g and call save_g before
// or after they change SP. Of these the runtime prints what is on the thread's
// stack, rtdbg the goroutine's own, from where it left it.
func onOwnStack(t *testing.T, p *inspect.Process, want, got []*target.Goroutine) (w, g []*target.Goroutine) {
	t.Helper()
	between := make(map[int64]bool)
	for _, x := range want {
		if x.Status != "running" || len(x.Frames) == 0 {
			continue
		}
		if own, sp := goroutine(t, p, x.ID), mem.Addr(x.Frames[0].SP); sp < own.StackLo || sp > own.StackHi {
			t.Logf("goroutine %d was printed on another stack, in %s", x.ID, x.Frames[0].Func)
			between[x.ID] = true
		}
	}
	out := func(x *target.Goroutine) bool { return between[x.ID] }
	return slices.DeleteFunc(want, out), slices.DeleteFunc(got, out)
}

// C code and C threads, and an executable that is not loaded where it was
// linked to. GNU ld puts all that is read-only into the mapping with the ELF
// header, which QEMU leaves out of its cores: that nothing shows whether the
// executable is the right one is said.
func TestArm64ExternallyLinkedEqualsTheCrashText(t *testing.T) {
	for _, version := range arm64Versions() {
		for _, mode := range []string{"exe", "pie"} {
			t.Run(version+"/"+mode, func(t *testing.T) {
				parallel(t)
				spec := target.Spec{Program: "cgo", Go: version, GOARCH: "arm64", Cgo: true, BuildMode: mode}
				c := target.Take(t, spec, target.Options{}, target.Kernel)
				var warnings []string
				p, err := inspect.OpenCore(context.Background(), c.Exe, c.Core, inspect.Options{
					Warn: func(s string) { warnings = append(warnings, s) },
				})
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				if len(warnings) != 1 || !strings.HasPrefix(warnings[0], "could not verify that ") {
					t.Errorf("warnings %q", warnings)
				}
				core, ok := p.Mem.(*mem.Core)
				if !ok {
					t.Fatalf("the memory is no core but %T", p.Mem)
				}
				if bias, err := core.LoadBias(); err != nil || (bias != 0) != (mode == "pie") {
					t.Errorf("LoadBias = %#x, %v", bias, err)
				}
				want, got := onOwnStack(t, p, c.Crash(t).Goroutines(), dumped(t, p))
				for _, d := range target.Diff(want, got, printed(spec)) {
					t.Error(d)
				}
			})
		}
	}
}

// A copy of an arm64 program without section headers is read by tables and
// structure alone, and gives the same answers.
func TestArm64StrippedTwinGivesTheSameAnswers(t *testing.T) {
	for _, version := range arm64Releases {
		for _, program := range []string{"waits", "locks"} {
			t.Run(version+"/"+program, func(t *testing.T) {
				parallel(t)
				c := target.Take(t, target.Spec{Program: program, Go: version, GOARCH: "arm64"}, target.Options{}, target.Kernel)
				twin := *c
				twin.Exe = filepath.Join(t.TempDir(), "twin")
				stripELF(t, c.Exe, twin.Exe)
				p, q := open(t, c), open(t, &twin)
				if !strings.HasPrefix(p.Info().Layouts, "DWARF") || strings.HasPrefix(q.Info().Layouts, "DWARF") {
					t.Fatalf("layouts are from %s, those of the twin from %s", p.Info().Layouts, q.Info().Layouts)
				}
				if want, got := unnamed(answers(t, p)), unnamed(answers(t, q)); want != got {
					t.Errorf("answers differ: %s", firstDifference(want, got))
				}
			})
		}
	}
}

// takeArm64 adds arm64 to what take goes over: all that is asserted of answers
// holds there as well.
func takeArm64(t *testing.T, program string, f func(t *testing.T, c *target.Capture, p *inspect.Process)) {
	for _, version := range arm64Versions() {
		t.Run("arm64/"+version, func(t *testing.T) {
			parallel(t)
			c := target.Take(t, target.Spec{Program: program, Go: version, GOARCH: "arm64"}, target.Options{}, target.Kernel)
			f(t, c, open(t, c))
		})
	}
}

// arm64Versions are the newest of arm64Releases, or all with the full matrix.
func arm64Versions() []string {
	if full() {
		return arm64Releases
	}
	return arm64Releases[len(arm64Releases)-1:]
}
