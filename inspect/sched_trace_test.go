package inspect_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
)

// schedReleases are the versions on which the scheduler is compared with what
// the runtime prints of it: one for each way in which it kept the fields.
var schedReleases = []string{"go1.18.10", "go1.22.12", "go1.25.12", "", "go1.27.3"}

// traceDebug has the runtime print the scheduler ten times a second. Nothing is
// preempted and no garbage collected, so that the target stands still.
const traceDebug = "GODEBUG=schedtrace=100,scheddetail=1,asyncpreemptoff=1"

// What GODEBUG=schedtrace,scheddetail prints is the truth: every field of every
// P, M and G that it shows equals what is read from the process that is stopped
// just after.
func TestSchedEqualsTheSchedtrace(t *testing.T) {
	for _, version := range schedReleases {
		for _, program := range []string{"scheduler", "runq"} {
			t.Run(orHost(version)+"/"+program, func(t *testing.T) {
				parallel(t)
				exe := target.Build(t, target.Spec{Program: program, Go: version})
				r := target.Start(t, exe, target.Options{Env: []string{traceDebug, "GOGC=off"}})
				var differ []string
				for try := 0; try < 20; try++ {
					var ok bool
					if differ, ok = compareWithSchedtrace(t, r, program); ok && len(differ) == 0 {
						return
					}
				}
				t.Errorf("in every attempt: %s", strings.Join(differ, "\n"))
			})
		}
	}
}

// compareWithSchedtrace stops the target and compares it with the last trace
// that it printed before. ok is false if the program did anything between the
// last two traces, or was stopped in the middle of one.
func compareWithSchedtrace(t *testing.T, r *target.Running, program string) (differ []string, ok bool) {
	t.Helper()
	awaitTraces(t, r)
	p, err := inspect.Attach(context.Background(), r.PID, inspect.Options{})
	if err != nil {
		target.Missing(t, "attach: %v", err)
	}
	defer p.Close()
	traces := schedtraces(t, r)
	last, before := traces[len(traces)-1], traces[len(traces)-2]
	s, err := p.Sched(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if s.Note != "" {
		t.Errorf("note: %s", s.Note)
	}
	if !last.whole(s) || !last.same(before) {
		return []string{"no two whole and equal traces"}, false
	}
	differ = append(last.compareSched(s), last.compareGs(t, p)...)
	if program == "scheduler" && len(differ) == 0 {
		checkScheduler(t, r, s)
	}
	return differ, true
}

// checkScheduler compares what the threads of the target scheduler do with what
// it says.
func checkScheduler(t *testing.T, r *target.Running, s *inspect.Sched) {
	t.Helper()
	for key, state := range map[string]inspect.ThreadState{"spinner": inspect.ThreadRuns, "syscall": inspect.ThreadInSyscall, "locked.syscall": inspect.ThreadInSyscall} {
		goid := uint64(r.Vars.Int(t, key+".goid"))
		i := slices.IndexFunc(s.Ms, func(m inspect.SchedM) bool { return m.Goid != nil && *m.Goid == goid })
		if i < 0 || s.Ms[i].State != state {
			t.Errorf("%s: no thread of goroutine %d is %s: %s", key, goid, state, toJSON(t, s.Ms))
		}
	}
	goid := uint64(r.Vars.Int(t, "locked.goid"))
	i := slices.IndexFunc(s.Ms, func(m inspect.SchedM) bool { return m.LockedGoid != nil && *m.LockedGoid == goid })
	if i < 0 || s.Ms[i].State != inspect.ThreadWaitsForLocked {
		t.Errorf("no thread waits for goroutine %d, which is locked to it: %s", goid, toJSON(t, s.Ms))
	}
	var next []int64
	for _, p := range s.Ps {
		if p.NextTimerNS != nil {
			next = append(next, *p.NextTimerNS)
		}
	}
	// The first sleeper sleeps for an hour, and was started not long ago.
	if len(next) == 0 || slices.Min(next) > int64(time.Hour) || slices.Min(next) < int64(50*time.Minute) {
		t.Errorf("the next timer fires in %v ns, want an hour", next)
	}
	if s.Sysmon == nil || s.Sysmon.State != inspect.ThreadIsSysmon {
		t.Errorf("sysmon: %s", toJSON(t, s.Sysmon))
	}
}

// schedtrace is one trace: the values of its lines by name ("", "P0", "M1",
// "G7") and field.
type schedtrace struct {
	lines map[string]map[string]string
	// order are the names in the order in which they were printed.
	order []string
}

func traceText(t *testing.T, r *target.Running) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(r.Dir, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// awaitTraces waits for three more traces to begin, so that two are whole.
func awaitTraces(t *testing.T, r *target.Running) {
	t.Helper()
	const begin = "SCHED "
	want := strings.Count(traceText(t, r), begin) + 3
	for end := time.Now().Add(2 * time.Minute); strings.Count(traceText(t, r), begin) < want; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the target prints no traces any more")
		}
	}
}

