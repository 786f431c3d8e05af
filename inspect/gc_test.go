package inspect_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
)

// gcReleases are the versions on which the collector's figures are compared: Go
// 1.19 is the first that works goal and trigger out when they are asked for.
func gcReleases() []string {
	if full() {
		return releases
	}
	return append([]string{"go1.19.13"}, schedReleases...)
}

// figuresOptions are how the target starts that prints the collector's figures.
var figuresOptions = target.Options{Env: []string{"GOGC=150", "GOMEMLIMIT=1GiB"}}

// figuresSpec is that target.
func figuresSpec(version string, how target.Spec) target.Spec {
	how.Program, how.Go = "gcfigures", version
	how.Ldflags += " " + linknamed(version)
	return how
}

// linknamed is the linker's flag for programs that refer to what the runtime does
// not export to them, which the linker refuses since Go 1.23.
func linknamed(version string) string {
	if version == "" || version >= "go1.23" {
		return "-checklinkname=0"
	}
	return ""
}

// gcBuilds are the ways of building in which the collector's variables are found
// in different ways: by symbol, and by the code that names them.
var gcBuilds = []build{
	{"plain", target.Spec{}, true},
	{"stripped", target.Spec{Ldflags: "-s -w"}, true},
	{"pie-stripped", target.Spec{BuildMode: "pie", Ldflags: "-s -w"}, false},
	{"race-stripped", target.Spec{Race: true, Ldflags: "-s -w"}, false},
	{"arm64-stripped", target.Spec{GOARCH: "arm64", Ldflags: "-s -w"}, false},
}

// The collector's figures are those that runtime/metrics and ReadMemStats
// gave the target, with symbols and without.
func TestGCFiguresAreThoseOfTheRuntime(t *testing.T) {
	for _, version := range gcReleases() {
		for _, b := range gcBuilds {
			if !b.few && !full() && !isNewest(version) {
				continue
			}
			t.Run(orHost(version)+"/"+b.name, func(t *testing.T) {
				parallel(t)
				c := target.Take(t, figuresSpec(version, b.spec), figuresOptions, target.Kernel)
				r := gcState(t, open(t, c))
				checkFigures(t, c.Vars, r)
				checkQueues(t, c.Vars, r)
			})
		}
	}
}

// checkQueues compares the queues of finalizers and cleanups.
func checkQueues(t *testing.T, vars target.Vars, r *inspect.GC) {
	t.Helper()
	fing := r.Finalizers
	if fing == nil || *fing.Queued != int(vars.Int(t, "finalizers")) || len(fing.Runners) != 1 ||
		fing.Runners[0].Goid != uint64(vars.Int(t, "finalizer.goid")) || !fing.Runners[0].Busy {
		t.Errorf("finalizers: %s, want %s behind goroutine %s", toJSON(t, fing), vars["finalizers"], vars["finalizer.goid"])
	}
	if queued, ok := vars["metric.cleanups.queued"]; ok {
		want, _ := strconv.Atoi(queued)
		executed := int(vars.Int(t, "metric.cleanups.executed"))
		if r.Cleanups == nil || *r.Cleanups.Queued != want-executed || want == executed {
			t.Errorf("cleanups: %s, want %d less %d", toJSON(t, r.Cleanups), want, executed)
		}
	}
}

