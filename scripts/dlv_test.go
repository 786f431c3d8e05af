package scripts_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/repl/repltest"
	"rtdbg/scripts"
)

// dlvVersions are the Go versions whose structures the script for dlv reads: the
// oldest, and those around changes of what it reads.
var dlvVersions = []string{"go1.18.10", "go1.22.12", "go1.26.8", "go1.27.3"}

// dlvPrompt is a dlv that has loaded the script.
type dlvPrompt interface {
	Command(line string) string
}

func sourced(t *testing.T, addr string) dlvPrompt {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("dlv", "rtdbg.star"))
	if err != nil {
		t.Fatal(err)
	}
	dlv := repltest.DelveTerminal(t, "connect", addr)
	if out := dlv.Command("source " + script); out != "" {
		t.Fatalf("source prints %q", out)
	}
	return dlv
}

// In a real dlv the script answers as rtdbg does, of a live process and of a
// core.
func TestTheScriptForDlvAnswersAsRtdbgDoes(t *testing.T) {
	objects := []string{"jobs", "full", "mu", "rw", "wg", "cond"}
	for _, version := range dlvVersions {
		t.Run(version+"/process", func(t *testing.T) {
			r := repltest.Patient{Program: "beside", Go: version}.Start(t)
			addr := repltest.ServeDelve(t, "attach", strconv.Itoa(r.PID))
			p, err := inspect.Connect(t.Context(), addr, inspect.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			dlv := sourced(t, addr)
			for _, name := range objects {
				sameWaiters(t, dlv, p, "main."+name, r.Vars.Addr(t, name))
				if name != "cond" {
					sameWaiters(t, dlv, p, r.Vars.String(t, name+".addr"), r.Vars.Addr(t, name))
				}
			}
			sameRunQ(t, dlv, p)
		})
		t.Run(version+"/core", func(t *testing.T) {
			c := repltest.Patient{Program: "runq", Go: version, Args: []string{"-n=300"}, Env: []string{"GODEBUG=asyncpreemptoff=1"}}.Take(t)
			p, err := inspect.OpenCore(t.Context(), c.Exe, c.Core, inspect.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			sameRunQ(t, sourced(t, repltest.ServeDelve(t, "core", c.Exe, c.Core)), p)
			c = repltest.Patient{Program: "beside", Go: version}.Take(t)
			q, err := inspect.OpenCore(t.Context(), c.Exe, c.Core, inspect.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer q.Close()
			dlv := sourced(t, repltest.ServeDelve(t, "core", c.Exe, c.Core))
			for _, name := range objects {
				sameWaiters(t, dlv, q, "main."+name, c.Vars.Addr(t, name))
			}
		})
	}
}

// In this program Delve takes sync for internal/sync, of which it reads first.
func TestTheScriptForDlvTellsPackagesOfOneNameApart(t *testing.T) {
	r := repltest.Patient{Program: "waits"}.Start(t)
	addr := repltest.ServeDelve(t, "attach", strconv.Itoa(r.PID))
	p, err := inspect.Connect(t.Context(), addr, inspect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	sameWaiters(t, sourced(t, addr), p, "main.cond", r.Vars.Addr(t, "cond"))
}

// sameWaiters compares who waits on one object, named by x to dlv.
func sameWaiters(t *testing.T, dlv dlvPrompt, p *inspect.Process, x string, a uint64) {
	t.Helper()
	w, err := p.Waiters(t.Context(), mem.Addr(a))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, w := range w.Waiters {
		sel := "-"
		if w.Select {
			sel = "select"
		}
		op := string(w.Op)
		if _, err := strconv.ParseUint(x, 0, 64); err == nil && w.Goroutine().WaitReason() == "semacquire" {
			// At an address without a type, the wait reasons of before Go
			// 1.20 and 1.24 do not tell.
			op = "acquire"
		}
		want = append(want, fmt.Sprintf("%d %s %d %s", w.Position, op, w.Goid, sel))
	}
	out := dlv.Command("waiters " + x)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var got []string
	for _, line := range lines[min(2, len(lines)):] {
		f := strings.Fields(line)
		got = append(got, strings.Join(f[:min(4, len(f))], " "))
	}
	slices.Sort(got)
	slices.Sort(want) // the queues of an RWMutex have no order between them
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("waiters %s prints\n%s\nrtdbg says %q", x, out, want)
	}
}

// sameRunQ compares the run queues.
func sameRunQ(t *testing.T, dlv dlvPrompt, p *inspect.Process) {
	t.Helper()
	q, err := p.RunQ(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"P M RUNS RUNNEXT RUNQ (next first)"}
	for _, p := range q.Ps {
		want = append(want, fmt.Sprintf("%d %s %s %s %s", p.ID, orDash(p.M), orDash(p.Goid), orDash(p.RunNext), ids(p.RunQ)))
	}
	all := append(slices.Clone(want), "global queue: "+ids(q.Global))
	for line, want := range map[string][]string{"runq": all, "runq 0": want[:2]} {
		var got []string
		for l := range strings.Lines(dlv.Command(line)) {
			got = append(got, strings.Join(strings.Fields(l), " "))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s prints %q, rtdbg says %q", line, got, want)
		}
	}
}

func orDash[T int64 | uint64](p *T) string {
	if p == nil {
		return "-"
	}
	return fmt.Sprint(*p)
}

func ids(list []uint64) string {
	if len(list) == 0 {
		return "-"
	}
	return strings.Trim(fmt.Sprint(list), "[]")
}

func TestTheScriptForDlvSaysWhatItCannotAnswer(t *testing.T) {
	s := repltest.Serve(t)
	dlv := sourced(t, s.Addr)
	for line, want := range map[string]string{
		"waiters":                      "usage: waiters <expression or address>",
		"waiters 0x1234":               "0x1234: no channel, and no goroutine waits on a semaphore there",
		"waiters *(*chan int)(0x1234)": "*(*chan int)(0x1234): unreadable (input/output error)",
		"waiters (*sync.Mutex)(0x8)":   "sync.Mutex 0x8: 0 waiters",
		"waiters (chan int)(0)":        "",
		"waiters main.nosuch":          "Command failed: ",
		"waiters main.never":           "2 waiters",
		"waiters main.entered":         "0 waiters",
		"runq 99":                      "there is no P 99: there are ",
		"runq x":                       "there is no P x: there are ",
		"help waiters":                 "Who waits on a channel",
		"help runq":                    "The run queues",
		"halt":                         "the target does not run",
	} {
		if out := dlv.Command(line); !strings.Contains(out, want) {
			t.Errorf("%s prints %q, want %q", line, out, want)
		}
	}
	s.Dlv.Resume()
	s.AwaitBeats()
	for _, line := range []string{"waiters main.jobs", "runq"} {
		if out := dlv.Command(line); !strings.Contains(out, "the target is running: another client has resumed it; first type: halt") {
			t.Errorf("while the target runs %s prints %q", line, out)
		}
	}
	s.Dlv.Halt()
	if out := dlv.Command("waiters main.jobs"); !strings.Contains(out, "3 waiters") {
		t.Errorf("after it was halted: %q", out)
	}
}

func TestScriptsForDlvAreNoCommands(t *testing.T) {
	if slices.Contains(scripts.Names(), "rtdbg") || slices.Contains(scripts.Names(), "dlv") {
		t.Errorf("commands are %q", scripts.Names())
	}
}
