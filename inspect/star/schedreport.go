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
		render.Table{Columns: render.Columns(">P", "STATUS", ">M", ">RUNS", ">RUNNEXT", ">RUNQ", ">TIMERS", ">SCHEDTICK", ">SYSCALLTICK"), Rows: schedPs(s)},
		render.Table{Columns: render.Columns(">M", ">THREAD", ">P", ">GOID", "DOES"), Rows: schedMs(s)},
	}
	if s.Note != "" {
		sections = append(sections, render.Text("note: "+s.Note))
	}
	return render.Report{Sections: sections, Records: render.Of[any](s)}
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
		s.GoMaxProcs, s.NPIdle, count(len(s.Ms), "thread"), s.NMIdle, s.NMIdleLocked, s.NMSpinning, s.RunQSize)
	lines := []string{idle}
	if s.LastPollNS != nil {
		lines = append(lines, "nobody has polled the network for "+ns(*s.LastPollNS))
	}
	switch s.World {
	case inspect.Stopping:
		ids := make([]string, len(s.StillToStop))
		for i, id := range s.StillToStop {
			ids[i] = fmt.Sprintf("p%d", id)
		}
		lines = append(lines, "the world is being stopped: waiting for "+orWord(strings.Join(ids, " "), "nobody that can be named"))
	case inspect.Stopped:
		lines = append(lines, "the world is stopped")
	case inspect.Frozen:
		lines = append(lines, "the world is frozen: the program was dying")
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
				fmt.Sprint(p.Timers), fmt.Sprint(p.SchedTick), fmt.Sprint(p.SyscallTick)}
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
