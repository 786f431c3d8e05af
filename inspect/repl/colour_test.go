package repl_test

import (
	"strings"
	"testing"

	"rtdbg/inspect/repl/repltest"
)

// TestColoursAreForTerminalsWhoseUserWantsThem looks for what colours text, of
// rtdbg's own and of Delve's.
func TestColoursAreForTerminalsWhoseUserWantsThem(t *testing.T) {
	c, exe := repltest.Pool(t), build(t)
	for _, tt := range []struct {
		name string
		env  []string
		args []string
		want bool
	}{
		{"colours", []string{"TERM=xterm", "NO_COLOR="}, nil, true},
		{"NO_COLOR", []string{"TERM=xterm", "NO_COLOR=1"}, nil, false},
		{"dumb", []string{"TERM=dumb", "NO_COLOR="}, nil, false},
		{"JSON", []string{"TERM=xterm", "NO_COLOR="}, []string{"-o", "json"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := append(tt.env, "PAGER=", "XDG_CONFIG_HOME="+t.TempDir())
			k := run(t, exe, env, append([]string{"core", c.Exe, c.Core}, tt.args...)...)
			k.prompt()
			for _, line := range []string{"why", "runq", "dlv bt", "dlv('bt')"} {
				if tt.args != nil && strings.HasPrefix(line, "dlv ") {
					continue // what Delve prints for people has no other form
				}
				k.mu.Lock()
				from := k.seen.Len()
				k.mu.Unlock()
				k.typ(line + "\r")
				k.prompt()
				k.mu.Lock()
				answer := k.seen.String()[from:]
				k.mu.Unlock()
				want := tt.want && line != "dlv('bt')"
				if got := strings.Contains(answer, "\x1b[1m") || strings.Contains(answer, "\x1b[3"); got != want {
					t.Errorf("%s in colours: %t: %q", line, got, answer)
				}
			}
			k.typ("\x04")
			k.ends(0)
		})
	}
}
