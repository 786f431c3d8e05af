package code

import (
	"cmp"
	"slices"
	"sort"

	"rtdbg/inspect/mem"
)

// turn is a place at which a function locks or unlocks.
type turn struct {
	span
	unlock bool
	// call tells one Lock from another: an inlined one has code in several
	// places. Those that were not inlined have negative numbers.
	call int
	site Site
}

// turns lists the places in n at which it does one of lock or one of unlock,
// in the order of its instructions. A function that it calls counts as locking
// if it locks and does not unlock, and the other way round.
func (p *Program) turns(n *fn, lock, unlock Ops) []turn {
	b := p.bodyOf(n)
	var list []turn
	add := func(s span, call int, ops Ops, on value) {
		locks, unlocks := ops&lock != 0, ops&unlock != 0
		if locks == unlocks {
			return
		}
		t := turn{span: s, unlock: unlocks, call: call, site: Site{Ops: ops & (lock | unlock), PC: n.Entry + mem.Addr(s.lo)}}
		t.site.setOn(on)
		p.place(n, &t.site)
		list = append(list, t)
	}
	for _, in := range b.inlined {
		add(in.span, in.call, in.ops, b.operand(in))
	}
	for i := range b.events {
		e := &b.events[i]
		inside := slices.ContainsFunc(b.inlined, func(in inlined) bool { return in.lo <= e.off && e.off < in.hi })
		at := span{e.off, e.off + callSize}
		switch {
		case inside:
		case e.kind == does:
			add(at, -1-i, e.ops, e.on)
		case e.kind == calls:
			s := p.sumOf(e.to)
			add(at, -1-i, s.do[program]|s.do[library], value{})
		}
	}
	slices.SortFunc(list, func(a, b turn) int { return cmp.Compare(a.lo, b.lo) })
	return list
}

// operand is the lock that an inlined operation works on, as its atomic
// instruction has it.
func (b *body) operand(in inlined) value {
	for _, a := range b.atomics {
		switch {
		case !b.within(a.off, in.call):
		case in.ops&(Lock|Unlock) != 0:
			return a.on // the state is the first word of a Mutex
		case in.ops&(RLock|RUnlock) != 0:
			return a.on.minus(readerCount)
		}
	}
	return value{}
}

// maxGap is the most code in bytes between two pieces of an inlined call that
// is taken for a part of it.
const maxGap = 32

// within reports whether an atomic instruction is part of an inlined call: in
// one of its pieces or, since such instructions are not always marked as
// inlined, between two of them with nothing else in between.
func (b *body) within(off uint32, call int) bool {
	for i, in := range b.inlined {
		switch {
		case in.call != call:
		case in.lo <= off && off < in.hi:
			return true
		case i+1 < len(b.inlined) && b.inlined[i+1].call == call && in.hi <= off && off < b.inlined[i+1].lo && b.inlined[i+1].lo-in.hi <= maxGap:
			return true
		}
	}
	return false
}

// readerCount is the offset of that field in an RWMutex (sync/rwmutex.go; the
// same in all Go versions since 1.18).
const readerCount = 16

// callSize is how many bytes in front of a return address belong to the call:
// the size of a direct call.
const callSize = 5

// lockedKey is a question to Locked.
type lockedKey struct {
	pc           mem.Addr
	lock, unlock Ops
}

// Locked returns the places at which the function at pc has done one of lock
// and from which pc can be reached without as many of unlock since: the locks
// that it may hold there, in the order of its code. pc is as in After; the
// call in progress does not count, nor what is deferred. It is about the code,
// not about which lock: Site.On says that where it is known.
func (p *Program) Locked(pc mem.Addr, lock, unlock Ops) []Site {
	sites, _ := remembered(p, p.locked, lockedKey{pc, lock, unlock}, func() ([]Site, bool) {
		if f := p.table.Func(pc); f != nil && pc > f.Entry {
			return p.findLocked(p.fn(f), uint32(pc-f.Entry), lock, unlock), true
		}
		return nil, true
	})
	return sites
}

// remembered returns what known has for a question, or what find answers; that
// is kept if ok.
func remembered[V any](p *Program, known map[lockedKey]V, key lockedKey, find func() (V, bool)) (v V, ok bool) {
	p.reachMu.RLock()
	v, ok = known[key]
	p.reachMu.RUnlock()
	if ok {
		return v, true
	}
	if v, ok = find(); !ok {
		return v, false
	}
	p.reachMu.Lock()
	defer p.reachMu.Unlock()
	known[key] = v
	return v, true
}

