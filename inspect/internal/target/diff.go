package target

import (
	"fmt"
	"strings"
)

// Aspect is a set of the properties of goroutines that Diff compares.
type Aspect uint

// The aspects.
const (
	// Status is the status or wait reason with its remarks, but Minutes,
	// which grows between two looks.
	Status Aspect = 1 << iota
	// Addr is the address of the g.
	Addr
	// Threads is M and MP.
	Threads
	// Frames is function, file, line and inlining of each frame, and how
	// many are elided.
	Frames
	// Offsets is the frames' Off.
	Offsets
	// Pointers is the frames' FP, SP and PC.
	Pointers
	// Args is the text of the frames' arguments.
	Args
	// Created is what created the goroutine.
	Created
	// Labels is the pprof labels.
	Labels

	// Everything is all of the above.
	Everything = 1<<iota - 1
)

// diffLimit is the number of differences that Diff reports.
const diffLimit = 20

// Diff compares two lists of goroutines, matched by id, in the given aspects.
// It returns one line per difference, at most 20 and a count of the others;
// nil if there is none. The order of the lists does not matter.
func Diff(want, got []*Goroutine, what Aspect) []string {
	d := differ{what: what}
	have := make(map[int64]*Goroutine, len(got))
	for _, g := range got {
		if have[g.ID] != nil {
			d.addf("goroutine %d: there twice", g.ID)
		}
		have[g.ID] = g
	}
	wanted := make(map[int64]bool, len(want))
	for _, w := range want {
		wanted[w.ID] = true
		if g := have[w.ID]; g != nil {
			d.goroutine(w, g)
		} else {
			d.addf("goroutine %d [%s]: missing", w.ID, w.Status)
		}
	}
	for _, g := range got {
		if !wanted[g.ID] {
			d.addf("goroutine %d [%s]: not wanted", g.ID, g.Status)
		}
	}
	if d.more > 0 {
		d.lines = append(d.lines, fmt.Sprintf("and %d more", d.more))
	}
	return d.lines
}

type differ struct {
	what  Aspect
	lines []string
	more  int
}

func (d *differ) addf(format string, args ...any) {
	if len(d.lines) == diffLimit {
		d.more++
		return
	}
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// same reports a difference unless the two texts are equal, or the aspect is
// not asked for.
func (d *differ) same(a Aspect, id int64, name, want, got string) {
	if d.what&a != 0 && want != got {
		d.addf("goroutine %d: %s is %s, want %s", id, name, got, want)
	}
}

func (d *differ) goroutine(w, g *Goroutine) {
	d.same(Status, w.ID, "status", w.status(), g.status())
	d.same(Addr, w.ID, "g", fmt.Sprintf("%#x", w.Addr), fmt.Sprintf("%#x", g.Addr))
	d.same(Threads, w.ID, "m", fmt.Sprintf("%d %#x", w.M, w.MP), fmt.Sprintf("%d %#x", g.M, g.MP))
	d.same(Created, w.ID, "creator", w.CreatedBy.String(), g.CreatedBy.String())
	d.same(Labels, w.ID, "labels", fmt.Sprintf("%q", w.Labels), fmt.Sprintf("%q", g.Labels))
	if d.what&(Frames|Offsets|Pointers|Args) == 0 {
		return
	}
	d.same(Frames, w.ID, "number of frames", w.frameCount(), g.frameCount())
	for i := range min(len(w.Frames), len(g.Frames)) {
		want, got := w.Frames[i].text(d.what), g.Frames[i].text(d.what)
		if want != got {
			// The frames below a wrong one tell little.
			d.addf("goroutine %d: frame %d is %s, want %s", w.ID, i, got, want)
			return
		}
	}
}

func (g *Goroutine) status() string {
	s := g.Status
	for _, remark := range []struct {
		set  bool
		text string
	}{{g.Leaked, "leaked"}, {g.Scan, "scan"}, {g.Durable, "durable"}, {g.Locked, "locked to thread"}} {
		if remark.set {
			s += ", " + remark.text
		}
	}
	if g.Bubble != 0 {
		s += fmt.Sprintf(", bubble %d", g.Bubble)
	}
	return fmt.Sprintf("[%s]", s)
}

func (g *Goroutine) frameCount() string {
	if g.ElidedCount == 0 {
		return fmt.Sprint(len(g.Frames))
	}
	return fmt.Sprintf("%d (%d elided at %d)", len(g.Frames), g.ElidedCount, g.ElidedAt)
}

// text renders the aspects of a frame that are compared.
func (f *Frame) text(what Aspect) string {
	var b strings.Builder
	b.WriteString(f.Func)
	if what&Args != 0 {
		fmt.Fprintf(&b, "(%s)", f.Args)
	}
	if what&Frames != 0 {
		fmt.Fprintf(&b, " %s:%d", f.File, f.Line)
		if f.Inlined {
			b.WriteString(" inlined")
		}
	}
	if what&Offsets != 0 {
		fmt.Fprintf(&b, " +%#x", f.Off)
	}
	if what&Pointers != 0 {
		fmt.Fprintf(&b, " fp=%#x sp=%#x pc=%#x", f.FP, f.SP, f.PC)
	}
	return b.String()
}

// String renders the creator in one line.
func (c *Creator) String() string {
	if c == nil {
		return "nobody"
	}
	return fmt.Sprintf("%s in goroutine %d at %s:%d +%#x", c.Func, c.Goroutine, c.File, c.Line, c.Off)
}
