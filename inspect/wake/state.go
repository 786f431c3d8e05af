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
	// unsure: somebody who can run reaches what it waits on, but was not
	// found to be able to act on it.
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
	for n := range a.objects {
		if _, fires := a.timerOf(n); fires {
			for _, w := range a.waitersOf(n) {
				a.info[w.g].state = live
			}
		}
		if len(a.startsAt) > 0 {
			a.reviveStarts(n)
		}
	}
	var todo []int32
	for i := range a.info {
		if g := &a.info[i]; g.state != gone && g.state != live {
			g.state = a.initial(i)
		}
		if a.info[i].state == live {
			todo = append(todo, int32(i))
		}
	}
	a.spread(todo, live)
}

// reviveStarts makes those live that a timer will start somebody for.
func (a *Analyzer) reviveStarts(n int) {
	var known, can [sides]bool
	for _, w := range a.waitersOf(n) {
		s := side(w.op())
		if !known[s] {
			known[s], can[s] = true, !a.settled(uint32(n), s) && len(a.startsFor(n, w.op())) > 0
		}
		if can[s] {
			a.info[w.g].state = live
		}
	}
}

// initial returns what a goroutine's own state says.
func (a *Analyzer) initial(i int) state {
	g := &a.gs[i]
	if s := a.rt.Status(g); s != rt.Waiting && s != rt.Leaked {
		return live
	}
	switch a.wait.Class(g) {
	case wait.ByNobody:
		return stuck
	case wait.ByGoroutine:
		// An object that was not found says nothing; a wait that is about to
		// begin or has just ended leads to none.
		if a.info[i].lost || a.info[i].nwaits == 0 {
			return live
		}
		return stuck
	}
	return live
}

// spread carries a state from goroutines to the waiters that they can wake.
func (a *Analyzer) spread(todo []int32, s state) {
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, h := range a.holds[i] {
			if o := a.holders[h]; o.all {
				if a.acted[h]++; a.acted[h] < len(o.owners) {
					continue
				}
			}
			todo = a.wakeSide(h.object, h.side, i, s, todo)
		}
		for _, g := range a.groupsOfG(int(i)) {
			for _, k := range a.actsOfGroup(g) {
				if c := &a.acts[k]; !a.settled(c.object, c.side) && !a.outside(int(i), int(c.object)) {
					todo = a.wakeSide(c.object, c.side, i, s, todo)
				}
			}
		}
	}
}

// wakeSide raises the waiters on one side of an object, but i, to state s.
func (a *Analyzer) wakeSide(n uint32, of uint8, i int32, s state, todo []int32) []int32 {
	// i has the state already, so one goroutine that acts is enough.
	o := &a.objects[n]
	if o.woken[of] >= s {
		return todo
	}
	o.woken[of] = s
	for _, w := range a.waitersOf(int(n)) {
		if g := &a.info[w.g]; w.g != i && side(w.op()) == of && g.state < s {
			g.state = s
			todo = append(todo, w.g)
		}
	}
	return todo
}
