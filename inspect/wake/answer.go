package wake

import (
	"fmt"
	"slices"
	"strings"

	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
)

// Answer says who can wake goroutine number i of the Input.
func (a *Analyzer) Answer(i int) Answer {
	g := &a.gs[i]
	ans := Answer{Goid: g.Goid, WaitReason: a.rt.WaitReason(g), Wakers: []Waker{}}
	switch s := a.rt.Status(g); s {
	case rt.Waiting, rt.Leaked:
		a.waiting(i, &ans)
	case rt.Runnable:
		ans.Verdict = Woken
		ans.Wakers = append(ans.Wakers, Waker{By: Runtime, How: "schedule", Certainty: Proven,
			Evidence: []string{"runnable" + queueOf(a.on[i])}})
	case rt.Syscall:
		ans.Verdict = External
		ans.Wakers = append(ans.Wakers, syscallWaker(a.on[i]))
	case rt.Preempted:
		ans.Verdict = External
		ans.Wakers = append(ans.Wakers, Waker{By: Runtime, How: "resume", Certainty: Proven, Evidence: []string{"status preempted"}})
	default:
		ans.Verdict, ans.Note = Woken, "it is "+string(s)
	}
	return ans
}

func queueOf(on []wait.On) string {
	if len(on) == 0 || on[0].Queue == "" {
		return ""
	}
	if on[0].Position == nil || strings.HasSuffix(on[0].Queue, "runnext") {
		return " in " + on[0].Queue
	}
	return fmt.Sprintf(" in %s at position %d", on[0].Queue, *on[0].Position)
}

func syscallWaker(on []wait.On) Waker {
	w := Waker{By: Syscall, How: "return", Certainty: Proven, Evidence: []string{"in a system call or C"}}
	if len(on) > 0 && on[0].Thread != nil {
		w.Evidence = []string{fmt.Sprintf("in a system call or C on thread %d", *on[0].Thread)}
	}
	return w
}

// waiting answers for a goroutine whose status is waiting.
func (a *Analyzer) waiting(i int, ans *Answer) {
	g := &a.gs[i]
	row, known := a.wait.Row(g)
	switch class := a.wait.Class(g); {
	case !known && g.M == 0:
		ans.Verdict, ans.Note = Unknown, fmt.Sprintf("wait reason %q is not known to rtdbg", ans.WaitReason)
	case class == wait.Executing:
		ans.Verdict, ans.Note = Woken, "it executes on the system stack: "+row.Who
	case class == wait.ByNobody:
		ans.Verdict, ans.Note = Never, row.Who
		if ans.Note == "" {
			ans.Note = "every channel of the select is nil"
		}
		if ByDesign(g, ans.WaitReason) {
			ans.Note += "; in the main goroutine usually by design, to keep the program running"
		}
	case class == wait.ByTime:
		ans.Verdict = External
		ans.Wakers = append(ans.Wakers, sleepWaker(a.on[i]))
	case class == wait.ByNetwork:
		ans.Verdict = External
		ans.Wakers = append(ans.Wakers, pollWakers(a.on[i])...)
	case class == wait.ByGC, class == wait.ByRuntime:
		ans.Verdict = External
		ans.Wakers = append(ans.Wakers, Waker{By: byOf(class), How: "ready", Certainty: Proven,
			Evidence: []string{fmt.Sprintf("wait reason %q: ended by %s", ans.WaitReason, row.Who)}})
	default:
		a.byGoroutines(i, ans)
	}
}

// ByDesign reports whether g is the main goroutine in an empty select: the way
// to keep a program running whose work is done by other goroutines. The
// runtime's leak detector does not count the main goroutine either.
func ByDesign(g *rt.G, reason string) bool { return g.Goid == 1 && reason == "select (no cases)" }

func byOf(c wait.Class) By {
	if c == wait.ByGC {
		return GC
	}
	return Runtime
}

