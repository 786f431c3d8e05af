package wake

import (
	"fmt"
	"strings"

	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
)

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

func queueOf(on []wait.On) string {
	if len(on) == 0 || on[0].Queue == "" {
		return ""
	}
	s := " in " + on[0].Queue
	if on[0].Position != nil && !strings.HasSuffix(on[0].Queue, "runnext") {
		s += fmt.Sprintf(" at position %d", *on[0].Position)
	}
	if on[0].Note != "" {
		s += ": " + on[0].Note
	}
	return s
}

func syscallWaker(on []wait.On) Waker {
	w := Waker{By: Syscall, How: "return", Certainty: Proven, Evidence: []string{"in a system call or C"}}
	if len(on) > 0 && on[0].Thread != nil {
		w.Evidence = []string{fmt.Sprintf("in a system call or C on thread %d", *on[0].Thread)}
	}
	return w
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

func timerWaker(o *object, t rt.Timer, on wait.On) Waker {
	return Waker{By: Timer, How: "fire", InNS: on.InNS, Object: &o.addr, Certainty: Proven,
		Evidence: []string{fmt.Sprintf("timer %v sends to the channel at nanotime %d", t.Addr, t.When)}}
}
