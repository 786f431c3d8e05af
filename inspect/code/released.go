package code

import (
	"slices"
	"sort"

	"rtdbg/inspect/mem"
)

// LetGo says what a function has done, at some place in it, with a lock that
// it holds or that it was called with.
type LetGo struct {
	// Own says that on every way to there it has unlocked and holds no lock
	// that it took itself: if it has an Unlock deferred, it has let go of
	// that lock for the time being.
	Own bool
	// Given says that on every way to there it has unlocked more than it has
	// locked: it has let go of a lock that its caller took.
	Given bool
}

// Released says what the function at pc has let go of. pc is as in Locked; the
// call in progress does not count, nor what is deferred. Like Locked it is
// about the code, not about which lock.
func (p *Program) Released(pc mem.Addr, lock, unlock Ops) LetGo {
	r, _ := remembered(p, p.released, lockedKey{pc, lock, unlock}, func() (LetGo, bool) {
		if f := p.table.Func(pc); f != nil && pc > f.Entry {
			return p.findReleased(p.fn(f), uint32(pc-f.Entry), lock, unlock), true
		}
		return LetGo{}, true
	})
	return r
}

func (p *Program) findReleased(n *fn, at uint32, lock, unlock Ops) LetGo {
	fl := p.flowOf(n)
	if n.opaque || n.prim != 0 || fl.whole {
		return LetGo{}
	}
	turns := around(p.turnsBefore(n, at, lock, unlock))
	if !slices.ContainsFunc(turns, func(t turn) bool { return t.unlock }) {
		return LetGo{}
	}
	s := releaseSearch{fl: fl, turns: turns, at: at, seen: make(map[releaseState]bool), all: LetGo{true, true}}
	s.run()
	if !s.arrived {
		return LetGo{}
	}
	return s.all
}

// UnlocksFirst returns the places at which the function that begins at entry may
// do one of unlock without having done as many of lock before: where it ends what
// somebody else has begun. ok is false if its code does not tell.
func (p *Program) UnlocksFirst(entry mem.Addr, lock, unlock Ops) (sites []Site, ok bool) {
	n := p.entry(entry)
	if n == nil {
		return nil, false
	}
	return remembered(p, p.firsts, lockedKey{entry, lock, unlock}, func() ([]Site, bool) {
		fl := p.flowOf(n)
		if n.opaque || n.prim != 0 || fl.whole {
			return nil, false
		}
		s := releaseSearch{fl: fl, turns: around(p.turns(n, lock, unlock)), at: none, seen: make(map[releaseState]bool)}
		s.run()
		slices.Sort(s.firsts)
		var sites []Site
		for _, i := range slices.Compact(s.firsts) {
			sites = append(sites, s.turns[i].site)
		}
		return sites, true
	})
}

// around leaves of the pieces of each inlined call the principal one and those
// next to it: the largest may be the call of what does the rest, which is not on
// every way, with the test in front of it.
func around(turns []turn) []turn {
	first := principal(turns)
	return slices.DeleteFunc(slices.Clone(turns), func(t turn) bool {
		return !slices.ContainsFunc(first, func(p turn) bool {
			return p.call == t.call && t.lo <= p.hi+maxGap && p.lo <= t.hi+maxGap
		})
	})
}

// releaseState is where a search is: at the start of a block, having locked so
// many times more than unlocked, after a certain call; unlocked says that it has
// passed an unlock.
type releaseState struct {
	block, depth, last int
	unlocked           bool
}

// releaseSearch follows the flow of control from a function's entry.
type releaseSearch struct {
	fl    *flow
	turns []turn
	at    uint32
	seen  map[releaseState]bool
	todo  []releaseState
	// arrived says that a way leads to at, all what is so on all those ways.
	arrived bool
	all     LetGo
	// firsts are the turns that have unlocked more than was locked.
	firsts []int
}

// none is no offset in a function.
const none = ^uint32(0)

// run visits every block in every state.
func (s *releaseSearch) run() {
	if len(s.fl.blocks) == 0 {
		return
	}
	s.todo = append(s.todo, releaseState{last: noCall})
	for len(s.todo) > 0 {
		st := s.todo[len(s.todo)-1]
		s.todo = s.todo[:len(s.todo)-1]
		s.block(st)
	}
}

// block goes through a block and notes what follows.
func (s *releaseSearch) block(st releaseState) {
	b := &s.fl.blocks[st.block]
	i := sort.Search(len(s.turns), func(i int) bool { return s.turns[i].lo >= b.lo })
	for ; i < len(s.turns) && s.turns[i].lo < b.hi; i++ {
		t := &s.turns[i]
		if s.at > b.lo && s.at <= t.lo {
			break
		}
		if t.call == st.last {
			continue // more code of the same call
		}
		st.last = t.call
		if t.unlock {
			st.depth, st.unlocked = max(st.depth-1, -maxNested), true
			if st.depth < 0 {
				s.firsts = append(s.firsts, i)
			}
		} else {
			st.depth = min(st.depth+1, maxNested)
		}
	}
	if s.at > b.lo && s.at <= b.hi {
		s.arrived = true
		s.all.Own = s.all.Own && st.unlocked && st.depth <= 0
		s.all.Given = s.all.Given && st.depth < 0
		return
	}
	for _, j := range b.next {
		next := st
		next.block = j
		if !s.seen[next] {
			s.seen[next] = true
			s.todo = append(s.todo, next)
		}
	}
}
