package scripts_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"rtdbg/inspect"
	"rtdbg/inspect/repl/repltest"
	"rtdbg/inspect/star"
)

// patient is a target, as it is started.
type patient struct {
	repltest.Patient
	// live has it attached to instead of read from the core that a crash
	// leaves: what the script sees would not survive that. The script is run
	// until it finds what it should.
	live bool
}

func dead(p repltest.Patient) patient  { return patient{Patient: p} }
func alive(p repltest.Patient) patient { return patient{Patient: p, live: true} }

func incidentOf(ill string) patient {
	return dead(repltest.Patient{Program: "incidents", Args: []string{"-ill=" + ill}})
}

// diagnosis is a script that looks for an illness, with a target that has it and
// one that has not. says and alsoHas are what is to be said of the former.
type diagnosis struct {
	script        string
	ill, well     patient
	args          []string
	says, alsoHas string
}

// still has a target that nothing is preempted in and no garbage collected.
var still = []string{"GODEBUG=asyncpreemptoff=1", "GOGC=off"}

func diagnoses() []diagnosis {
	well := incidentOf("none")
	assists := alive(repltest.Patient{Program: "assists", Env: still[:1], Ldflags: "-checklinkname=0"})
	stopping := alive(repltest.Patient{Program: "stopworld", Env: still})
	return []diagnosis{
		{"stuck", incidentOf("groups"), well, nil, "200 wait in", "main.groups.func1"},
		{"leak_suspects", incidentOf("growing"), incidentOf("groups"), nil, "40 goroutines of main.", "fan-out, one each"},
		{"stw_pause", stopping, well, nil, "stops it (read mem stats)", "main.forever"},
		{"sched_latency", dead(repltest.Patient{Program: "runq"}), well, nil, "20 runnable goroutines wait for 2 Ps, all busy", "main.other"},
		{"write_pump", incidentOf("writers"), incidentOf("groups"), []string{"min=25"}, "30 goroutines of main.writer", "main.reader"},
		{"lock_convoy", incidentOf("convoy"), well, nil, "30 goroutines wait for a mutex", "sleep"},
		{"lost_shutdown", incidentOf("lost"), well, nil, "nobody can wake it", "main.lost"},
		{"idle_spin", alive(repltest.Patient{Program: "spinners"}), well, nil, "threads spin", "THREAD"},
		{"mark_assist", assists, well, nil, "goroutines wait until the collector has marked", "the collector waits for them"},
		{"thread_locked", incidentOf("locked"), well, nil, "3 goroutines are locked to threads", "waits for its locked goroutine"},
		{"cgo_stuck", dead(repltest.Patient{Program: "cgo", Cgo: true}), well, nil, "one goroutine is in C", "sleepInC"},
		{"timer_storm", incidentOf("timers"), well, nil, "2000 timers", "main.receive"},
		{"fd_wait", incidentOf("remote"), well, nil, "20 of 20 goroutines that wait for file descriptors wait for 127.0.0.1", "127.0.0.1:"},
	}
}

// Each script recognises the target that has the illness, and not the one that
// has not.
func TestIncidents(t *testing.T) {
	for _, d := range diagnoses() {
		t.Run(d.script, func(t *testing.T) {
			text := d.ill.diagnose(t, d.script, d.args, true, d.says, d.alsoHas)
			if !strings.Contains(text, d.says) || !strings.Contains(text, d.alsoHas) {
				t.Errorf("the ill target: %s\nwant %q and %q", text, d.says, d.alsoHas)
			}
			d.well.diagnose(t, d.script, d.args, false)
		})
	}
}

