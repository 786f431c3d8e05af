package star

import (
	"fmt"
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
)

// TestValuesOfAnEarlierInstantAreRefused reads a target again: what was taken
// from it and what the user has defined stays, what is part of it does not.
func TestValuesOfAnEarlierInstantAreRefused(t *testing.T) {
	old, c := open(t)
	define(t, old, `
def first():
  return g(1).goid
number = g(1).goid
text = str(g(1).goid)
parked = g(1)
all = gs()
some = [g(1)]
frame = stack(1)[0]
asked = wakers()
locked = locks()
told = dump()
`)
	p, err := inspect.OpenCore(t.Context(), c.Exe, c.Core, inspect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	in := old.Renew(p)
	if err := old.p.Close(); err != nil {
		t.Fatal(err)
	}
	for expr, want := range map[string]string{
		"first()": "1", "number": "1", "text": `"1"`, "g(1).goid": "1", "len(all) == len(gs(all=False))": "True",
		"parked":  "<G of an earlier instant>",
		"some[0]": "<G of an earlier instant>",
	} {
		if got := eval(t, in, expr).String(); got != want {
			t.Errorf("%s is %s, want %s", expr, got, want)
		}
	}
	const earlier = "it is of an earlier instant: the target has been read again since"
	for _, expr := range []string{
		"parked.goid", "some[0].status", "frame.func", "all[0].goid", "[x.goid for x in all]",
		"wakers(parked)", "stack(some[0])", "waiters(parked)", "[w.verdict for w in asked]",
	} {
		v, err := in.Eval(t.Context(), "", expr)
		if err == nil || !strings.HasSuffix(err.Error(), earlier) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s is %v, %v", expr, v, err)
		}
	}
	for _, name := range []string{"parked", "all", "frame", "asked", "locked", "told"} {
		for _, f := range render.Formats()[:2] {
			err := f.Write(&strings.Builder{}, in.Report(t.Context(), name, eval(t, in, name)), render.Options{})
			if err == nil || !strings.HasSuffix(err.Error(), earlier) {
				t.Errorf("%s as %s: %v", name, f.Name, err)
			}
		}
	}
}

// define executes statements as a REPL does.
func define(t *testing.T, in *Interp, src string) {
	t.Helper()
	lines := strings.SplitAfter(strings.TrimSpace(src)+"\n", "\n")
	for len(lines) > 1 {
		f, err := Parse(func() ([]byte, error) {
			line := lines[0]
			lines = lines[1:]
			// A blank line ends a statement of several.
			if strings.HasPrefix(line, " ") && (len(lines) == 0 || !strings.HasPrefix(lines[0], " ")) {
				lines = append([]string{"\n"}, lines...)
			}
			return []byte(line), nil
		})
		if err == nil {
			_, err = in.ExecChunk(t.Context(), f)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDlvIsDelvesTerminalInTheSelectedGoroutine(t *testing.T) {
	in, c := open(t)
	if err := in.p.Select(t.Context(), 1<<30); err == nil {
		t.Error("a goroutine that does not exist is selected")
	}
	workers := c.Vars.Ints(t, "worker.goids")
	if err := in.p.Select(t.Context(), uint64(workers[0])); err != nil {
		t.Fatal(err)
	}
	const park = `"runtime.gopark" in dlv("bt") and "\x1b" not in dlv("bt")`
	for _, tt := range []struct{ expr, want string }{
		{"g().goid", fmt.Sprint(workers[0])},
		{park, "True"},
		{fmt.Sprintf(`"* Goroutine %d " in dlv("goroutines")`, workers[0]), "True"},
		{fmt.Sprintf(`dlv("goroutine %d") and g().goid`, workers[1]), fmt.Sprint(workers[1])},
		{"[f.func for f in stack()] == [f.func for f in stack(" + fmt.Sprint(workers[1]) + ")]", "True"},
		{`dlv("help bt").startswith("Print stack trace")`, "True"},
	} {
		if got := eval(t, in, tt.expr).String(); got != tt.want {
			t.Errorf("%s is %s, want %s", tt.expr, got, tt.want)
		}
	}
	for _, tt := range []struct{ expr, want string }{
		{`dlv("nonsense")`, ":1:4: dlv: command not available"},
		{`dlv(1)`, ":1:4: dlv: command must be a string, not 1"},
		{`dlv("exit")`, "leave with exit or Ctrl-D"},
		{`dlv("continue")`, "core"},
		{`time.now()`, "undefined: time"},
	} {
		if _, err := in.Eval(t.Context(), "-e", tt.expr); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.expr, err, tt.want)
		}
	}
	if starlark.Universe.Has("time") {
		t.Error("Delve's module time is left among the names of all Starlark")
	}
}