func sleepWaker(on []wait.On) Waker {
	w := Waker{By: Timer, How: "fire", Certainty: Proven, Evidence: []string{"time.Sleep"}}
	if len(on) > 0 {
		w.InNS, w.Object = on[0].InNS, on[0].Addr
		if on[0].WhenNS != nil {
			w.Evidence = []string{fmt.Sprintf("the sleep ends at nanotime %d", *on[0].WhenNS)}
		}
	}
	return w
}

// pollWakers answers for IO wait: the poller, and the deadline if one is set.
func pollWakers(on []wait.On) []Waker {
	w := Waker{By: Netpoll, How: "ready", Certainty: Proven, Evidence: []string{"parked in netpollblock"}}
	if len(on) == 0 || on[0].Addr == nil {
		return []Waker{w}
	}
	w.Object = on[0].Addr
	if on[0].FD != nil {
		w.Evidence = []string{fmt.Sprintf("its pollDesc waits for fd %d to become ready to %s", *on[0].FD, on[0].Op)}
	}
	list := []Waker{w}
	if on[0].WhenNS != nil {
		list = append(list, Waker{By: Timer, How: "deadline", InNS: on[0].InNS, Object: on[0].Addr, Certainty: Proven,
			Evidence: []string{fmt.Sprintf("%s deadline at nanotime %d", on[0].Op, *on[0].WhenNS)}})
	}
	return list
}

// byGoroutines answers for a wait on channels or sync objects.
func (a *Analyzer) byGoroutines(i int, ans *Answer) {
	var notes []string
	for _, on := range a.on[i] {
		if on.Kind == wait.Bubble {
			ans.Wakers = append(ans.Wakers, Waker{By: Runtime, How: "resume", Object: on.Addr, Certainty: Proven, Evidence: []string{on.Note}})
		}
		if on.Addr == nil || a.objects[*on.Addr] == nil {
			if on.Note != "" && !on.Nil {
				notes = append(notes, on.Note)
			}
			continue
		}
		o := a.objects[*on.Addr]
		if o.timer != nil && o.timer.When != 0 {
			ans.Wakers = append(ans.Wakers, timerWaker(o, on))
		}
		ans.Wakers = append(ans.Wakers, a.candidates(i, o, on)...)
		notes = append(notes, a.limits(i, o)...)
	}
	a.rankWakers(ans)
	a.verdict(i, ans, notes)
}

func timerWaker(o *object, on wait.On) Waker {
	return Waker{By: Timer, How: "fire", InNS: on.InNS, Object: &o.addr, Certainty: Proven,
		Evidence: []string{fmt.Sprintf("timer %v sends to the channel at nanotime %d", o.timer.Addr, o.timer.When)}}
}

// limits says what keeps the candidates of o from being all.
func (a *Analyzer) limits(i int, o *object) []string {
	if a.state[i] == live {
		return nil
	}
	switch {
	case o.global:
		return []string{fmt.Sprintf("%s %v is a package-level variable: any code that names it can reach it", o.kind, o.addr)}
	case a.heap == nil:
		return []string{fmt.Sprintf("the heap could not be read to see who else reaches %s %v", o.kind, o.addr)}
	case o.reached:
		return []string{fmt.Sprintf("%s %v can be reached through the heap or package-level variables, by whom is not known", o.kind, o.addr)}
	}
	return nil
}

// verdict sums the wakers up.
func (a *Analyzer) verdict(i int, ans *Answer, notes []string) {
	byGoroutine := slices.ContainsFunc(ans.Wakers, func(w Waker) bool { return w.By == Goroutine })
	others := slices.ContainsFunc(ans.Wakers, func(w Waker) bool { return w.By != Goroutine })
	ans.Verdict = a.sum(i, byGoroutine, others)
	if ans.Verdict == Never {
		notes = append(notes, "nobody who can run can reach what it waits on")
	}
	notes = append(notes, a.notes...)
	slices.Sort(notes)
	ans.Note = strings.Join(slices.Compact(notes), "; ")
}

