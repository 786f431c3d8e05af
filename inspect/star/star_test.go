package star

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/render"
	"rtdbg/inspect/repl/repltest"
	"rtdbg/inspect/rt"
)

// open returns an interpreter on a capture of the target "pool", and what the
// target says is true of it.
func open(t *testing.T) (*Interp, *target.Capture) {
	t.Helper()
	c := repltest.Pool(t)
	p, err := inspect.OpenCore(t.Context(), c.Exe, c.Core, inspect.Options{Warn: func(s string) { t.Log("warning:", s) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return New(p, Options{Print: func(s string) { t.Log("print:", s) }}), c
}

func eval(t *testing.T, in *Interp, expr string) starlark.Value {
	t.Helper()
	v, err := in.Eval(t.Context(), "-e", expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return v
}

// show is the report on v in a format.
func show(t *testing.T, in *Interp, format string, v starlark.Value) string {
	t.Helper()
	f, err := render.Lookup(format)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := f.Write(&b, in.Report(t.Context(), "value", v), render.Options{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestBuiltinsAreDocumentedAndTheirExamplesRun(t *testing.T) {
	in, _ := open(t)
	for _, b := range Builtins() {
		t.Run(b.Name, func(t *testing.T) {
			if b.Doc == "" || b.Example == "" {
				t.Fatal("no Doc or no Example")
			}
			if !strings.Contains(b.Example, b.Name+"(") {
				t.Errorf("the example %s does not call it", b.Example)
			}
			for _, p := range b.Params {
				if p.Name == "" || p.Doc == "" {
					t.Errorf("parameter %+v is not documented", p)
				}
			}
			v := eval(t, in, b.Example)
			if out := show(t, in, "text", v); out == "" || strings.Contains(out, "unreadable") {
				t.Errorf("%s shows %q", b.Example, out)
			}
			help, err := in.Help(b.Name)
			if err != nil || !strings.Contains(help, b.Doc) || !strings.Contains(help, b.Signature()) {
				t.Errorf("help: %q, %v", help, err)
			}
		})
	}
}

// TestAttributesAreDocumentedAndReadable reads every attribute of a value of
// every class.
func TestAttributesAreDocumentedAndReadable(t *testing.T) {
	in, c := open(t)
	worker := c.Vars.Ints(t, "worker.goids")[0]
	samples := map[string]string{
		"G": fmt.Sprintf("g(%d)", worker), "M": "ms()[0]", "P": "p(0)", "Sched": "sched()",
		"Chan":      fmt.Sprintf("chan(%d)", c.Vars.Addr(t, "jobs")),
		"Sudog":     fmt.Sprintf("g(%d).waiting[0]", worker),
		"Frame":     "g(1).frames[0]",
		"WaitsOn":   fmt.Sprintf("g(%d).waits_on[0]", worker),
		"Memory":    "mem(g(1), 20)",
		"Value":     `eval("1 + 1")`,
		"Waiters":   fmt.Sprintf("waiters(%d)", c.Vars.Addr(t, "jobs")),
		"Waiter":    fmt.Sprintf("waiters(%d).waiters[0]", c.Vars.Addr(t, "jobs")),
		"RunQ":      "runq()",
		"RunQP":     "runq(0)",
		"Wakers":    fmt.Sprintf("wakers(%d)", c.Vars.Int(t, "closer.goid")),
		"Waker":     fmt.Sprintf("wakers(%d).wakers[0]", c.Vars.Int(t, "closer.goid")),
		"Diagnosis": "why()",
		"Group":     "why().groups[0]",
		"Bucket":    "buckets()[0]",
		"Origin":    "origins()[0]",
		"Leak":      "leaks()[0]", "Graph": "graph()", "GraphNode": "graph().nodes[0]", "GraphEdge": "graph().edges[0]",

		"WaitedChan": "chans()[0]", "WaitedLock": "locks()[0]",
	}
	// Of these the target need not have any.
	made := map[string]value{
		"Deadlock":   in.classes.deadlock.of(in, &inspect.Deadlock{Goids: []uint64{1}, Count: 1}),
		"WaitStep":   in.classes.waitStep.of(in, inspect.WaitStep{Goid: 1, WaitsFor: 2}),
		"Root":       in.classes.root.of(in, inspect.Root{Goid: 1}),
		"Timer":      in.classes.timer.of(in, &inspect.TimerRecord{Does: inspect.TimerSends}),
		"Descriptor": in.classes.descriptor.of(in, &inspect.NetpollRecord{FD: 3}),
	}
	for _, class := range in.classes.all() {
		t.Run(class.Type(), func(t *testing.T) {
			doc, attrs := class.declaration()
			if doc == "" {
				t.Error("the class has no doc")
			}
			v, isValue := made[class.Type()], true
			if v == nil {
				v, isValue = eval(t, in, samples[class.Type()]).(value)
			}
			if !isValue || v.Type() != class.Type() {
				t.Fatalf("%s is no %s", samples[class.Type()], class.Type())
			}
			seen := map[string]bool{}
			for _, a := range attrs {
				if a.doc == "" || seen[a.name] {
					t.Errorf("%s is not documented, or twice", a.name)
				}
				seen[a.name] = true
				x, err := v.Attr(a.name)
				if err != nil || x == nil || x.Type() == "unreadable" {
					t.Errorf(".%s: %v, %v", a.name, x, err)
				}
			}
			if !slices.IsSorted(v.AttrNames()) || len(v.AttrNames()) != len(attrs) {
				t.Errorf("dir() lists %v", v.AttrNames())
			}
			if text := show(t, in, "text", v); strings.TrimSpace(text) == "" {
				t.Error("its text is empty")
			}
			show(t, in, "json", v)
		})
	}
}

// TestAnswersAreTrue compares with what the target says of itself.
func TestAnswersAreTrue(t *testing.T) {
	in, c := open(t)
	jobs, results := c.Vars.Addr(t, "jobs"), c.Vars.Addr(t, "results")
	workers := c.Vars.Ints(t, "worker.goids")
	collector, closer := c.Vars.Int(t, "collector.goid"), c.Vars.Int(t, "closer.goid")
	slices.Sort(workers)
	list := strings.ReplaceAll(fmt.Sprint(workers), " ", ", ")
	tests := []struct{ expr, want string }{
		{fmt.Sprintf("sorted([w.goid for w in waiters(%d).waiters])", jobs), list},
		{fmt.Sprintf("sorted([s.g.goid for s in chan(%d).recvq])", jobs), list},
		{fmt.Sprintf("chan(%d).recvq[0].c == chan(%d)", jobs, jobs), "True"},
		{fmt.Sprintf("chan(%d).dataqsiz, chan(%d).qcount, chan(%d).closed", jobs, jobs, jobs), "(4, 0, False)"},
		{fmt.Sprintf("chan(%d).type", jobs), `"chan main.job"`},
		{fmt.Sprintf("hex(g(%d).waits_on[0].addr)", collector), fmt.Sprintf("%q", mem.Addr(results))},
		{fmt.Sprintf("[w.kind for w in g(%d).waits_on]", closer), `["waitgroup"]`},
		{fmt.Sprintf("[w.op for w in g(%d).waits_on]", collector), `["recv"]`},
		{fmt.Sprintf("g(%d).at.func", collector), `"main.(*pool).collect"`},
		{fmt.Sprintf("g(%d).created_by", collector), `"main.main"`},
		{fmt.Sprintf("g(g(%d).addr) == g(%d)", collector, collector), "True"},
		{fmt.Sprintf("g(%d) == g(%d)", collector, closer), "False"},
		{fmt.Sprintf("{g(%d): 1}[g(%d)]", collector, collector), "1"},
		{fmt.Sprintf("len([x for x in gs() if x.goid == %d])", c.Vars.Int(t, "producer.goid")), "0"},
		{"gs()[0].goid, gs()[:2][1] == gs()[1], len(gs()) > 3, len(gs(True)) >= len(gs())", "(1, True, True, True)"},
		{"[x.id for x in ps()] == [x.id for x in ps() if p(x.id) == x]", "True"},
		{"[x.id for x in ms() if m(x.id) != x]", "[]"},
		{fmt.Sprintf("eval('p.jobs', g=%d, frame=%d).base == %d", workers[0], frameOf(t, in, workers[0], "main.(*pool).worker"), jobs), "True"},
		{fmt.Sprintf("waiters(eval('p.jobs', g=%d, frame=%d).base).kind", workers[0], frameOf(t, in, workers[0], "main.(*pool).worker")), `"chan"`},
		{fmt.Sprintf(`waiters('*(*"runtime.hchan")(%#x)').addr == %d`, jobs, jobs), "True"},
		{"mem(g(1), 16).words == [g(1).stack_lo, g(1).stack_hi]", "True"},
	}
	for _, tt := range tests {
		if got := eval(t, in, tt.expr).String(); got != tt.want {
			t.Errorf("%s = %s, want %s", tt.expr, got, tt.want)
		}
	}
}

// frameOf is the number of the frame of a function on a goroutine's stack.
func frameOf(t *testing.T, in *Interp, goid int64, fn string) int {
	t.Helper()
	v := eval(t, in, fmt.Sprintf("[f.func for f in stack(%d)].index(%q)", goid, fn))
	n, err := starlark.AsInt32(v)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestErrorsAreOneLineWithTheirPlace(t *testing.T) {
	in, _ := open(t)
	tests := []struct{ expr, want string }{
		{"g(1).wait_raeson", "-e:1:5: G has no .wait_raeson field or method (did you mean .wait_reason?)"},
		{"g(1", "-e:1:4: got end of file, want ')'"},
		{"gss()", "-e:1:1: undefined: gss"},
		{"waiters()", "-e:1:8: waiters(x) needs x"},
		{"g()", "-e:1:2: g: no goroutine is given, and none is selected: goto GOID selects one"},
		{"g(1, 2)", "-e:1:2: g(goid_or_addr=None) takes at most 1 arguments, got 2"},
		{"gs(al=True)", "-e:1:3: gs(all=False) has no parameter al"},
		{`g("x")`, `-e:1:2: g: a goroutine is a G, an id or an address, not "x"`},
		{"chan(g)", "-e:1:5: chan: an object is an address, a value that has one, or an expression in a string, not a value of type builtin_function_or_method"},
		{"p(1000)", fmt.Sprintf("-e:1:2: p: no P 1000: there are %d", len(psOf(t, in)))},
		{"1 // 0", "-e:1:3: floored division by zero"},
		{"hex('a')", `-e:1:4: hex: n must be an integer, not "a"`},
	}
	for _, tt := range tests {
		if _, err := in.Eval(t.Context(), "-e", tt.expr); err == nil || err.Error() != tt.want {
			t.Errorf("%s:\n got %v\nwant %s", tt.expr, err, tt.want)
		}
	}
}

func psOf(t *testing.T, in *Interp) []starlark.Value {
	var list []starlark.Value
	for p := range starlark.Elements(eval(t, in, "ps()").(starlark.Iterable)) {
		list = append(list, p)
	}
	return list
}

func TestWhatIsUnreadableNeverEndsAReport(t *testing.T) {
	in, _ := open(t)
	s := &unreadable{errors.New("it is gone")}
	in.globals.set(starlark.StringDict{"u": *s})
	if got := eval(t, in, `[str(u), bool(u), u.reason]`).String(); got != `["<unreadable: it is gone>", False, "it is gone"]` {
		t.Errorf("got %s", got)
	}
	if _, err := in.Eval(t.Context(), "-e", "u.addr"); err == nil || err.Error() != "-e:1:2: it is gone" {
		t.Errorf("an attribute of it: %v", err)
	}
	table := eval(t, in, `table(["A", ">B"], [[u, 1], [None, 22]])`)
	if got := show(t, in, "text", table); got != "A                          B\n<unreadable: it is gone>   1\n-                         22\n" {
		t.Errorf("table:\n%s", got)
	}
	if got := show(t, in, "json", table); got != "{\"a\":null,\"b\":1}\n{\"a\":null,\"b\":22}\n" {
		t.Errorf("table as JSON:\n%s", got)
	}
	// A wild pointer in a structure costs its attribute, not the others.
	m := eval(t, in, "ms()[0]").(*object[*rt.M])
	m.v.CurG, m.v.PreemptOff.Ptr, m.v.PreemptOff.Len = 0x1234, 0x10, 5
	text := show(t, in, "text", m)
	for _, want := range []string{"curg", "<unreadable: ", "0x1234", "procid"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestCtrlCStopsAnEndlessLoop(t *testing.T) {
	in, _ := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s := writeScript(t, t.TempDir(), "loop.star", "def main():\n  while True:\n    pass\n")
	if _, err := in.Run(ctx, s, Args{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if got := eval(t, in, "1 + 1").String(); got != "2" {
		t.Errorf("the next evaluation gives %s", got)
	}
}

func writeScript(t *testing.T, dir, name, src string) *Script {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Find(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScriptsLoadFilesBesideThemOnly(t *testing.T) {
	in, _ := open(t)
	outer := t.TempDir()
	dir := filepath.Join(outer, "scripts")
	files := map[string]string{
		"secret.star":           "x = 1",
		"scripts/lib.star":      "load('sub/deep.star', 'y')\nx = y + 1",
		"scripts/sub/deep.star": "load('more.star', 'z')\ny = z + 1",
		"scripts/sub/more.star": "z = 40",
		"scripts/loop.star":     "load('loop2.star', 'x')",
		"scripts/loop2.star":    "load('loop.star', 'x')\nx = 1",
		"scripts/bad.star":      "x = 1 // 0",
		"scripts/sub/data.txt":  "",
	}
	for name, src := range files {
		path := filepath.Join(outer, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(outer, "secret.star"), filepath.Join(dir, "link.star")); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ module, want string }{
		{"lib.star", ""},
		{"../secret.star", `"../secret.star" is not a .star file in the directory of the script`},
		{"/etc/passwd.star", `"/etc/passwd.star" is not a .star file in the directory of the script`},
		{"sub/data.txt", `"sub/data.txt" is not a .star file in the directory of the script`},
		{"link.star", "link.star: path escapes from parent"},
		{"none.star", "none.star: no such file or directory"},
		{"loop.star", "it loads itself"},
		{"bad.star", "bad.star:1:7: floored division by zero"},
	}
	for _, tt := range tests {
		t.Run(tt.module, func(t *testing.T) {
			s := writeScript(t, dir, "main.star", fmt.Sprintf("load(%q, 'x')\ndef main():\n  return x\n", tt.module))
			v, err := in.Run(t.Context(), s, Args{})
			switch {
			case tt.want == "" && (err != nil || v.String() != "42"):
				t.Errorf("got %v, %v", v, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n")):
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestDefinitionsOfFilesAndChunksStay(t *testing.T) {
	in, _ := open(t)
	path := filepath.Join(t.TempDir(), "defs.star")
	if err := os.WriteFile(path, []byte("def twice(n):\n  return 2 * n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := in.ExecFile(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	lines := []string{"n = twice(4)\n", "n += 1\n", "n\n", "_ + 1\n"}
	var last starlark.Value
	for _, l := range lines {
		read := false
		f, err := Parse(func() ([]byte, error) {
			if read {
				return nil, errors.New("asked for more")
			}
			read = true
			return []byte(l), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if last, err = in.ExecChunk(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	if last.String() != "10" {
		t.Errorf("got %v", last)
	}
	if err := in.ExecFile(t.Context(), "/nonexistent/x.star"); err == nil || err.Error() != "/nonexistent/x.star: no such file or directory" {
		t.Errorf("a missing file: %v", err)
	}
}
