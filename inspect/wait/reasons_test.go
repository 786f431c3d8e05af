package wait

import (
	"testing"

	"rtdbg/runtimeversions"
)

// Every wait reason of every runtime in the tables has a row, and no row stands
// there twice.
func TestEveryWaitReasonIsClassified(t *testing.T) {
	rows := make(map[string]Row)
	for _, r := range Rows() {
		if _, ok := rows[r.Reason]; ok {
			t.Errorf("%q has two rows", r.Reason)
		}
		if r.Kind == "" || r.Op == "" || r.Class == "" {
			t.Errorf("%q: kind %q, op %q, class %q", r.Reason, r.Kind, r.Op, r.Class)
		}
		if r.find == nil && r.Who == "" {
			t.Errorf("%q: neither an object nor a word on who ends the wait", r.Reason)
		}
		rows[r.Reason] = r
	}
	ranges, err := runtimeversions.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range ranges {
		table, _, err := runtimeversions.For(r.First, r.GOOS, r.GOARCH)
		if err != nil {
			t.Fatal(err)
		}
		if len(table.WaitReasons) < 25 {
			t.Errorf("%s has only %d wait reasons", r, len(table.WaitReasons))
		}
		for _, reason := range table.WaitReasons {
			if _, ok := rows[reason]; !ok {
				t.Errorf("%s: wait reason %q has no row", r, reason)
			}
		}
	}
}
