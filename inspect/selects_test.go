package inspect_test

import (
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/wait"
)

// The cases of a select are those of the source in its order, nil channels
// included, each with its line.
func TestSelectCasesAreThoseOfTheSource(t *testing.T) {
	take(t, "selects", checkSelects)
	for name, spec := range map[string]target.Spec{
		"stripped": {Ldflags: "-s -w"}, "pie": {BuildMode: "pie", Ldflags: "-s -w"}, "not optimised": {Gcflags: "-N -l"},
	} {
		t.Run(name, func(t *testing.T) {
			parallel(t)
			spec.Program = "selects"
			c := target.Take(t, spec, target.Options{}, target.Kernel)
			checkSelects(t, c, open(t, c))
		})
	}
}

func checkSelects(t *testing.T, c *target.Capture, p *inspect.Process) {
	for _, name := range []string{"receives", "sends", "nilends", "nilsends", "mixed", "both", "mixednil", "allnil", "many",
		"reflected", "reflectedfew", "reflectednil"} {
		want := strings.Split(c.Vars.String(t, name+".cases"), ",")
		_, lined := c.Vars[name+".line"]
		var got []string
		for i, on := range goroutine(t, p, c.Vars.Int(t, name+".goid")).WaitsOn() {
			got = append(got, caseText(&on))
			if on.Case == nil || *on.Case != i {
				t.Errorf("%s: case %d: %s", name, i, toJSON(t, on))
			}
			if !lined {
				continue
			}
			if line := c.Vars.Int(t, name+".line") + int64(i)*c.Vars.Int(t, name+".step"); on.Line == nil || int64(*on.Line) != line {
				t.Errorf("%s: case %d is not in line %d: %s", name, i, line, toJSON(t, on))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: cases %v, want %v", name, got, want)
		}
	}
}

// caseText is a case as the target selects prints it.
func caseText(on *wait.On) string {
	if on.Addr == nil {
		return string(on.Op) + " nil"
	}
	return string(on.Op) + " " + on.Addr.String()
}
