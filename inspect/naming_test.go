package inspect_test

import (
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/wake"
)

// The evidence calls an object what the source of the goroutine that will act on
// it does.
func TestEvidenceNamesTheVariable(t *testing.T) {
	for _, version := range matrixReleases() {
		for _, b := range []build{
			{"plain", target.Spec{}, true},
			{"unoptimised", target.Spec{Gcflags: "all=-N -l"}, true},
			{"pie", target.Spec{BuildMode: "pie"}, true},
		} {
			spec := b.spec
			spec.Program, spec.Go = "names", version
			t.Run(version+"/"+b.name, func(t *testing.T) {
				parallel(t)
				c := target.Take(t, spec, target.Options{}, target.Kernel)
				checkNames(t, c, open(t, c))
			})
		}
	}
	takeArm64(t, "names", checkNames)
}

// Without DWARF the evidence has addresses in place of names.
func TestEvidenceWithoutDWARFHasNoNames(t *testing.T) {
	c := target.Take(t, target.Spec{Program: "names", Ldflags: "-w"}, target.Options{}, target.Kernel)
	p := open(t, c)
	for _, name := range strings.Split(c.Vars.String(t, "cases"), ",") {
		e := evidenceOf(t, c, p, name)
		if strings.Contains(e, " "+c.Vars.String(t, name+".path")) {
			t.Errorf("%s: %s", name, e)
		}
	}
}

func checkNames(t *testing.T, c *target.Capture, p *inspect.Process) {
	for _, name := range strings.Split(c.Vars.String(t, "cases"), ",") {
		want := " " + c.Vars.String(t, name+".path") + " (" + c.Vars.String(t, name+".type") + ")"
		if name == "lock" { // the type of a lock goes without saying
			want = " refers to " + c.Vars.String(t, name+".path") + ","
		}
		if e := evidenceOf(t, c, p, name); !strings.Contains(e, want) {
			t.Errorf("%s: the evidence is %q, want%s in it", name, e, want)
		}
	}
}

// evidenceOf is the evidence that the waker of a case wakes the waiter.
func evidenceOf(t *testing.T, c *target.Capture, p *inspect.Process, name string) string {
	t.Helper()
	waker := uint64(c.Vars.Int(t, name+".waker"))
	a := answer(t, p, c.Vars.Int(t, name+".waiter"))
	for _, w := range a.Wakers {
		if w.By == wake.Goroutine && w.Goid == waker {
			return strings.Join(w.Evidence, "; ")
		}
	}
	t.Errorf("%s: goroutine %d is not among the wakers: %s", name, waker, toJSON(t, a))
	return ""
}
