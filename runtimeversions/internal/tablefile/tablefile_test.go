package tablefile

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect/layout"
)

// table makes a table with runtime.m of a size, and some of everything.
func table(patch int, goarch string, sizeM uint64) *layout.Table {
	return &layout.Table{
		Go: Version{Minor: 26, Patch: patch}.String(), GOOS: "linux", GOARCH: goarch,
		Structs: map[string]*layout.Struct{
			"runtime.m": {Name: "runtime.m", Size: sizeM, Fields: []layout.Field{
				{Name: "g0", Off: 0, Size: 8, Type: "*runtime.g"},
				{Name: "id", Off: sizeM - 8, Size: 8, Type: "int64"},
			}},
			"internal/sync.node[interface {},interface {}]": {
				Name: "internal/sync.node[interface {},interface {}]", Size: 1,
				Fields: []layout.Field{{Name: "isEntry", Off: 0, Size: 1, Type: "bool"}},
			},
			"runtime.empty": {Name: "runtime.empty", Fields: []layout.Field{}},
		},
		Under:       map[string]string{"runtime.guintptr": "uint64", "a.F[chan int]": "func()"},
		Consts:      map[string]int64{"runtime._Gwaiting": 4, "runtime.low": -9187201950435737472},
		Vars:        map[string]layout.Var{"runtime.allgs": {Size: 24, Type: "[]*runtime.g"}},
		WaitReasons: []string{"", "select", "a \"quoted\"\n\ttext"},
		Strings:     map[string][]string{"runtime.stwReasonStrings": {"unknown"}},
	}
}

// sampleTables differ by patch, by platform and by experiment.
func sampleTables() map[Build]*layout.Table {
	tables := map[Build]*layout.Table{}
	for patch := range 4 {
		size := uint64(100)
		if patch >= 2 {
			size = 124
		}
		tables[Build{patch, "linux/amd64", ""}] = table(patch, "amd64", size)
		tables[Build{patch, "linux/arm64", ""}] = table(patch, "arm64", size)
	}
	for _, b := range []Build{{2, "linux/arm64", ""}, {3, "linux/arm64", ""}} {
		tables[b].Consts["runtime.line"] = 128
	}
	x := table(0, "amd64", 100)
	x.Consts["runtime._Gwaiting"] = 44
	delete(x.Under, "runtime.guintptr")
	x.Consts["runtime.onlyX"] = 1
	tables[Build{0, "linux/amd64", "arenas"}] = x
	same := table(0, "amd64", 100)
	tables[Build{0, "linux/amd64", "harmless"}] = same
	y := table(3, "amd64", 124)
	y.Consts["runtime._Gwaiting"] = 55
	tables[Build{3, "linux/amd64", "spinning"}] = y
	z := table(3, "amd64", 124)
	z.Consts["runtime._Gwaiting"] = 66
	tables[Build{3, "linux/amd64", "ticking"}] = z
	return tables
}

const sampleText = header + `go1.26
builds linux/amd64 go1.26.0 go1.26.1 go1.26.2 go1.26.3
builds linux/arm64 go1.26.0 go1.26.1 go1.26.2 go1.26.3
builds linux/amd64 X:arenas go1.26.0
builds linux/amd64 X:harmless go1.26.0
builds linux/amd64 X:spinning go1.26.3
builds linux/amd64 X:ticking go1.26.3
strings runtime.stwReasonStrings
	"unknown"
strings runtime.waitReasonStrings
	""
	"select"
	"a \"quoted\"\n\ttext"
const runtime._Gwaiting 4
const runtime._Gwaiting 44 @ * linux/amd64 X:arenas
const runtime._Gwaiting 55 @ * linux/amd64 X:spinning
const runtime._Gwaiting 66 @ * linux/amd64 X:ticking
const runtime.line 128 @ go1.26.2-go1.26.3 linux/arm64
const runtime.low -9187201950435737472
const runtime.onlyX 1 @ * linux/amd64 X:arenas
type a.F[chan int] = func()
type runtime.guintptr = uint64
absent type runtime.guintptr @ * linux/amd64 X:arenas
var 24 runtime.allgs []*runtime.g
struct 1 internal/sync.node[interface {},interface {}]
	0 1 isEntry bool
struct 0 runtime.empty
struct 100 runtime.m @ go1.26.0-go1.26.1 *
	0 8 g0 *runtime.g
	92 8 id int64
struct 124 runtime.m @ go1.26.2-go1.26.3 *
	0 8 g0 *runtime.g
	116 8 id int64
`

func TestNewWritesOneItemForEachDifference(t *testing.T) {
	f, err := New(26, sampleTables())
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Format(); got != sampleText {
		t.Errorf("got\n%s\nwant\n%s", got, sampleText)
	}
}

func TestTablesComeBackFromTheText(t *testing.T) {
	f, err := Parse(sampleText)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Format(); got != sampleText {
		t.Errorf("the text became\n%s", got)
	}
	tables := sampleTables()
	if want := slices.SortedFunc(maps.Keys(tables), compareBuilds); !slices.Equal(f.Builds, want) {
		t.Errorf("builds %v, want %v", f.Builds, want)
	}
	for b, want := range tables {
		var xs []string
		if b.Experiment != "" {
			xs = []string{b.Experiment}
		}
		got, err := f.Table(b.Patch, b.Platform, xs)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %v\ngot  %+v\nwant %+v", b, err, got, want)
		}
	}
}