// schedtraces parses the traces that the target has printed.
func schedtraces(t *testing.T, r *target.Running) []*schedtrace {
	t.Helper()
	var list []*schedtrace
	for line := range strings.Lines(traceText(t, r)) {
		line = strings.TrimSpace(line)
		name, fields, ok := strings.Cut(line, ": ")
		switch {
		case ok && strings.HasPrefix(name, "SCHED "):
			list = append(list, &schedtrace{lines: map[string]map[string]string{}})
			name = ""
		case !ok || len(list) == 0 || len(name) < 2 || !strings.Contains("PMG", name[:1]):
			continue
		}
		last := list[len(list)-1]
		last.lines[name] = traceFields(fields)
		last.order = append(last.order, name)
	}
	if len(list) < 2 {
		t.Fatal("fewer than two traces")
	}
	return list
}

// traceFields parses "a=1 b=nil c= status=4(chan receive) d=-1": nil and -1 are
// "nil", what stands in parentheses is the field "reason".
func traceFields(s string) map[string]string {
	fields := map[string]string{}
	if from, to := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')'); from >= 0 && from < to {
		fields["reason"] = s[from+1 : to]
		s = s[:from] + s[to+1:]
	}
	key := ""
	for word := range strings.FieldsSeq(s) {
		k, v, ok := strings.Cut(word, "=")
		if !ok {
			fields[key] += " " + word
			continue
		}
		if v == "-1" {
			v = "nil"
		}
		key, fields[k] = k, v
	}
	return fields
}

// whole reports whether no line is missing. Goroutines are printed last, and
// the last line with lockedm at its end.
func (tr *schedtrace) whole(s *inspect.Sched) bool {
	gs, all := 0, 0
	for name := range tr.lines {
		if name[:min(1, len(name))] == "G" {
			gs++
		}
	}
	for _, n := range s.Goroutines {
		all += n
	}
	dead := s.Goroutines[rt.Dead] // they share the id 0 or keep their last
	last := tr.lines[tr.order[len(tr.order)-1]]
	return last["lockedm"] != "" && gs >= all-dead
}

func (tr *schedtrace) same(other *schedtrace) bool {
	return fmt.Sprint(tr.lines) == fmt.Sprint(other.lines)
}

