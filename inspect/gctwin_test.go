package inspect_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
)

// twinOf opens the capture of a program with a copy of it that has no section
// headers, and so neither symbols nor DWARF.
func twinOf(t *testing.T, c *target.Capture) *inspect.Process {
	t.Helper()
	twin := *c
	twin.Exe = filepath.Join(t.TempDir(), "twin")
	stripELF(t, c.Exe, twin.Exe)
	q := open(t, &twin)
	if strings.HasPrefix(q.Info().Layouts, "DWARF") {
		t.Fatalf("layouts of the twin are from %s", q.Info().Layouts)
	}
	return q
}

// A program without symbols gives the same answer about the collector as with
// them: at rest, and in the middle of marking.
func TestGCOfAStrippedTwinIsTheSame(t *testing.T) {
	for _, version := range schedReleases {
		t.Run(orHost(version)+"/at rest", func(t *testing.T) {
			parallel(t)
			sameGC(t, target.Take(t, figuresSpec(version, target.Spec{}), figuresOptions, target.Kernel))
		})
		t.Run(orHost(version)+"/marking", func(t *testing.T) {
			parallel(t)
			sameGC(t, startAssists(t, version).Crash())
		})
		t.Run(orHost(version)+"/before the first collection", func(t *testing.T) {
			parallel(t)
			sameGC(t, target.Take(t, target.Spec{Program: "spinners", Go: version}, target.Options{Env: []string{"GOGC=off"}}, target.Kernel))
		})
	}
}

func sameGC(t *testing.T, c *target.Capture) {
	t.Helper()
	p, q := open(t, c), twinOf(t, c)
	want := absolute(t, toJSON(t, gcState(t, p)), p.Now())
	got := absolute(t, toJSON(t, gcState(t, q)), q.Now())
	if want != got {
		t.Errorf("answers differ: %s", firstDifference(want, got))
	}
}

// otherRuntimes are ways to compile the runtime in which its code names other
// things, or may; optimized says that all is found nevertheless.
var otherRuntimes = []struct {
	name      string
	spec      target.Spec
	optimized bool
	// since is the first version that can be built so.
	since string
}{
	{"-N -l", target.Spec{Gcflags: "all=-N -l"}, false, ""},
	{"-l", target.Spec{Gcflags: "all=-l"}, false, ""},
	{"GOAMD64=v3", target.Spec{Env: []string{"GOAMD64=v3"}}, true, ""},
	{"nogreenteagc", target.Spec{Env: []string{"GOEXPERIMENT=nogreenteagc"}}, true, "go1.26"},
}

// Where the runtime was compiled in another way, what is not certain is missing, and
// what is said is true.
func TestGCOfAStrippedProgramIsTrueHoweverItWasCompiled(t *testing.T) {
	for _, version := range schedReleases {
		for _, tt := range otherRuntimes {
			if version != "" && (version < tt.since || !full() && tt.name != "-N -l") {
				continue
			}
			t.Run(orHost(version)+"/"+tt.name, func(t *testing.T) {
				parallel(t)
				c := target.Take(t, figuresSpec(version, tt.spec), figuresOptions, target.Kernel)
				want, got := fieldsOfGC(t, open(t, c)), fieldsOfGC(t, twinOf(t, c))
				for name, value := range got {
					missing := value == "null" || value == `""` || name == "note"
					if value != want[name] && (!missing || tt.optimized) {
						t.Errorf("%s is %s, want %s", name, value, want[name])
					}
				}
			})
		}
	}
}

// fieldsOfGC are the fields of what is said of the collector, as JSON.
func fieldsOfGC(t *testing.T, p *inspect.Process) map[string]string {
	t.Helper()
	r, err := p.GC(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal([]byte(toJSON(t, r)), &raw); err != nil {
		t.Fatal(err)
	}
	fields := make(map[string]string)
	for name, value := range raw {
		if name != "since_last_ns" && name != "mark_ns" {
			fields[name] = string(value)
		}
	}
	return fields
}

// So is what it says of who keeps the world from stopping, which depends on a
// setting of GODEBUG.
func TestStopTheWorldOfAStrippedTwinIsTheSame(t *testing.T) {
	for _, version := range schedReleases {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			exe := target.Build(t, target.Spec{Program: "stopworld", Go: version})
			twin := filepath.Join(t.TempDir(), "twin")
			stripELF(t, exe, twin)
			var why []string
			for _, path := range []string{exe, twin} {
				r := target.Start(t, path, target.Options{Args: []string{"-how=loop"}, Env: stopOptions})
				s := awaitSched(t, r, func(s *inspect.Sched) bool { return s.World == rt.WorldStopping && len(s.StopTheWorld.Culprits) == 1 })
				c := s.StopTheWorld.Culprits[0]
				why = append(why, c.Kind+": "+c.Why)
			}
			if why[0] != why[1] || !strings.Contains(why[0], "asyncpreemptoff=1") {
				t.Errorf("%q, the twin: %q", why[0], why[1])
			}
		})
	}
}
