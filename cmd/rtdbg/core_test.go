package main

import (
	"strings"
	"testing"

	"rtdbg/inspect/repl/repltest"
)

// "-" stands for an executable that is lost; that a missing one may be left out
// is said.
func TestWithoutTheExecutable(t *testing.T) {
	c := repltest.Pool(t)
	r := rtdbg(t, "core", "-", c.Core, "goroutines")
	if r.status != 0 || !strings.Contains(r.out, "[chan receive]") || !strings.Contains(r.errors, "rtdbg: warning: no executable") {
		t.Errorf("exit status %d, %q, %q", r.status, r.errors, r.out)
	}
	wrong{[]string{"core", "/nonexistent/exe", c.Core}, 1, "/nonexistent/exe: no such file or directory (if it is lost, write - for it)"}.check(t)
}
