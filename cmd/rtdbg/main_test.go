package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"rtdbg/inspect/repl/repltest"
	"rtdbg/scripts"
)

// result is what one command line does.
type result struct {
	status      int
	out, errors string
}

// rtdbg executes a command line without a terminal.
func rtdbg(t *testing.T, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	s := run(&signals{ctx: ctx, cancel: cancel}, args, streams{strings.NewReader(""), &out, &errs})
	return result{s, out.String(), errs.String()}
}

// truncated is the first half of a file.
func truncated(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, b[:4096], 0o600); err != nil {
		t.Fatal(err)
	}
	return short
}

// wrong is a command line that must fail, and how.
type wrong struct {
	args   []string
	status int
	want   string
}

func TestWrongInput(t *testing.T) {
	c := repltest.Pool(t)
	for _, tt := range slices.Concat(wrongTargets(t, c.Exe, c.Core), wrongQuestions(t, c.Exe, c.Core), wrongCommands()) {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) { tt.check(t) })
	}
}

func (w wrong) check(t *testing.T) {
	r := rtdbg(t, w.args...)
	if r.status != w.status || r.out != "" {
		t.Errorf("exit status %d, want %d; standard output %q", r.status, w.status, r.out)
	}
	lines := strings.Split(strings.TrimSuffix(r.errors, "\n"), "\n")
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, "rtdbg: ") || !strings.Contains(last, w.want) {
		t.Errorf("got %q, want %q", r.errors, w.want)
	}
	for _, l := range lines[:len(lines)-1] {
		if !strings.HasPrefix(l, "rtdbg: warning: ") {
			t.Errorf("more than one line: %q", r.errors)
		}
	}
}

func wrongTargets(t *testing.T, exe, core string) []wrong {
	return []wrong{
		{[]string{"core"}, 2, "usage: rtdbg core EXE CORE"},
		{[]string{"core", exe}, 2, "usage: rtdbg core EXE CORE"},
		{[]string{"core", "/nonexistent/exe", core}, 1, "/nonexistent/exe"},
		{[]string{"core", exe, "/nonexistent/core"}, 1, "/nonexistent/core"},
		{[]string{"core", core, exe}, 1, "the order is EXE CORE"},
		{[]string{"core", exe, exe}, 1, "core"},
		{[]string{"core", exe, "/dev/null"}, 1, "/dev/null"},
		{[]string{"core", exe, truncated(t, core)}, 1, ""},
		{[]string{"core", os.Args[0], core}, 1, "does not belong to core"},
	}
}

