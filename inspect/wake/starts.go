package wake

import (
	"cmp"
	"fmt"
	"slices"

	"rtdbg/inspect/code"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/wait"
)

// Start is a function that a timer will start in a goroutine of its own
// (time.AfterFunc, and through it the deadlines of contexts).
type Start struct {
	// Timer is the address of the runtime's timer, WhenNS the nanotime at
	// which it fires, Fn the function value.
	Timer  mem.Addr
	WhenNS int64
	Fn     mem.Addr
	// Entry is the function's address and Func its name.
	Entry mem.Addr
	Func  string
}

// indexStarts notes which nodes the functions are that timers will start.
func (a *Analyzer) indexStarts() {
	a.startsAt = make(map[uint32][]int)
	for i := range a.starts {
		if n, ok := a.nodeOf(a.starts[i].Fn); ok {
			a.startsAt[n] = append(a.startsAt[n], i)
		}
	}
}

// started is a timer that will start code that can act on an object; more are
// as many others that start the same function.
type started struct {
	*Start
	chain []int32
	more  int
}

// The limits on the timers that are named for one object: how many functions,
// and how many nodes lie between a function and the object.
const (
	maxStarts    = 4
	maxStartHops = 4
)

// startsFor are the timers that start code that can act on object n for those
// who want op of it, the first to fire first.
func (a *Analyzer) startsFor(n int, op wait.Op) []started {
	if len(a.startsAt) == 0 {
		return nil
	}
	var list []started
	ops := opsFor(a.objects[n].kind, op)
	routes := a.paths(n, nil)
	cancels := a.cancels(n, op, routes)
	for i, p := range routes {
		if p.hops > maxStartHops {
			break
		}
		if cancels != nil && cancels[i].up {
			continue // the end of a context does not end those above it
		}
		for _, s := range a.startsAt[p.node] {
			st := &a.starts[s]
			if a.code != nil && a.code.Func(st.Entry).Any()&(ops|code.Dynamic) == 0 {
				continue
			}
			list = append(list, started{Start: st, chain: chain(routes, int32(i))})
		}
	}
	slices.SortStableFunc(list, func(x, y started) int { return cmp.Compare(x.WhenNS, y.WhenNS) })
	return foldStarts(list)
}

// foldStarts leaves of those that start the same function the first.
func foldStarts(list []started) []started {
	kept := list[:0]
	for _, s := range list {
		if i := slices.IndexFunc(kept, func(k started) bool { return k.Entry == s.Entry }); i >= 0 {
			kept[i].more++
		} else if len(kept) < maxStarts {
			kept = append(kept, s)
		}
	}
	return kept
}

// startWaker describes such a timer as a waker.
func (a *Analyzer) startWaker(s *started, n int) Waker {
	o := &a.objects[n]
	w := Waker{By: Timer, How: "fire", Object: &o.addr, Certainty: Possible}
	if a.nowKnown {
		in := s.WhenNS - a.nowNS
		w.InNS = &in
	}
	what := fmt.Sprintf("timer %v starts %s at nanotime %d", s.Timer, s.Func, s.WhenNS)
	leads := fmt.Sprintf("which refers to %s %v", o.kind, o.addr)
	if len(s.chain) > 0 {
		leads = fmt.Sprintf("which leads to %s %v: %s", o.kind, o.addr, a.chainWords(s.chain, n))
	}
	w.Evidence = []string{what + ", " + leads}
	if s.more > 0 {
		w.Evidence = append(w.Evidence, fmt.Sprintf("%d more timers start that function", s.more))
	}
	return w
}
