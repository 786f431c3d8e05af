package star

import (
	"fmt"
	"strings"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
	"rtdbg/inspect/rt"
)

// schedReport shows the scheduler, its Ps and its Ms.
func schedReport(in *Interp, _ *rt.Sched) render.Report {
	s, err := in.p.Sched(in.ctx)
	if err != nil {
		return failedReport(err)
	}
	sections := []render.Section{
		render.Text(schedLines(s)...),
		render.Table{Columns: render.Columns(">P", "STATUS", ">M", ">RUNS", ">RUNNEXT", ">RUNQ", ">TIMERS", ">NEXT", "GC", ">SCHEDTICK", ">SYSCALLTICK"), Rows: schedPs(s)},
		render.Table{Columns: render.Columns(">M", ">THREAD", ">P", ">GOID", "DOES"), Rows: schedMs(s)},
	}
	if lines := runningLines(s); len(lines) > 0 {
		sections = append(sections, render.Text(lines...))
	}
	if s.Note != "" {
		sections = append(sections, render.Text("note: "+s.Note))
	}
	return render.Report{Sections: sections, Records: render.Of[any](s)}
}

// shownFrames is how many frames of a goroutine on a P are shown.
const shownFrames = 8

// shownQueue is how many goroutines that wait for a P are shown: runq has all.
const shownQueue = 3

// runningLines are the stacks of what runs, and what waits behind it.
func runningLines(s *inspect.Sched) []string {
	var lines []string
	for i := range s.Ps {
		p := &s.Ps[i]
		if r := p.Running; r != nil {
			line := fmt.Sprintf("p%d runs goroutine %d, which began in %s", p.ID, r.Goid, orWord(r.Start, "?"))
			if r.ForNS != nil {
				line += fmt.Sprintf(", for %s", ns(*r.ForNS))
			}
			if p.InSyscall {
				line += ", and is in a system call"
			}
			lines = append(lines, line)
			for _, f := range r.Frames[:min(len(r.Frames), shownFrames)] {
				lines = append(lines, fmt.Sprintf("    %s %s:%d", f.Func, f.File, f.Line))
			}
		}
		for _, q := range p.Queue[:min(len(p.Queue), shownQueue)] {
			lines = append(lines, fmt.Sprintf("    behind it: goroutine %d %s", q.Goid, orWord(q.At, q.Start)))
		}
	}
	return lines
}

// stopLines say who stops the world and who keeps it from stopping.
func stopLines(w *inspect.StopTheWorld) []string {
	if w == nil || w.By == nil {
		return nil
	}
	line := fmt.Sprintf("goroutine %d on m%d stops it (%s), at %s", w.By.Goid, *w.ByM, orWord(w.Reason, "reason unknown"), w.By.At)
	if w.SinceNS != nil {
		line += fmt.Sprintf(", since %s", ns(*w.SinceNS))
	}
	if w.InC {
		line += "; it is in C"
	}
	lines := []string{line}
	for i := range w.Culprits {
		c := &w.Culprits[i]
		line := fmt.Sprintf("p%d keeps it: %s", c.P, c.Why)
		if c.Goroutine != nil {
			line = fmt.Sprintf("goroutine %d on p%d, thread %s, keeps it: %s, at %s", c.Goroutine.Goid, c.P, dash(c.Thread), c.Why, c.Goroutine.At)
		}
		lines = append(lines, line)
	}
	return lines
}

// failedReport is that of an answer for which something could not be read.
func failedReport(err error) render.Report {
	return render.Report{
		Sections: []render.Section{render.Lines(func(yield func(string, error) bool) { yield("", err) })},
		Records:  func(yield func(any, error) bool) { yield(nil, err) },
	}
}

func schedLines(s *inspect.Sched) []string {
	idle := fmt.Sprintf("GOMAXPROCS %d, %d idle; %s, %d idle, %d waiting for a locked goroutine, %d looking for work; global queue: %d",
		s.GoMaxProcs, s.NPIdle, count(len(s.Ms), "thread"), s.NMIdle, max(s.NMIdleLocked, 0), s.NMSpinning, s.RunQSize)
	lines := []string{idle}
	if s.LastPollNS != nil {
		lines = append(lines, "nobody has polled the network for "+ns(*s.LastPollNS))
	}
	switch s.World {
	case rt.WorldStopping:
		ids := make([]string, len(s.StillToStop))
		for i, id := range s.StillToStop {
			ids[i] = fmt.Sprintf("p%d", id)
		}
		lines = append(lines, "the world is being stopped: waiting for "+orWord(strings.Join(ids, " "), "nobody that can be named"))
	case rt.WorldStopped:
		lines = append(lines, "the world is stopped")
	case rt.WorldFrozen:
		lines = append(lines, "the world is frozen: the program was dying")
	}
	lines = append(lines, stopLines(s.StopTheWorld)...)
	if len(s.NoM) > 0 {
		ids := strings.Trim(fmt.Sprint(s.NoM), "[]")
		lines = append(lines, fmt.Sprintf("%s of no M, C's or about to get one: %s", count(len(s.NoM), "thread"), ids))
	}
	if s.NeedSpinning {
		lines = append(lines, "a thread that looks for work is wanted (needspinning)")
	}
	if s.Sysmon != nil && s.SysmonWait {
		lines = append(lines, "sysmon sleeps until a P is busy")
	}
	return lines
}

func schedPs(s *inspect.Sched) render.Seq[[]string] {
	return func(yield func([]string, error) bool) {
		for i := range s.Ps {
			p := &s.Ps[i]
			queue := "corrupt"
			if p.RunQSize != nil {
				queue = fmt.Sprint(*p.RunQSize)
			}
			row := []string{fmt.Sprint(p.ID), string(p.Status), dash(p.M), dash(p.Goid), dash(p.RunNext), queue,
				fmt.Sprint(p.Timers), nextTimer(p), orWord(p.GCWorker, "-"), fmt.Sprint(p.SchedTick), fmt.Sprint(p.SyscallTick)}
			if !yield(row, nil) {
				return
			}
		}
	}
}

func schedMs(s *inspect.Sched) render.Seq[[]string] {
	return func(yield func([]string, error) bool) {
		for i := range s.Ms {
			m := &s.Ms[i]
			holds := "-"
			if m.P != nil {
				holds = fmt.Sprint(*m.P)
			}
			if !yield([]string{fmt.Sprint(m.ID), dash(m.Thread), holds, dash(m.Goid), mWords(m)}, nil) {
				return
			}
		}
	}
}

// mWords is what a thread does, and what is special about it.
func mWords(m *inspect.SchedM) string {
	words := []string{orWord(m.Does, "unknown")}
	if m.LockedGoid != nil && (m.Goid == nil || *m.Goid != *m.LockedGoid) {
		words = append(words, fmt.Sprintf("locked to goroutine %d", *m.LockedGoid))
	} else if m.LockedGoid != nil {
		words = append(words, "locked to it")
	}
	if m.Locks != 0 {
		words = append(words, fmt.Sprintf("locks=%d", m.Locks))
	}
	if m.PreemptOff != "" {
		words = append(words, "not preemptible: "+m.PreemptOff)
	}
	if m.Dying != 0 {
		words = append(words, "is crashing")
	}
	return strings.Join(words, ", ")
}

// nextTimer is the time until a P's next timer, "-" for none.
func nextTimer(p *inspect.SchedP) string {
	if p.NextTimerNS == nil {
		return "-"
	}
	return ns(*p.NextTimerNS)
}
