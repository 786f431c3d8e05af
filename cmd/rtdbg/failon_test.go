package main

import (
	"strings"
	"testing"

	"rtdbg/inspect/repl/repltest"
)

// TestFailOn ends with status 3 exactly if the target has what is named, after
// the answer.
func TestFailOn(t *testing.T) {
	pool, healthy := repltest.Pool(t), repltest.Healthy(t)
	for _, tt := range []struct {
		name      string
		exe, core string
		args      string
		status    int
		out       string
		errors    string
	}{
		{"a pool without a producer is stuck for good", pool.Exe, pool.Core, "-e 1+1 --fail-on leak", exitMet, "2\n", "goroutines that nothing can ever wake"},
		{"one of two conditions is enough", pool.Exe, pool.Core, "-e 1+1 --fail-on deadlock,leak", exitMet, "2\n", "goroutines that nothing can ever wake"},
		{"flags stand anywhere", pool.Exe, pool.Core, "--fail-on=leak runq", exitMet, "global queue", "goroutines that nothing can ever wake"},
		{"without the flag nothing fails", pool.Exe, pool.Core, "-e 1+1", exitDone, "2\n", ""},
		{"a healthy program", healthy.Exe, healthy.Core, "-e 1+1 --fail-on deadlock,leak", exitDone, "2\n", ""},
		{"what is not known", pool.Exe, pool.Core, "-e 1+1 --fail-on leek", exitUsage, "", `rtdbg: --fail-on: no condition "leek": there are deadlock, leak`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"core", tt.exe, tt.core}, strings.Fields(tt.args)...)
			r := rtdbg(t, args...)
			if r.status != tt.status || !strings.Contains(r.out, tt.out) || !strings.Contains(r.errors, tt.errors) || strings.Count(r.errors, "\n") > 1 {
				t.Errorf("%+v", r)
			}
			if tt.errors == "" && r.errors != "" {
				t.Errorf("on standard error: %q", r.errors)
			}
		})
	}
	if r := rtdbg(t, "versions", "--fail-on", "leak"); r.status != exitUsage {
		t.Errorf("versions: %+v", r)
	}
}