func (tr *schedtrace) compareSched(s *inspect.Sched) []string {
	c := traceComparison{lines: tr.lines}
	threads := len(s.Ms)
	c.line("", map[string]string{
		"gomaxprocs": fmt.Sprint(s.GoMaxProcs), "idleprocs": fmt.Sprint(s.NPIdle), "threads": fmt.Sprint(threads),
		"spinningthreads": fmt.Sprint(s.NMSpinning), "needspinning": bit(s.NeedSpinning), "idlethreads": fmt.Sprint(s.NMIdle),
		"runqueue": fmt.Sprint(s.RunQSize), "gcwaiting": truth(tr.lines[""]["gcwaiting"], s.World != rt.WorldRuns),
		"nmidlelocked": fmt.Sprint(s.NMIdleLocked), "stopwait": fmt.Sprint(s.StopWait), "sysmonwait": truth(tr.lines[""]["sysmonwait"], s.SysmonWait),
	})
	for _, p := range s.Ps {
		c.line(fmt.Sprintf("P%d", p.ID), map[string]string{
			"status": pStatusNumber(p.Status), "schedtick": fmt.Sprint(p.SchedTick), "syscalltick": fmt.Sprint(p.SyscallTick),
			"m": orNilText(p.M), "runqsize": orNilText(p.RunQSize), "gfreecnt": fmt.Sprint(p.GFree), "timerslen": fmt.Sprint(p.Timers),
		})
	}
	for _, m := range s.Ms {
		name := fmt.Sprintf("M%d", m.ID)
		locks := fmt.Sprint(m.Locks)
		if m.State == inspect.ThreadIsSysmon {
			// It holds sched.lock and the lock of print while it prints.
			locks = tr.lines[name]["locks"]
		}
		c.line(name, map[string]string{
			"p": orNilText(m.P), "curg": orNilText(m.Goid), "mallocing": fmt.Sprint(m.Mallocing), "throwing": fmt.Sprint(m.Throwing),
			"preemptoff": m.PreemptOff, "locks": locks, "dying": fmt.Sprint(m.Dying), "spinning": fmt.Sprint(m.Spinning),
			"blocked": fmt.Sprint(m.Blocked), "lockedg": orNilText(m.LockedGoid),
		})
	}
	if n := c.count("P") + c.count("M"); n != len(s.Ps)+len(s.Ms) {
		c.differ = append(c.differ, fmt.Sprintf("%d Ps and Ms were printed, %d read", n, len(s.Ps)+len(s.Ms)))
	}
	return c.differ
}

// compareGs compares the goroutines with the lines of the trace.
func (tr *schedtrace) compareGs(t *testing.T, p *inspect.Process) []string {
	t.Helper()
	c := traceComparison{lines: tr.lines}
	for _, g := range goroutines(t, p) {
		if g.Dead() {
			continue // several may have the same id
		}
		lockedM := "nil"
		if g.LockedM != 0 {
			m, err := p.RT.ReadM(g.LockedM)
			if err != nil {
				t.Fatal(err)
			}
			lockedM = fmt.Sprint(m.ID)
		}
		m, err := g.Thread()
		if err != nil {
			t.Fatal(err)
		}
		on := "nil"
		if m != nil {
			on = fmt.Sprint(m.ID)
		}
		want := map[string]string{"status": fmt.Sprint(g.AtomicStatus), "m": on, "lockedm": lockedM}
		if reason := g.WaitReason(); reason != "" {
			want["reason"] = reason
		}
		c.line(fmt.Sprintf("G%d", g.Goid), want)
	}
	return c.differ
}

// traceComparison collects what differs from the lines of a trace.
type traceComparison struct {
	lines  map[string]map[string]string
	differ []string
}

// line compares the fields that were printed, and those alone: older versions
// lack some.
func (c *traceComparison) line(name string, got map[string]string) {
	printed, ok := c.lines[name]
	if !ok {
		c.differ = append(c.differ, fmt.Sprintf("%s was not printed", name))
	}
	for k, want := range printed {
		if g, ok := got[k]; (ok || k != "reason") && g != want {
			c.differ = append(c.differ, fmt.Sprintf("%s %s: %q, printed %q", name, k, g, want))
		}
	}
}

// count returns how many lines have a name of the given kind.
func (c *traceComparison) count(kind string) int {
	n := 0
	for name := range c.lines {
		if strings.HasPrefix(name, kind) {
			n++
		}
	}
	return n
}

// pStatusNumber is the number of a status: the same in all versions that print
// it.
func pStatusNumber(s rt.PStatus) string {
	return strconv.Itoa(slices.Index([]rt.PStatus{rt.PIdle, rt.PRunning, rt.PSyscall, rt.PGCStop, rt.PDead}, s))
}

func orNilText[T any](v *T) string {
	if v == nil {
		return "nil"
	}
	return fmt.Sprint(*v)
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// truth is b as it was printed: true or 1.
func truth(printed string, b bool) string {
	if printed == "0" || printed == "1" {
		return bit(b)
	}
	return fmt.Sprint(b)
}
