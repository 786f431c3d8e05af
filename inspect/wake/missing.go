package wake

import (
	"fmt"

	"rtdbg/inspect/wait"
)

// nobody says in one sentence why nobody can wake goroutine i: what the object
// lacks where it says so itself.
func (a *Analyzer) nobody(i int) string {
	const unreached = "nobody who can run can reach what it waits on"
	ws := a.waitsOf(i)
	if len(ws) != 1 || ws[0].obj < 0 {
		return unreached
	}
	s, err := a.wait.Lock(ws[0].Ref)
	if err != nil {
		return unreached
	}
	switch {
	case s.Kind == wait.WaitGroup && s.Counter > 0:
		return fmt.Sprintf("it lacks %s of Done and no goroutine that is left can make %s", calls(s.Counter), them(s.Counter))
	case s.Kind == wait.Mutex && s.Locked && !s.Once, s.Kind == wait.RWMutex && s.Writer && !s.Pending:
		return a.notUnlocked(int(ws[0].obj), "Unlock")
	case s.Kind == wait.RWMutex && s.Readers > 0:
		return a.notUnlocked(int(ws[0].obj), "RUnlock")
	}
	return unreached
}

// notUnlocked says that object n is locked by nobody who is known.
func (a *Analyzer) notUnlocked(n int, op string) string {
	if a.anotherHas(n) {
		return fmt.Sprintf("it is locked and no goroutine that is left is seen to have locked it: the %s may be missing on a way out", op)
	}
	if len(a.waitersOf(n)) > 1 {
		return fmt.Sprintf("it is locked and only goroutines that wait for it are left: the %s is missing on a way out", op)
	}
	return fmt.Sprintf("it is locked and no other goroutine that is left has it: the %s is missing on a way out", op)
}

// anotherHas reports whether a goroutine that does not wait on object n has a
// reference that leads to it.
func (a *Analyzer) anotherHas(n int) bool {
	found := false
	a.eachRef(a.paths(n, nil), func(_ uint32, r *ref, p route) {
		found = found || r.off <= p.need && !a.waitsOnlyOn(int(r.g), n)
	})
	return found || a.nodes[a.objects[n].node].global
}

// owed compares what the counter of a sync.WaitGroup lacks with the goroutines
// that were found to call Done; "" if there are enough of them.
func (a *Analyzer) owed(n int, list []Candidate) string {
	if a.objects[n].kind != wait.WaitGroup {
		return ""
	}
	wg, err := a.rt.ReadWaitGroup(a.objects[n].addr)
	if err != nil {
		return ""
	}
	count := 0
	for i := range list {
		if !list[i].Peer {
			count += len(list[i].Members)
		}
	}
	switch {
	case count == 0 || wg.Counter <= count:
		return ""
	case count == 1:
		return fmt.Sprintf("it lacks %s of Done, for which only 1 goroutine is left", calls(wg.Counter))
	}
	return fmt.Sprintf("it lacks %s of Done, for which only %d goroutines are left", calls(wg.Counter), count)
}

func calls(n int) string {
	if n == 1 {
		return "1 call"
	}
	return fmt.Sprintf("%d calls", n)
}

func them(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}