// Held is Locked for the locks of package sync: mutexes, then those locked for
// writing, then those locked for reading.
func (p *Program) Held(pc mem.Addr) []Site {
	return slices.Concat(p.Locked(pc, Lock, Unlock), p.Locked(pc, WLock, WUnlock), p.Locked(pc, RLock, RUnlock))
}

func (p *Program) findLocked(n *fn, at uint32, lock, unlock Ops) []Site {
	fl := p.flowOf(n)
	if n.opaque || n.prim != 0 || fl.whole {
		return nil
	}
	turns := principal(p.turnsBefore(n, at, lock, unlock))
	s := heldSearch{fl: fl, turns: turns, at: at, seen: make(map[heldState]bool)}
	var sites []Site
	for i, t := range turns {
		repeated := slices.ContainsFunc(turns[:i], func(u turn) bool { return u.call == t.call })
		if !t.unlock && !repeated && s.reaches(i) {
			t.site.Again = s.returns(i)
			sites = append(sites, t.site)
		}
	}
	return sites
}

// noCall is no number of a call.
const noCall = -1 << 31

// turnsBefore are the turns of n but for the call that is in progress at an
// offset.
func (p *Program) turnsBefore(n *fn, at uint32, lock, unlock Ops) []turn {
	turns := p.turns(n, lock, unlock)
	inProgress := noCall
	for _, t := range turns {
		if t.lo < at && at <= t.hi {
			inProgress = t.call
		}
	}
	if inProgress != noCall {
		turns = slices.DeleteFunc(turns, func(t turn) bool { return t.call == inProgress })
	}
	return turns
}

// principal leaves of the pieces of each inlined call the one that has its
// atomic instruction: the largest. The compiler puts single instructions of it
// elsewhere, far in front of it too, and the call of what does the rest.
func principal(turns []turn) []turn {
	var list []turn
	for i, t := range turns {
		less := func(u turn) bool { return u.call == t.call && u.hi-u.lo > t.hi-t.lo }
		same := func(u turn) bool { return u.call == t.call && u.hi-u.lo == t.hi-t.lo }
		if !slices.ContainsFunc(turns, less) && !slices.ContainsFunc(turns[:i], same) {
			list = append(list, t)
		}
	}
	return list
}

// maxNested bounds the number of locks that a search counts.
const maxNested = 4

// heldState is where a search is: at the start of a block, with so many locks
// taken, after a certain call.
type heldState struct {
	block, depth, last int
}

// heldSearch follows the flow of control from a Lock.
type heldSearch struct {
	fl    *flow
	turns []turn
	at    uint32
	seen  map[heldState]bool
	todo  []heldState
}

// reaches reports whether the lock taken by turn number i may be held at s.at.
func (s *heldSearch) reaches(i int) bool {
	clear(s.seen)
	s.todo = s.todo[:0]
	t := &s.turns[i]
	start, ok := s.fl.find(int64(t.lo))
	if !ok {
		return false
	}
	if s.block(heldState{start, 1, t.call}, t.lo+1) {
		return true
	}
	for len(s.todo) > 0 {
		st := s.todo[len(s.todo)-1]
		s.todo = s.todo[:len(s.todo)-1]
		if s.block(st, s.fl.blocks[st.block].lo) {
			return true
		}
	}
	return false
}

// returns reports whether the flow may come back to turn number i with the lock
// that it took still held.
func (s *heldSearch) returns(i int) bool {
	back := *s
	back.at = s.turns[i].lo
	return back.reaches(i)
}

// block goes through a block from an offset on. It is true where it comes to
// s.at with the lock held, and leaves what follows to be done.
func (s *heldSearch) block(st heldState, from uint32) bool {
	b := &s.fl.blocks[st.block]
	i := sort.Search(len(s.turns), func(i int) bool { return s.turns[i].lo >= from })
	for ; i < len(s.turns) && s.turns[i].lo < b.hi && st.depth > 0; i++ {
		t := &s.turns[i]
		if s.at > from && s.at <= t.lo {
			break
		}
		if t.call == st.last {
			continue // more code of the same call
		}
		st.last = t.call
		if t.unlock {
			st.depth--
		} else {
			st.depth = min(st.depth+1, maxNested)
		}
	}
	// The call in progress ends at s.at, perhaps with the block.
	if passed := s.at > from && s.at <= b.hi; st.depth == 0 || passed {
		return passed && st.depth > 0
	}
	for _, j := range b.next {
		next := heldState{j, st.depth, st.last}
		if !s.seen[next] {
			s.seen[next] = true
			s.todo = append(s.todo, next)
		}
	}
	return false
}