func wrongQuestions(t *testing.T, exe, core string) []wrong {
	bad := filepath.Join(t.TempDir(), "bad.star")
	if err := os.WriteFile(bad, []byte("def main():\n  return g(1).nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []wrong{
		{[]string{"core", exe, core, "nothing"}, 2, `no command "nothing": there are ` + strings.Join(scripts.Names(), ", ")},
		{[]string{"core", exe, core, "none.star"}, 2, "none.star: no such file or directory"},
		{[]string{"core", exe, core, bad}, 1, "bad.star:2:14: G has no .nothing field or method"},
		{[]string{"core", exe, core, "waiters"}, 2, "waiters needs X (usage: waiters X)"},
		{[]string{"core", exe, core, "waiters", "1", "2"}, 2, "waiters takes at most 1 arguments, got 2"},
		{[]string{"core", exe, core, "waiters", "y=1"}, 2, `waiters has no parameter "y": it has x`},
		{[]string{"core", exe, core, "waiters", "0x10"}, 1, "0x10"},
		{[]string{"core", exe, core, "wakers", "99999999"}, 1, "has no goroutine 99999999"},
		{[]string{"core", exe, core, "runq", "99999"}, 1, "no P 99999"},
		{[]string{"core", exe, core, "goroutines", "--nonsense"}, 2, `goroutines has no parameter "nonsense"`},
		{[]string{"core", exe, core, "--nonsense"}, 2, "unknown flag: --nonsense"},
		{[]string{"core", exe, core, "-x"}, 2, "unknown shorthand flag"},
		{[]string{"core", exe, core, "-o", "yaml"}, 2, `no output format "yaml": there are text, json`},
		{[]string{"core", exe, core, "why", "-o", "xml"}, 2, `no output format "xml": there are text, json`},
		{[]string{"core", exe, core, "dump", "-o", "json"}, 2, "dump has no json form"},
		{[]string{"core", exe, core, "dump", "loud"}, 1, `level must be "all" or "system", not "loud"`},
		{[]string{"core", exe, core, "-e"}, 2, "flag needs an argument"},
		{[]string{"core", exe, core, "-e", "1 +"}, 1, "-e:1:4: got end of file, want primary expression"},
		{[]string{"core", exe, core, "-e", "gg()"}, 1, "-e:1:1: undefined: gg"},
		{[]string{"core", exe, core, "-f", "none.star"}, 2, "none.star"},
		{[]string{"core", exe, core, "why", "--out", "/nonexistent/dir/file"}, 1, "/nonexistent/dir"},
		{[]string{"core", exe, core, "why", "--out", "/"}, 1, "/ is a directory"},
		{[]string{"core", exe, core, "--stop"}, 2, "unknown flag: --stop"},
	}
}

func wrongCommands() []wrong {
	return []wrong{
		{nil, 2, "say what to open"},
		{[]string{"cor"}, 2, `no command "cor": did you mean core?`},
		{[]string{"frobnicate", "x"}, 2, `no command "frobnicate" (rtdbg help)`},
		{[]string{"attach"}, 2, "usage: rtdbg attach PID"},
		{[]string{"attach", "self"}, 2, `attach: "self" is not a process id`},
		{[]string{"attach", "0"}, 2, `attach: "0" is not a process id`},
		{[]string{"attach", "999999999"}, 1, "999999999"},
		{[]string{"connect", "somewhere"}, 2, `connect: "somewhere" is not HOST:PORT`},
		{[]string{"connect", "127.0.0.1:1"}, 1, "127.0.0.1:1"},
		{[]string{"version", "x"}, 2, `version takes no arguments, got "x"`},
		{[]string{"versions", "-e", "1"}, 2, "--expr needs a target"},
		{[]string{"versions", "-o", "xml"}, 2, "no output format"},
		{[]string{"help", "nothing"}, 2, `no command "nothing"`},
	}
}

func TestFlagsStandAnywhere(t *testing.T) {
	c := repltest.Pool(t)
	jobs := c.Vars.String(t, "jobs.addr")
	want := rtdbg(t, "core", c.Exe, c.Core, "waiters", jobs, "-o", "json")
	var answer struct {
		Object  struct{ Addr string }
		Waiters []struct{ Goid int64 }
	}
	if err := json.Unmarshal([]byte(want.out), &answer); err != nil || want.status != 0 || answer.Object.Addr != jobs {
		t.Fatalf("status %d: %s%s %v", want.status, want.out, want.errors, err)
	}
	var ids []int64
	for _, w := range answer.Waiters {
		ids = append(ids, w.Goid)
	}
	workers := c.Vars.Ints(t, "worker.goids")
	slices.Sort(ids)
	slices.Sort(workers)
	if !slices.Equal(ids, workers) {
		t.Errorf("waiters are %v, the target says %v", ids, workers)
	}
	for _, args := range [][]string{
		{"-o", "json", "core", c.Exe, c.Core, "waiters", jobs},
		{"core", "-ojson", c.Exe, c.Core, "waiters", "x=" + jobs},
		{"core", c.Exe, "--output=json", c.Core, "waiters", "--x=" + jobs},
		{"core", "-o", "json", "--", c.Exe, c.Core, "waiters", jobs},
		{"core", c.Exe, c.Core, "-e", fmt.Sprintf("waiters(%s)", jobs), "-o", "json"},
		{"core", c.Exe, c.Core, "-o", "json", "-e", fmt.Sprintf("waiters(%q)", jobs)},
	} {
		if got := rtdbg(t, args...); got.out != want.out {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if r := rtdbg(t, "core", c.Exe, c.Core, "waiters", "--", "--x="+jobs); r.status != 1 {
		t.Errorf("behind -- there are no flags: %+v", r)
	}
}

func TestExpressionsArePrintedInOrder(t *testing.T) {
	c := repltest.Pool(t)
	path := filepath.Join(t.TempDir(), "f.star")
	if err := os.WriteFile(path, []byte("def f(x):\n  print('f')\n  return x + 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := rtdbg(t, "core", "-f", path, c.Exe, c.Core, "-e", "f(1)", "-e", "'text'", "-e", "None", "-e", "[1, [2]]")
	if r.status != 0 || r.out != "f\n2\ntext\n1\n[2]\n" || r.errors != "" {
		t.Errorf("got %+v", r)
	}
	r = rtdbg(t, "core", c.Exe, c.Core, "-o", "json", "-e", "{'a': [1, None]}", "-e", "'text'", "-e", "[1, [2]]")
	if r.status != 0 || r.out != "{\"a\":[1,null]}\n\"text\"\n1\n[2]\n" {
		t.Errorf("as JSON: %+v", r)
	}
}

func TestWithoutATerminalWhyRuns(t *testing.T) {
	c := repltest.Pool(t)
	want, got := rtdbg(t, "core", c.Exe, c.Core, "why"), rtdbg(t, "core", c.Exe, c.Core)
	if want.status != 0 || want.out == "" || got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestOutAppearsOnlyWhenComplete(t *testing.T) {
	c := repltest.Pool(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "out.json")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("out.json", link); err != nil {
		t.Fatal(err)
	}
	r := rtdbg(t, "core", c.Exe, c.Core, "-e", "runq()", "-e", "1 // 0", "--out", link)
	if old, err := os.ReadFile(path); r.status != 1 || err != nil || string(old) != "old" {
		t.Errorf("a failure left %q (%v), %+v", old, err, r)
	}
	want := rtdbg(t, "core", c.Exe, c.Core, "runq", "-o", "json")
	r = rtdbg(t, "core", c.Exe, c.Core, "runq", "-o", "json", "--out", link)
	if got, err := os.ReadFile(path); r.status != 0 || r.out != "" || err != nil || string(got) != want.out {
		t.Errorf("%q, %v, %+v", got, err, r)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if r := rtdbg(t, "core", c.Exe, c.Core, "runq", "--out", "/dev/null"); r.status != 0 {
		t.Errorf("a device: %+v", r)
	}
}

func TestAClosedPipeIsSilent(t *testing.T) {
	c := repltest.Pool(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	defer write.Close()
	var errs bytes.Buffer
	status := run(&signals{ctx: t.Context()}, []string{"core", c.Exe, c.Core, "goroutines"}, streams{strings.NewReader(""), write, &errs})
	if status != 128+int(syscall.SIGPIPE) || errs.Len() > 0 {
		t.Errorf("exit status %d, %q", status, errs.String())
	}
}

func TestASignalEndsTheAnalysis(t *testing.T) {
	c := repltest.Pool(t)
	var out, errs bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	s := &signals{ctx: ctx, cancel: cancel}
	s.number.Store(int32(syscall.SIGINT))
	cancel()
	status := run(s, []string{"core", c.Exe, c.Core, "-e", "len([i for i in range(1 << 60)])"}, streams{strings.NewReader(""), &out, &errs})
	if status != 130 || out.Len() > 0 || errs.String() != "rtdbg: interrupted\n" {
		t.Errorf("exit status %d, %q %q", status, out.String(), errs.String())
	}
}

// faulty stands for a mistake of rtdbg itself.
type faulty []byte

func (f faulty) Write(p []byte) (int, error) { return copy(f[:len(p)], p), nil }

func TestAMistakeOfOursIsOneLine(t *testing.T) {
	c := repltest.Pool(t)
	var errs bytes.Buffer
	status := run(&signals{ctx: t.Context()}, []string{"core", c.Exe, c.Core, "why"}, streams{strings.NewReader(""), faulty{}, &errs})
	if status != 1 || !strings.HasPrefix(errs.String(), "rtdbg: internal error: runtime error: slice bounds out of range") ||
		!strings.HasSuffix(errs.String(), " at rtdbg/main_test.go:264; please report it\n") {
		t.Errorf("exit status %d, %q", status, errs.String())
	}
}

func TestHelp(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"help", "waiters X"},
		{"--help", "goroutines [--all] [--brief]"},
		{"help core", "rtdbg core EXE CORE [COMMAND [ARG...]]"},
		{"core --help", "wakers [GOID]"},
		{"help waiters", "main.pool.jobs"},
		{"core exe core waiters --help", "main.pool.jobs"},
		{"version", "rtdbg "},
		{"versions", "go1.26"},
		{"versions -o json", `"first":"go1.26`},
		{"completion bash", "rtdbg"},
	} {
		if r := rtdbg(t, strings.Fields(tt.args)...); r.status != 0 || !strings.Contains(r.out, tt.want) || r.errors != "" {
			t.Errorf("%s: %+v", tt.args, r)
		}
	}
}