func TestExperimentsHoldOnlyWhereTheirEffectIsKnown(t *testing.T) {
	f, err := Parse(sampleText)
	if err != nil {
		t.Fatal(err)
	}
	// The same, but for what the experiments change.
	moved, err := Parse(strings.Replace(sampleText, "const runtime._Gwaiting 4\n",
		"const runtime._Gwaiting 4 @ go1.26.0-go1.26.1 *\nconst runtime._Gwaiting 5 @ go1.26.2-go1.26.3 *\n", 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		patch      int
		experiment string
		want       bool
	}{{1, "arenas", true}, {2, "arenas", false}, {2, "spinning", true}, {1, "spinning", false}, {2, "harmless", true}} {
		if _, got := moved.Knows(tt.patch, "linux/amd64", tt.experiment); got != tt.want {
			t.Errorf("go1.26.%d with %s: known %v", tt.patch, tt.experiment, got)
		}
	}
	tests := []struct {
		patch       int
		experiments []string
		gwaiting    int64 // 0 for an error
	}{
		{0, []string{"arenas"}, 44},
		{1, []string{"arenas"}, 44}, // patch 1 is as patch 0 without it
		{2, []string{"arenas"}, 44}, // patch 2 is not, but for what arenas changes
		{0, []string{"harmless", "arenas"}, 44},
		{0, []string{"unheard-of"}, 0},
		{2, []string{"spinning"}, 55},
		{3, []string{"spinning", "ticking"}, 0}, // both change the same constant
	}
	for _, tt := range tests {
		got, err := f.Table(tt.patch, "linux/amd64", tt.experiments)
		if tt.gwaiting == 0 {
			if err == nil {
				t.Errorf("go1.26.%d with %v: no error", tt.patch, tt.experiments)
			}
			continue
		}
		if err != nil || got.Consts["runtime._Gwaiting"] != tt.gwaiting {
			t.Errorf("go1.26.%d with %v: %v, want _Gwaiting %d", tt.patch, tt.experiments, err, tt.gwaiting)
		}
	}
}

func TestSameComparesPatches(t *testing.T) {
	f, err := Parse(sampleText)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		a, b int
		want bool
	}{{0, 1, true}, {1, 2, false}, {2, 3, true}} {
		if got := f.Same(tt.a, tt.b, "linux/amd64", nil); got != tt.want {
			t.Errorf("patches %d and %d: %v", tt.a, tt.b, got)
		}
	}
}

func TestParseErrorsNameTheLine(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", "no line go1.N"},
		{"go2\n", "line 1:"},
		{"go1.26\nbuilds linux/amd64\n", "line 2: builds"},
		{"go1.26\nbuilds linux/amd64 go1.25.1\n", "line 2: go1.25.1 is not a release of go1.26"},
		{"go1.26\n\t0 8 x int\n", "line 2: a line of an item"},
		{"go1.26\nunion 8 x\n", `line 2: unknown item "union"`},
		{"go1.26\nstruct 8\n", "line 2: incomplete struct"},
		{"go1.26\ntype runtime.x uint64\n", "line 2: incomplete type"},
		{"go1.26\nconst x 1 @ go1.26.0\n", "line 2: selector"},
		{"go1.26\nconst x 1 @ * * arenas\n", "is not an experiment"},
		{"go1.26\nconst x 1 @ go1.26.0-go1.27.1 *\n", "go1.27.1 is not a release"},
	}
	for _, tt := range tests {
		if _, err := Parse(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: error %v, want %q", tt.text, err, tt.want)
		}
	}
	for _, text := range []string{"struct x s", "const c x", "var x v t", "struct 8 s\n\t0 8 f", "struct 8 s\n\tx 8 f t", "strings s\n\tplain", "const c 1\n\tmore"} {
		f, err := Parse("go1.26\nbuilds linux/amd64 go1.26.0\n" + text + "\n")
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if _, err := f.Table(0, "linux/amd64", nil); err == nil {
			t.Errorf("%q: a table came out", text)
		}
	}
}

func TestNewRefusesWhatCannotBeWritten(t *testing.T) {
	odd := table(0, "amd64", 8)
	odd.Structs["runtime.m"].Fields[0].Name = "two words"
	for name, tables := range map[string]map[Build]*layout.Table{
		"no build":                       {},
		"an experiment without its base": {{0, "linux/amd64", "arenas"}: table(0, "amd64", 8)},
		"a field name with a space":      {{0, "linux/amd64", ""}: odd},
	} {
		if _, err := New(26, tables); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sampleText)
	f.Add("go1.26\nbuilds x/y X:z go1.26.0\nabsent struct s @ * x X:z\n")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse(text)
		if err != nil {
			return
		}
		for _, b := range file.Builds {
			file.Table(b.Patch, b.Platform, []string{b.Experiment})
		}
		once := file.Format()
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, once, err)
		}
		if twice := again.Format(); twice != once {
			t.Errorf("%q became %q, then %q", text, once, twice)
		}
	})
}
