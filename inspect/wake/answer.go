package wake

import (
	"fmt"
	"slices"
	"strings"

	"rtdbg/inspect/mem"
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
			Evidence: []string{"runnable" + queueOf(a.wait.On(g))}})
	case rt.Syscall:
		ans.Verdict = External
		ans.Wakers = append(ans.Wakers, syscallWaker(a.wait.On(g)))
	case rt.Preempted:
		ans.Verdict = External
		ans.Wakers = append(ans.Wakers, Waker{By: Runtime, How: "resume", Certainty: Proven, Evidence: []string{"status preempted"}})
	default:
		ans.Verdict, ans.Note = Woken, "it is "+string(s)
	}
	return ans
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
		ans.Wakers = append(ans.Wakers, sleepWaker(a.wait.On(g)))
	case class == wait.ByNetwork:
		ans.Verdict = External
		on := a.wait.On(g)
		ans.Wakers = append(ans.Wakers, pollWakers(on)...)
		if len(on) > 0 {
			ans.Wakers = append(ans.Wakers, a.closers(i, &on[0])...)
		}
	case row.Kind == wait.Sema && class != wait.ByGoroutine:
		ans.Verdict = External
		ans.Wakers = append(ans.Wakers, a.runtimeSemaWaker(g))
	case class == wait.ByGC, class == wait.ByRuntime:
		ans.Verdict = External
		ans.Wakers = append(ans.Wakers, Waker{By: byOf(class), How: "ready", Certainty: Proven,
			Evidence: []string{fmt.Sprintf("wait reason %q: ended by %s", ans.WaitReason, row.Who)}})
	default:
		a.byGoroutines(i, ans)
	}
}

// byGoroutines answers for a wait on channels or sync objects.
func (a *Analyzer) byGoroutines(i int, ans *Answer) {
	var notes []string
	var ranks []int
	add := func(w Waker, rank int) {
		// Those who can act on several of the cases of a select are one entry.
		at := slices.IndexFunc(ans.Wakers, func(x Waker) bool {
			return w.By == Goroutine && x.By == Goroutine && x.Goid == w.Goid && x.Count == w.Count
		})
		switch {
		case at < 0:
			ans.Wakers, ranks = append(ans.Wakers, w), append(ranks, rank)
		case rank < ranks[at]:
			w.Evidence = append(w.Evidence, ans.Wakers[at].Evidence[0])
			ans.Wakers[at], ranks[at] = w, rank
		case !slices.Contains(ans.Wakers[at].Evidence, w.Evidence[0]):
			ans.Wakers[at].Evidence = append(ans.Wakers[at].Evidence, w.Evidence[0])
		}
	}
	for _, on := range a.wait.On(&a.gs[i]) {
		if on.Kind == wait.Bubble {
			add(Waker{By: Runtime, How: "resume", Object: on.Addr, Certainty: Proven, Evidence: []string{on.Note}}, 0)
		}
		if n, ok := a.objectOf(on.Addr); !ok {
			if on.Note != "" && !on.Nil {
				notes = append(notes, on.Note)
			}
		} else if t, fires := a.timerOf(n); fires {
			add(timerWaker(&a.objects[n], t, on), 0)
		}
	}
	byGoroutine := false
	asked := make(map[held]bool)
	ws := a.waitsOf(i)
	for j := range ws {
		if ws[j].obj < 0 {
			continue
		}
		n, op := int(ws[j].obj), roleOf(&ws[j])
		k := held{uint32(n), side(op)}
		if asked[k] {
			continue
		}
		asked[k] = true
		if !a.settled(k.object, k.side) {
			for _, s := range a.startsFor(n, op) {
				add(a.startWaker(&s, n), 216)
				byGoroutine = byGoroutine || !strings.HasPrefix(s.Func, "context.")
			}
		}
		list := a.Candidates(n, op)
		for c := range list {
			if w, ok := a.waker(&list[c], n, i); ok {
				add(w, list[c].rank)
				byGoroutine = byGoroutine || !list[c].Peer
			}
		}
		if owed := a.owed(n, list); owed != "" {
			notes = append(notes, owed)
		}
		notes = append(notes, a.limits(i, n)...)
	}
	cutWakers(ans, ranks)
	a.verdict(i, ans, byGoroutine, notes)
}

// objectOf returns the number of the object at an address.
func (a *Analyzer) objectOf(at *mem.Addr) (int, bool) {
	if at == nil {
		return 0, false
	}
	n, ok := a.objectAt.find(*at)
	return int(n), ok
}

