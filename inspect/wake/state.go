package wake

import (
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
)

// state is what is known of a goroutine's future.
type state uint8

const (
	// stuck: nobody who can run was found to wake it (so far).
	stuck state = iota
	// unsure: somebody who can run reaches what it waits on, but not
	// directly from his stack: through the heap or package-level variables.
	unsure
	// live: it runs, or something outside of Go wakes it, or a live
	// goroutine can.
	live
	// gone: dead goroutines.
	gone
)

// propagate finds the live goroutines: those that run or are woken from
// outside, and those that a live goroutine can wake, to the fixpoint.
func (a *Analyzer) propagate() {
	a.state = make([]state, len(a.gs))
	var todo []int
	for i := range a.gs {
		a.state[i] = a.initial(i)
		if a.state[i] == live {
			todo = append(todo, i)
		}
	}
	a.spread(todo, live)
}

// spread carries a state from goroutines to the waiters that they can wake.
func (a *Analyzer) spread(todo []int, s state) {
	done := make(map[*object]int)
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, o := range a.reaches[i] {
			// The first to come leaves out itself at most, the second sees
			// to that: more have nothing left to do.
			if done[o] >= 2 || !a.canWake(i, o) {
				continue
			}
			done[o]++
			for _, w := range o.waiters {
				if w != i && a.state[w] < s {
					a.state[w] = s
					todo = append(todo, w)
				}
			}
		}
	}
}

// initial returns what a goroutine's own state says.
func (a *Analyzer) initial(i int) state {
	g := &a.gs[i]
	switch s := a.rt.Status(g); {
	case dead(s):
		return gone
	case s != rt.Waiting && s != rt.Leaked:
		return live
	}
	switch a.wait.Class(g) {
	case wait.ByNobody:
		return stuck
	case wait.ByGoroutine:
		for _, on := range a.on[i] {
			if a.external(on) {
				return live
			}
		}
		return stuck
	}
	return live
}

// external reports whether something other than a goroutine ends the wait: a
// timer that will fire, or state that shows that the wait is over.
func (a *Analyzer) external(on wait.On) bool {
	if on.Addr == nil {
		// An object that was not found says nothing; a wait that is about
		// to begin or has just ended leads to none.
		return !on.Nil
	}
	if on.Kind == wait.Bubble {
		return true
	}
	o := a.objects[*on.Addr]
	return o != nil && o.timer != nil && o.timer.When != 0
}

// canWake reports whether goroutine i, which refers to o, can be the one that
// wakes a waiter of o: not if all that it does is wait on o itself in the same
// way, since then somebody else has to wake it first.
func (a *Analyzer) canWake(i int, o *object) bool {
	if a.state[i] == gone {
		return false
	}
	s := a.rt.Status(&a.gs[i])
	if s != rt.Waiting && s != rt.Leaked {
		return true
	}
	for _, on := range a.on[i] {
		if on.Addr == nil && !on.Nil || on.Addr != nil && *on.Addr != o.addr {
			return true
		}
	}
	return len(a.on[i]) == 0
}
