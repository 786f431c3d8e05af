package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rtdbg/inspect/repl/repltest"
)

// TestUserScriptsOnTheCommandLine puts a script of the user's own into the
// configuration directory, and a broken one beside it.
func TestUserScriptsOnTheCommandLine(t *testing.T) {
	c := repltest.Pool(t)
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	dir := filepath.Join(config, "rtdbg", "scripts")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]string{
		"first.star":  "\"\"\"The first goroutine.\"\"\"\ndef main(times = 1):\n  return g(1).goid * times\n",
		"broken.star": "def main(:\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const complaint = "broken.star:1:11: got ':', want ')'\n"
	for _, tt := range []struct {
		args           []string
		status         int
		out, complaint string
	}{
		{[]string{"core", c.Exe, c.Core, "first", "21"}, 0, "21\n", ""},
		{[]string{"core", c.Exe, c.Core, "broken"}, 2, "", complaint},
		{[]string{"core", c.Exe, c.Core, "-e", "1"}, 0, "1\n", ""},
		{[]string{"help"}, 0, "first [TIMES]                The first goroutine.\n", complaint},
		{[]string{"help", "first"}, 0, "The first goroutine.\n", ""},
		{[]string{"__complete", "core", c.Exe, c.Core, "fir"}, 0, "first\tThe first goroutine.\n", "Completion ended"},
	} {
		r := rtdbg(t, tt.args...)
		if r.status != tt.status || !strings.Contains(r.out, tt.out) || !strings.Contains(r.errors, tt.complaint) || tt.complaint == "" && r.errors != "" {
			t.Errorf("%v: %+v", tt.args, r)
		}
	}
}
