package star

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
)

func gcBuiltins() []Builtin {
	return []Builtin{{
		Name: "gc", Doc: "The garbage collector: phase, figures, workers, who pays and who waits; attributes as in JSON.",
		Example: "gc().phase",
		call: func(in *Interp, _ args) (starlark.Value, error) {
			g, err := in.p.GC(in.ctx)
			if err != nil {
				return nil, err
			}
			return dataOf("GC", g, func() render.Report { return gcReport(g) })
		},
	}}
}

// gcReport shows the collector.
func gcReport(g *inspect.GC) render.Report {
	assists := func(yield func([]string, error) bool) {
		for _, list := range [][]inspect.GCAssist{g.AssistQueue, g.Assisting} {
			for i := range list {
				a := &list[i]
				if !yield([]string{fmt.Sprint(a.Goid), a.WaitReason, size(uint64(max(a.DebtBytes, 0))), a.At}, nil) {
					return
				}
			}
		}
	}
	sections := []render.Section{render.Text(gcLines(g)...)}
	if len(g.AssistQueue)+len(g.Assisting) > 0 {
		sections = append(sections, render.Table{Title: "they pay for what they allocate:", Columns: render.Columns(">GOID", "WAITS", ">DEBT", "AT"), Rows: assists})
	}
	if g.Note != "" {
		sections = append(sections, render.Text("note: "+g.Note))
	}
	return render.Report{Sections: sections, Records: render.Of[any](g)}
}

func gcLines(g *inspect.GC) []string {
	lines := []string{"phase: " + orWord(g.Phase, "unknown")}
	if g.Cycle != nil {
		lines[0] += fmt.Sprintf(", cycle %d", *g.Cycle)
	}
	if g.MarkNS != nil {
		lines[0] += fmt.Sprintf(", marking for %s, %d of %d pieces of the roots taken", ns(*g.MarkNS), *g.RootsDone, *g.Roots)
	}
	if g.HeapLive != nil {
		line := fmt.Sprintf("heap: %s live, %s marked by the last collection, goal %s", size(*g.HeapLive), size(*g.HeapMarked), size(*g.HeapGoal))
		if g.Trigger != nil {
			line += ", trigger " + size(*g.Trigger)
		}
		gogc := fmt.Sprintf("; GOGC=%d", *g.GOGC)
		if *g.GOGC < 0 {
			gogc = "; GOGC=off"
		}
		line += gogc
		if g.MemoryLimit != nil && *g.MemoryLimit != math.MaxInt64 {
			line += ", memory limit " + size(uint64(*g.MemoryLimit))
		}
		lines = append(lines, line)
	}
	if g.Collections != nil {
		line := fmt.Sprintf("%s, %d of them asked for by the program", count(int(*g.Collections), "collection"), *g.ForcedCollections)
		if g.LastEndNS != nil {
			line += fmt.Sprintf("; the last ended %s before the capture", ns(*g.LastEndNS))
		}
		var pauses []string
		for _, p := range g.Pauses {
			pauses = append(pauses, ns(int64(p.NS)))
		}
		if len(pauses) > 0 {
			line += "; last pauses, the newest first: " + strings.Join(pauses, " ")
		}
		lines = append(lines, line)
	}
	for _, w := range g.Workers {
		lines = append(lines, fmt.Sprintf("p%d has a %s worker, goroutine %d", w.P, w.Mode, w.Goid))
	}
	for i := range g.HeldUpBy {
		lines = append(lines, heldUpLine(&g.HeldUpBy[i]))
	}
	lines = append(lines, gcQueueLines(g)...)
	for _, w := range g.Waiting {
		lines = append(lines, fmt.Sprintf("%s: %s (%s)", w.Reason, count(w.Count, "goroutine"), joinIDs(w.Goids, 10, w.Count)))
	}
	return lines
}

// heldUpLine says for whom the collector waits, and why.
func heldUpLine(h *inspect.GCHolder) string {
	who := fmt.Sprintf("p%d", h.P)
	if h.Goroutine != nil {
		who = fmt.Sprintf("goroutine %d on p%d, thread %s", h.Goroutine.Goid, h.P, dash(h.Thread))
	}
	return fmt.Sprintf("the collector waits for %s (%s): %s", who, h.Wants, h.Why)
}

func gcQueueLines(g *inspect.GC) []string {
	var lines []string
	if s := g.Sweep; s != nil {
		line := "sweeping: done"
		if !s.Done {
			line = "sweeping: in progress"
		}
		lines = append(lines, fmt.Sprintf("%s, %s at work", line, count(int(s.Sweepers), "sweeper")))
	}
	for _, q := range []struct {
		name string
		q    *inspect.GCQueue
	}{{"finalizers", g.Finalizers}, {"cleanups", g.Cleanups}} {
		if q.q == nil {
			continue
		}
		line := q.name + ": "
		if q.q.Queued != nil {
			if q.q == g.Cleanups && slices.ContainsFunc(q.q.Runners, func(r inspect.GCRunner) bool { return r.Busy }) {
				line += "at most " // with those of the blocks that are being run
			}
			line += fmt.Sprintf("%d wait to be run", *q.q.Queued)
		} else {
			line += "how many wait is not known"
		}
		for _, r := range q.q.Runners {
			if r.Busy {
				line += fmt.Sprintf("; goroutine %d is in one, %s, at %s", r.Goid, orWord(r.WaitReason, string(r.Status)), r.At)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// size is a number of bytes for people.
func size(n uint64) string {
	switch {
	case n >= 1<<60:
		return "none"
	case n < 10<<10:
		return fmt.Sprintf("%d B", n)
	case n < 10<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