// sum is the verdict on goroutine i, which has goroutines as candidates, or
// other wakers, or none.
func (a *Analyzer) sum(i int, byGoroutine, others bool) Verdict {
	switch {
	case a.state[i] == live && byGoroutine:
		return Wakeable
	case a.state[i] == live && others:
		return External
	case a.state[i] == live, a.state[i] == unsure:
		return Unknown
	case byGoroutine:
		return Deadlock
	}
	return Never
}

// candidates are the goroutines but i that can act on o, as groups.
func (a *Analyzer) candidates(i int, o *object, on wait.On) []Waker {
	groups := a.groups(o)
	self := o.groupOf(i)
	list := make([]Waker, 0, len(groups))
	for j := range groups {
		w := groups[j].waker(a, o, i, j == self)
		if w.By == "" {
			continue
		}
		w.How = how(on.Kind, on.Op)
		list = append(list, w)
	}
	return list
}

// evidence says in words how a goroutine reaches an object.
func (a *Analyzer) evidence(r stackRef, o *object) []string {
	name, shown := a.stacks.Func(r.g, r.frame)
	what := fmt.Sprintf("frame %d %s refers to %s %v", shown, name, o.kind, o.addr)
	if !r.exact {
		what += " (a word that looks like a pointer)"
	}
	e := []string{what}
	if s := a.statusWords(r.g); s != "" {
		e = append(e, s)
	}
	return e
}

// statusWords says what the candidate itself does.
func (a *Analyzer) statusWords(i int) string {
	g := &a.gs[i]
	if reason := a.rt.WaitReason(g); reason != "" {
		switch a.state[i] {
		case live:
			return "it is waiting: " + reason
		case unsure:
			return "it is waiting itself: " + reason + "; whether it can be woken is not known"
		}
		return "it is stuck itself: " + reason
	}
	return "it is " + string(a.rt.Status(g))
}

// rankWakers puts the likeliest wakers first and cuts the list.
func (a *Analyzer) rankWakers(ans *Answer) {
	slices.SortStableFunc(ans.Wakers, func(x, y Waker) int { return a.rank(x) - a.rank(y) })
	if n := len(ans.Wakers) - MaxWakers; n > 0 {
		for _, w := range ans.Wakers[MaxWakers:] {
			ans.More += max(w.Count, 1)
		}
		ans.Wakers = ans.Wakers[:MaxWakers]
	}
}

// rank orders wakers: proven before inferred before possible, and among the
// possible those that run before those that wait before those that are stuck.
func (a *Analyzer) rank(w Waker) int {
	n := map[Certainty]int{Proven: 0, Inferred: 10, Possible: 20}[w.Certainty]
	if w.By != Goroutine {
		return n
	}
	if w.peer {
		n += 5
	}
	if i, ok := a.index(w.Goid); ok {
		switch {
		case a.rt.WaitReason(&a.gs[i]) == "":
		case a.state[i] == live:
			n++
		case a.state[i] == unsure:
			n += 2
		default:
			n += 3
		}
	}
	return n
}

// index finds a goroutine by its id.
func (a *Analyzer) index(goid uint64) (int, bool) {
	i, ok := a.byGoid[goid]
	return i, ok
}

// Verdict sums up the prospects of goroutine number i of the Input, as its
// Answer does, at less cost.
func (a *Analyzer) Verdict(i int) Verdict {
	g := &a.gs[i]
	if s := a.rt.Status(g); s != rt.Waiting && s != rt.Leaked || a.wait.Class(g) != wait.ByGoroutine {
		return a.Answer(i).Verdict
	}
	byGoroutine, others := false, false
	for _, on := range a.on[i] {
		others = others || on.Kind == wait.Bubble
		if on.Addr == nil || a.objects[*on.Addr] == nil {
			continue
		}
		o := a.objects[*on.Addr]
		others = others || o.timer != nil && o.timer.When != 0
		byGoroutine = byGoroutine || a.hasCandidate(o, i)
	}
	return a.sum(i, byGoroutine, others)
}

// Kind returns the kind of what goroutine number i waits on, "" for nothing.
func (a *Analyzer) Kind(i int) wait.Kind {
	if len(a.on[i]) == 0 {
		return ""
	}
	return a.on[i][0].Kind
}