// waker describes a candidate as a waker of goroutine i, which is left out of
// it if it is a member itself and does not hold what it waits for; ok is false
// if nobody is left. Of those with the same stack, those that wait on the
// object too stand behind it or in front of it.
func (a *Analyzer) waker(c *Candidate, n, i int) (w Waker, ok bool) {
	o := &a.objects[n]
	w = Waker{By: Goroutine, How: c.How, Object: &o.addr, Certainty: c.Certainty, Count: len(c.Members)}
	_, self := slices.BinarySearch(c.Members, int32(i))
	self = self && c.fact == ""
	if self {
		w.Count--
	}
	if w.Count == 0 {
		return w, false
	}
	best := stuck
	for _, m := range c.Members {
		if self && int(m) == i {
			continue
		}
		if s := a.info[m].state; w.Goid == 0 || s != gone && s > best {
			w.Goid, best = a.gs[m].Goid, s
		}
		if len(w.Goids) < MaxGoids {
			w.Goids = append(w.Goids, a.gs[m].Goid)
		}
		if len(w.Goids) == MaxGoids && best == live {
			break
		}
	}
	if w.Count == 1 {
		w.Count, w.Goids = 0, nil
	}
	w.Evidence = a.Evidence(c, n)
	if c.Peer {
		w.Evidence = append(w.Evidence, a.queueWords(i, n)...)
	}
	if a.shapes.list[a.info[c.Members[0]].shape].signals {
		return Waker{By: Signal, How: w.How, Object: w.Object, Certainty: w.Certainty, Evidence: w.Evidence}, true
	}
	return w, true
}

// cutWakers puts the likeliest wakers first and cuts the list.
func cutWakers(ans *Answer, ranks []int) {
	order := make([]int, len(ranks))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return ranks[x] - ranks[y] })
	sorted := make([]Waker, len(order))
	for i, j := range order {
		sorted[i] = ans.Wakers[j]
	}
	ans.Wakers = sorted
	if n := len(ans.Wakers) - MaxWakers; n > 0 {
		for _, w := range ans.Wakers[MaxWakers:] {
			ans.More += max(w.Count, 1)
		}
		ans.Wakers = ans.Wakers[:MaxWakers]
	}
}

// limits says what keeps the candidates for object n from being all.
func (a *Analyzer) limits(i, n int) []string {
	if a.info[i].state == live {
		return nil
	}
	o := &a.objects[n]
	switch {
	case a.nodes[o.node].global:
		return []string{fmt.Sprintf("%s %v is a package-level variable: any code that names it can reach it", o.kind, o.addr)}
	case a.heap == nil:
		return []string{fmt.Sprintf("the heap could not be read to see who else reaches %s %v", o.kind, o.addr)}
	case o.reached:
		return []string{fmt.Sprintf("%s %v can be reached through the heap or package-level variables, by whom is not known", o.kind, o.addr)}
	}
	return nil
}

// verdict sums the wakers up.
func (a *Analyzer) verdict(i int, ans *Answer, byGoroutine bool, notes []string) {
	others := slices.ContainsFunc(ans.Wakers, func(w Waker) bool { return w.By != Goroutine })
	ans.Verdict = a.sum(i, byGoroutine, others)
	if ans.Verdict == Never {
		notes = append(notes, a.nobody(i))
	}
	notes = append(notes, a.notes...)
	slices.Sort(notes)
	ans.Note = strings.Join(slices.Compact(notes), "; ")
}

// sum is the verdict on goroutine i, which has goroutines as candidates, or
// other wakers, or none.
func (a *Analyzer) sum(i int, byGoroutine, others bool) Verdict {
	switch s := a.info[i].state; {
	case s == live && byGoroutine:
		return Wakeable
	case s == live && others:
		return External
	case s == live, s == unsure:
		return Unknown
	case byGoroutine:
		return Deadlock
	}
	return Never
}

// Verdict sums up the prospects of goroutine number i of the Input, as its
// Answer does, at less cost.
func (a *Analyzer) Verdict(i int) Verdict {
	g := &a.gs[i]
	if s := a.rt.Status(g); s != rt.Waiting && s != rt.Leaked || a.wait.Class(g) != wait.ByGoroutine {
		if a.wait.Class(g) == wait.ByNetwork && a.rt.Status(g) == rt.Waiting {
			return External // without a search for those who may close it
		}
		return a.Answer(i).Verdict
	}
	byGoroutine, others := false, false
	ws := a.waitsOf(i)
	for j := range ws {
		others = others || ws[j].Kind() == wait.Bubble
		if n := ws[j].obj; n >= 0 {
			if !others {
				_, others = a.timerOf(int(n))
			}
			byGoroutine = byGoroutine || a.hasCandidate(int(n), side(roleOf(&ws[j])), i)
		}
	}
	return a.sum(i, byGoroutine, others)
}

// hasCandidate reports whether a goroutine other than i can act on one side of
// object n.
func (a *Analyzer) hasCandidate(n int, of uint8, i int) bool {
	if len(a.holders[held{uint32(n), of}].owners) > 0 {
		return true
	}
	for _, c := range a.actsOnObject(n) {
		if c.side != of {
			continue
		}
		if m := a.members(c.group); len(a.bubbles) == 0 && len(m) > 1 {
			return true
		} else if slices.ContainsFunc(m, func(r ref) bool { return int(r.g) != i && !a.outside(int(r.g), n) }) {
			return true
		}
	}
	return false
}

// Kind returns the kind of what goroutine number i waits on, "" for nothing.
func (a *Analyzer) Kind(i int) wait.Kind {
	if ws := a.waitsOf(i); len(ws) > 0 {
		return ws[0].Kind()
	}
	g := &a.gs[i]
	if row, ok := a.wait.Row(g); ok {
		return row.Kind
	}
	switch a.rt.Status(g) {
	case rt.Syscall:
		return wait.Syscall
	case rt.Runnable, rt.Preempted:
		return wait.Runtime
	}
	return ""
}
