package inspect_test

import (
	"context"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/stack"
)

// experiments are GOEXPERIMENT settings that move fields of g, m or p, by the
// version that knows them.
var experiments = []struct {
	version, name string
	few           bool
}{
	{"go1.20.14", "pagetrace", false},
	{"go1.22.12", "noexectracer2", false},
	{"go1.24.13", "nospinbitmutex", false},
	{"go1.24.5", "nospinbitmutex", false},
	{"go1.25.12", "greenteagc", false},
	{"go1.26.8", "nogreenteagc", true},
	{"go1.27.3", "nogreenteagc", false},
}

// A stripped program that was built with an experiment is read by the
// experiment's own layouts.
func TestExperimentsHaveTheirOwnLayouts(t *testing.T) {
	for _, x := range experiments {
		if !x.few && !full() {
			continue
		}
		t.Run(x.version+"/"+x.name, func(t *testing.T) {
			parallel(t)
			spec := target.Spec{Program: "timers", Go: x.version, Ldflags: "-s -w", Env: []string{"GOEXPERIMENT=" + x.name}}
			c := target.Take(t, spec, target.Options{}, target.Kernel)
			if v := open(t, c).Info().Go; !strings.HasSuffix(v, "X:"+x.name) {
				t.Errorf("the version is %s", v)
			}
			compareWithText(t, c, printed(spec))
		})
	}
}

// One that is not known is named, and what it moved is noticed: fieldtrack
// moves nothing.
func TestUnknownExperimentsAreNamed(t *testing.T) {
	c := target.Take(t, target.Spec{Program: "timers", Ldflags: "-s -w", Env: []string{"GOEXPERIMENT=fieldtrack"}}, target.Options{}, target.Kernel)
	var warnings []string
	p, err := inspect.OpenCore(context.Background(), c.Exe, c.Core, inspect.Options{Warn: func(s string) { warnings = append(warnings, s) }})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if len(warnings) != 1 || !strings.Contains(warnings[0], "GOEXPERIMENT fieldtrack is not known") {
		t.Errorf("warnings %q", warnings)
	}
	var b strings.Builder
	if err := p.WriteDump(context.Background(), &b, stack.LevelSystem); err != nil {
		t.Fatal(err)
	}
	text, err := target.ParseCrash(b.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range target.Diff(c.Crash(t).Goroutines(), text.Goroutines(), printed(target.Spec{Ldflags: "-s -w"})) {
		t.Error(d)
	}
}
