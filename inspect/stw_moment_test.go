package inspect_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
)

// stoppingScript has gdb wait until a process stops the world, has asked all to stop
// and has not taken away any P yet, and until some other P is of the kind WANT; it
// then prints every P as gdb reads it, by the program's DWARF, and writes a core.
const stoppingScript = `
import gdb, json, os
def word(v):
    if v.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        v = v["value"]
    return int(v)
def at(kind, a):
    return gdb.Value(a).cast(gdb.lookup_type(kind).pointer()).dereference()
def ps():
    allp = gdb.parse_and_eval("'runtime.allp'")
    for i in range(int(allp["len"])):
        p = allp["array"][i].dereference()
        x = {"p": i, "status": word(p["status"]), "thread": 0, "goid": 0, "gstatus": -1}
        m = word(p["m"])
        if m:
            m = at("runtime.m", m)
            x["thread"] = word(m["procid"])
            g = int(m["curg"])
            if g:
                g = at("runtime.g", g)
                x["goid"], x["gstatus"] = word(g["goid"]), word(g["atomicstatus"])
        yield x
def kind(x):
    if x["status"] == 2 or x["status"] == 1 and x["gstatus"] == 3:
        return "syscall"
    if x["status"] == 1 and (x["goid"] == 0 or x["gstatus"] == 1):
        return "scheduler"
    return ""
gdb.execute("set pagination off")
gdb.execute("handle SIGURG nostop noprint pass")
gdb.execute("break runtime.preemptall")
for _ in range(500):
    gdb.execute("continue", to_string=True)
    if "stopTheWorldWithSema" not in gdb.execute("bt 3", to_string=True):
        continue
    list = []
    for x in ps():
        x["kind"] = kind(x)
        if x["thread"] != gdb.selected_thread().ptid[1] and x["kind"]:
            list.append(x)
    if any(x["kind"] == os.environ["WANT"] for x in list):
        gdb.execute("gcore " + os.environ["CORE"], to_string=True)
        print("PS " + json.dumps(list))
        break
`

// gdbP is a P as gdb reads it.
type gdbP struct {
	P       int32
	Thread  uint64
	Goid    uint64
	GStatus int
	Kind    string
}

// A P that keeps the world from stopping only for a moment, as its thread is in a
// system call or in the scheduler, is told in programs that gdb stopped just there:
// what each P is about is what gdb reads.
func TestStopTheWorldNamesWhatKeepsItWhenItIsCaught(t *testing.T) {
	for _, version := range schedReleases {
		for _, want := range []string{"syscall", "scheduler"} {
			t.Run(orHost(version)+"/"+want, func(t *testing.T) {
				exe := target.Build(t, target.Spec{Program: "stopworld", Go: version})
				r := target.Start(t, exe, target.Options{Args: []string{"-how=moments"}, Env: []string{"GOGC=off"}})
				var ps []gdbP
				c := r.CaptureWith(func(pid int, core string) error {
					var err error
					ps, err = catchStopping(t, pid, core, want)
					return err
				})
				s, err := open(t, c).Sched(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				checkMoment(t, s, ps, uint64(c.Vars.Int(t, "stopper.goid")))
			})
		}
	}
}

// catchStopping runs stoppingScript on a process.
func catchStopping(t *testing.T, pid int, core, want string) ([]gdbP, error) {
	t.Helper()
	path, err := exec.LookPath("gdb")
	if err != nil {
		target.Missing(t, "%v", err)
	}
	if err := exec.Command(path, "-batch", "-ex", "python import json").Run(); err != nil {
		target.Missing(t, "gdb has no Python: %v", err)
	}
	script := filepath.Join(t.TempDir(), "stopping.py")
	if err := os.WriteFile(script, []byte(stoppingScript), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(t.Context(), path, "-batch", "-nx", "-p", strconv.Itoa(pid), "-x", script)
	cmd.Env = append(os.Environ(), "WANT="+want, "CORE="+core)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("gdb: %w: %s", err, out)
	}
	_, text, ok := strings.Cut(string(out), "\nPS ")
	if !ok {
		return nil, fmt.Errorf("gdb did not catch it: %s", out)
	}
	text, _, _ = strings.Cut(text, "\n")
	var ps []gdbP
	return ps, json.Unmarshal([]byte(text), &ps)
}

// checkMoment compares the culprits with what gdb read. A thread that is in the
// scheduler may wait there for a mutex.
func checkMoment(t *testing.T, s *inspect.Sched, ps []gdbP, stopper uint64) {
	t.Helper()
	w := s.StopTheWorld
	if s.World != rt.WorldStopping || w == nil || w.By == nil || w.By.Goid != stopper || w.Reason != "read mem stats" {
		t.Fatalf("who stops: %s", toJSON(t, w))
	}
	for _, p := range ps {
		i := slices.IndexFunc(w.Culprits, func(c inspect.STWCulprit) bool { return c.P == p.P })
		if i < 0 || !slices.Contains(s.StillToStop, p.P) {
			t.Errorf("p%d, which is %+v, is no culprit: %s", p.P, p, toJSON(t, w.Culprits))
			continue
		}
		c := &w.Culprits[i]
		waits := p.Kind == "scheduler" && c.Kind == "lock"
		if c.Kind != p.Kind && !waits || p.Thread != 0 && (c.Thread == nil || *c.Thread != p.Thread) {
			t.Errorf("p%d is %s, want %+v", p.P, toJSON(t, c), p)
		}
	}
	for _, id := range s.StillToStop {
		if w.ByM != nil && s.Ps[id].M != nil && *s.Ps[id].M == *w.ByM {
			t.Errorf("p%d is that of who stops the world, and still to stop", id)
		}
	}
}