func gcState(t *testing.T, p *inspect.Process) *inspect.GC {
	t.Helper()
	r, err := p.GC(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.Note != "" {
		t.Errorf("note: %s", r.Note)
	}
	return r
}

// checkFigures compares the figures that the target's version has.
func checkFigures(t *testing.T, vars target.Vars, r *inspect.GC) {
	t.Helper()
	if r.Phase != "off" || r.Sweep == nil || !r.Sweep.Done || len(r.Workers) != 0 || len(r.AssistQueue) != 0 {
		t.Errorf("phase %q, sweep %s, workers %s", r.Phase, toJSON(t, r.Sweep), toJSON(t, r.Workers))
	}
	got := map[string]string{
		"metric.goal": orNilText(r.HeapGoal), "mem.NextGC": orNilText(r.HeapGoal), "metric.live": orNilText(r.HeapMarked),
		"metric.cycles": orNilText(r.Collections), "mem.NumGC": orNilText(r.Collections),
		"metric.forced": orNilText(r.ForcedCollections), "mem.NumForcedGC": orNilText(r.ForcedCollections),
		"metric.gogc": orNilText(r.GOGC), "metric.limit": orNilText(r.MemoryLimit),
		"mem.LastGC": orNilText(r.LastEndUnixNS), "mem.PauseTotalNs": orNilText(r.PauseTotalNS),
		"trigger": orNilText(r.Trigger), "trigger.goal": orNilText(r.HeapGoal),
	}
	compared := 0
	for key, value := range got {
		if want, ok := vars[key]; ok {
			compared++
			if value != want {
				t.Errorf("%s is %s, want %s", key, value, want)
			}
		}
	}
	if _, ok := vars["trigger"]; !ok && !strings.HasPrefix(vars["go"], "go1.18") {
		t.Error("the target does not say what triggers the next collection")
	}
	if compared < 7 {
		t.Errorf("only %d figures were compared", compared)
	}
	for i, ns := range vars.Ints(t, "mem.PauseNs") {
		if end := vars.Ints(t, "mem.PauseEnd")[i]; r.Pauses[i] != (inspect.GCPause{NS: uint64(ns), EndUnixNS: uint64(end)}) {
			t.Errorf("pause %d: %+v, want %d ns that ended %d", i, r.Pauses[i], ns, end)
		}
	}
	if *r.GOGC != 150 || *r.Trigger <= *r.HeapMarked || *r.Trigger > *r.HeapGoal {
		t.Errorf("GOGC %d, trigger %s between %d and %d", *r.GOGC, orNilText(r.Trigger), *r.HeapMarked, *r.HeapGoal)
	}
}

// assistsSpec is the target that is caught in the mark phase.
func assistsSpec(version string) target.Spec {
	return target.Spec{Program: "assists", Go: version, Ldflags: linknamed(version)}
}

var assistsOptions = target.Options{Env: []string{"GODEBUG=asyncpreemptoff=1"}}

// A mark phase is caught with assists waiting: the queue has the goroutines of
// which the runtime prints that they wait.
func TestGCInTheMarkPhaseNamesWhoPays(t *testing.T) {
	for _, version := range schedReleases {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			r := startAssists(t, version)
			c := r.Crash()
			gc := gcState(t, open(t, c))
			if gc.Phase != "mark" || gc.Assists == nil || !*gc.Assists || gc.MarkNS == nil || gc.Forced == nil || !*gc.Forced {
				t.Errorf("phase %q: %s", gc.Phase, toJSON(t, gc))
			}
			var want, got []int64
			for _, g := range c.Crash(t).Goroutines() {
				if g.Status == "GC assist wait" {
					want = append(want, g.ID)
				}
			}
			for _, a := range gc.AssistQueue {
				got = append(got, int64(a.Goid))
				if a.DebtBytes <= 0 || a.Start != "main.allocator" {
					t.Errorf("goroutine %d owes %d bytes and runs %s", a.Goid, a.DebtBytes, a.Start)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) || len(want) == 0 {
				t.Errorf("assist queue %v, want %v", got, want)
			}
			i := slices.IndexFunc(gc.Waiting, func(w inspect.GCWaiters) bool { return w.Reason == "GC assist wait" })
			if i < 0 || gc.Waiting[i].Count != len(want) {
				t.Errorf("waiting: %s", toJSON(t, gc.Waiting))
			}
		})
	}
}

// startAssists starts the target until it is in the mark phase with its
// allocators waiting, which it misses if the collector is quick.
func startAssists(t *testing.T, version string) *target.Running {
	t.Helper()
	exe := target.Build(t, assistsSpec(version))
	for range 20 {
		r := target.Start(t, exe, assistsOptions)
		if awaitAllocators(t, r) {
			return r
		}
		r.Kill()
	}
	t.Fatal("the allocators never wait for credit")
	return nil
}

// ended reports whether there is no process pid, or only what its parent has not
// yet waited for.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(stat, []byte(") Z ")) || bytes.Contains(stat, []byte(") X "))
}

// awaitAllocators waits until all allocators are parked, at most two minutes,
// and reports whether any stands in the queue of those who lack credit.
func awaitAllocators(t *testing.T, r *target.Running) bool {
	t.Helper()
	allocators := r.Vars.Ints(t, "allocator.goids")
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		p, err := inspect.Attach(context.Background(), r.PID, inspect.Options{})
		if err != nil && ended(r.PID) {
			return false // its allocators need not wait
		}
		if err != nil {
			target.Missing(t, "attach: %v", err)
		}
		gc := gcState(t, p)
		waiting, parked := 0, 0
		for _, id := range allocators {
			g := goroutine(t, p, id)
			if g.Status() == rt.Waiting {
				waiting++
			}
			if p.RT.Parked(g.G) {
				parked++
			}
		}
		p.Close()
		// One may be on its thread: it tries to end the phase.
		if waiting == len(allocators) && parked >= waiting-1 {
			return len(gc.AssistQueue) > 0
		}
		if time.Now().After(end) {
			t.Fatalf("the allocators do not come to rest: %s", toJSON(t, gc))
		}
	}
}
