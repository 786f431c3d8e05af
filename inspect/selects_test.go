package inspect_test

import (
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/wait"
)

// The cases of a select are those of the source, nil channels included, in its
// order; with sends and receives mixed the sends come first and no place is
// claimed.
func TestSelectCasesAreThoseOfTheSource(t *testing.T) {
	take(t, "selects", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		for _, x := range []struct {
			name string
			// placed says that the place of each case is known.
			placed bool
		}{
			{"receives", true}, {"sends", true}, {"nilends", true}, {"nilsends", true},
			{"mixed", false}, {"both", false},
			{"reflected", true}, {"reflectedfew", true},
		} {
			want := strings.Split(c.Vars.String(t, x.name+".cases"), ",")
			if !x.placed {
				slices.SortStableFunc(want, func(a, b string) int { return strings.Compare(b[:4], a[:4]) })
			}
			var got []string
			for i, on := range goroutine(t, p, c.Vars.Int(t, x.name+".goid")).WaitsOn() {
				got = append(got, caseText(&on))
				if x.placed != (on.Case != nil) || x.placed && *on.Case != i {
					t.Errorf("%s: case %d: %s", x.name, i, toJSON(t, on))
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: cases %v, want %v", x.name, got, want)
			}
		}
	})
}

// caseText is a case as the target selects prints it.
func caseText(on *wait.On) string {
	if on.Addr == nil {
		return string(on.Op) + " nil"
	}
	return string(on.Op) + " " + on.Addr.String()
}
