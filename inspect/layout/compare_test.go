package layout_test

import (
	"slices"
	"testing"

	"rtdbg/inspect/layout"
)

func TestCompareListsEveryDifference(t *testing.T) {
	a, b := sampleTable(), sampleTable()
	for _, table := range []*layout.Table{a, b} {
		table.Consts = map[string]int64{"runtime._Gwaiting": 4}
		table.WaitReasons = []string{"", "select"}
		table.Vars = map[string]layout.Var{"runtime.allgs": {Size: 24, Type: "[]*runtime.g"}}
	}
	if ds := layout.Compare(a, b); ds != nil {
		t.Fatalf("equal tables differ: %v", ds)
	}
	b.Vars["runtime.allgs"] = layout.Var{Addr: 0x1000, Size: 24, Type: "[]*runtime.g"}
	delete(b.Structs, "runtime.headers")
	if ds := layout.Compare(a, b); ds != nil {
		t.Fatalf("an address and a struct that a program lacks count as differences: %v", ds)
	}
	b.Structs["runtime.stack"] = st("runtime.stack", 24, field("lo", 8, 8, "uintptr"), field("guard", 16, 8, "uintptr"))
	b.Under["runtime.guintptr"] = "uint32"
	b.Consts["runtime._Gwaiting"] = 5
	b.Vars["runtime.allgs"] = layout.Var{Size: 8, Type: "*runtime.g"}
	b.WaitReasons = []string{"", "sleep", "select"}
	var got []string
	for _, d := range layout.Compare(a, b) {
		got = append(got, d.String())
	}
	want := []string{
		"runtime.stack: 16 bytes / 24 bytes",
		"runtime.stack.guard: absent / offset 16, 8 bytes, uintptr",
		"runtime.stack.hi: offset 8, 8 bytes, uintptr / absent",
		"runtime.stack.lo: offset 0, 8 bytes, uintptr / offset 8, 8 bytes, uintptr",
		"runtime.guintptr: uint64 / uint32",
		"runtime._Gwaiting: 4 / 5",
		"runtime.allgs: 24 bytes, []*runtime.g / 8 bytes, *runtime.g",
		`runtime.waitReasonStrings.1: "select" / "sleep"`,
		`runtime.waitReasonStrings.2: absent / "select"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