// What only looks like an illness is not found; what hardly shows is.
func TestIncidentsKnowLookalikes(t *testing.T) {
	like := func(what string) patient {
		return dead(repltest.Patient{Program: "lookalikes", Args: []string{"-like=" + what}})
	}
	clients, pairs := like("clients"), like("pairs")
	for _, tt := range []struct {
		name, script string
		p            patient
		args         []string
		found        bool
		says         string
	}{
		{"clients that say nothing", "stuck", clients, nil, false, "60 wait in main.serve"},
		{"a family that grows with the connections", "leak_suspects", clients, nil, false, "does not come with connections"},
		{"writers that come with readers of connections", "leak_suspects", like("pumps"), nil, false, "does not come with connections"},
		{"connections that were accepted", "fd_wait", clients, nil, false, "accepted"},
		{"deadlines of connections", "timer_storm", clients, []string{"min=50"}, false, "runtime.netpollReadDeadline"},
		{"workers who will have work", "stuck", pairs, nil, false, "60 wait in main."},
		{"pairs started at once", "leak_suspects", pairs, nil, false, "no family of 20"},
		{"a leak whose ids are in a row", "leak_suspects", like("ticking"), nil, true, "60 goroutines of main.result"},
		{"nobody can wake those that a leak left", "leak_suspects", like("ticking"), nil, true, "nothing can wake them"},
		{"readers left, each from a goroutine of its own", "write_pump", incidentOf("writers"), nil, true, "who started them has ended for all"},
		{"readers left, and the clients are still in a list", "write_pump", like("hub"), nil, false, "possible: 60 of main.pump wait (chan receive) each on a channel of its own"},
		{"clients that have readers", "write_pump", like("chat"), []string{"min=50"}, false, "no 50 goroutines"},
		{"main has ended", "lost_shutdown", dead(repltest.Patient{Program: "mainended"}), nil, false, "main has ended"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if text := tt.p.diagnose(t, tt.script, tt.args, tt.found); !strings.Contains(text, tt.says) {
				t.Errorf("%s\nwant %q", text, tt.says)
			}
		})
	}
}

// Threads of C and what is locked to threads are shown on every version, with the
// threads that C made for itself.
func TestScriptsShowThreadsOfC(t *testing.T) {
	for _, version := range []string{"go1.22.12", "go1.26.8", "go1.27.3"} {
		p := patient{Patient: repltest.Patient{Program: "cthreads", Go: version, Cgo: true}, live: true}
		for _, tt := range []struct{ script, says, alsoHas string }{
			{"cgo_stuck", "one goroutine is in C", "threads of no M, C's or about to get one"},
			{"thread_locked", "2 goroutines are locked to threads", "waits for its locked goroutine"},
		} {
			t.Run(version+"/"+tt.script, func(t *testing.T) {
				text := p.diagnose(t, tt.script, nil, true)
				if !strings.Contains(text, tt.says) || !strings.Contains(text, tt.alsoHas) || tt.script == "cgo_stuck" && !strings.Contains(text, "never") {
					t.Errorf("%s\nwant %q and %q", text, tt.says, tt.alsoHas)
				}
			})
		}
	}
}

// diagnose runs a script on a target and returns what it prints; the test fails
// unless it finds the illness or not, as wanted. Of a live target, whose state comes and
// goes, the first answer with the words says is taken.
func (p patient) diagnose(t *testing.T, script string, args []string, want bool, says ...string) string {
	t.Helper()
	if !p.live {
		c := p.Take(t)
		q, err := inspect.OpenCore(t.Context(), c.Exe, c.Core, inspect.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
		text, found := answer(t, q, script, args)
		if found != want {
			t.Errorf("%v: found is %t, want %t: %s", p, found, want, text)
		}
		return text
	}
	text := ""
	for start := 0; start < 10; start++ {
		r := p.Start(t)
		for try := 0; try < 200; try++ {
			q, err := inspect.Attach(t.Context(), r.PID, inspect.Options{})
			if err != nil {
				repltest.Missing(t, "attach: %v", err)
			}
			var found bool
			text, found = answer(t, q, script, args)
			q.Close()
			if found == want && !slices.ContainsFunc(says, func(s string) bool { return !strings.Contains(text, s) }) {
				return text
			}
			time.Sleep(5 * time.Millisecond)
		}
		r.Kill()
	}
	t.Errorf("%v: found is never %t, with %q: %s", p, want, says, text)
	return text
}

// answer runs a script and returns its text, and whether it says that it found
// the illness.
func answer(t *testing.T, p *inspect.Process, script string, args []string) (text string, found bool) {
	t.Helper()
	in := star.New(p, star.Options{})
	g := golden{name: script, script: script, args: slices.Clone(args)}
	first, _, _ := strings.Cut(g.run(t, in, "json"), "\n")
	var record struct{ Found bool }
	if err := json.Unmarshal([]byte(first), &record); err != nil {
		t.Fatalf("%s: %v: %s", script, err, first)
	}
	return g.run(t, in, "text"), record.Found
}
