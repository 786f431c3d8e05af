package code

import (
	"sync"

	"rtdbg/inspect/mem"
)

// Reach is what some code can do. It is shared and immutable.
//
// The sets leave out what happens in the standard library's own code, where
// channels and locks are hardly ever those that the program passed to it:
// that is Std. Operations on contexts, timers and files are never left out. Where the function itself is of the standard library, all is
// counted in the sets and Std is empty.
type Reach struct {
	// Own is done in the function itself, calls inlined into it among it.
	Own Ops
	// Called is done by the functions that it calls, directly or not, and by
	// those that it defers.
	Called Ops
	// Later is done, if ever, by function values that it makes or leaves
	// behind, such as callbacks.
	Later Ops
	// Spawned is done by goroutines that it will start.
	Spawned Ops
	// Std is what the standard library's own code does, in whichever of
	// these ways.
	Std Ops
	// Unread says that some of the code could not be read or decoded: it may
	// do anything.
	Unread bool

	p *Program
	n *fn
	// events and inlined are those of the function that count.
	events  []*event
	inlined []inlined
	spans   []span

	siteMu sync.Mutex
	sites  map[siteKey]foundSite
}

// Any is everything that the code can do, in whatever way.
func (r *Reach) Any() Ops { return r.Own | r.Called | r.Later | r.Spawned | r.Std }

// Function returns the name of the function that the code is part of, "" if it
// is in none.
func (r *Reach) Function() string {
	if r.n == nil {
		return ""
	}
	return r.n.Name
}

// Standard reports whether the function belongs to the standard library.
func (r *Reach) Standard() bool { return r.n != nil && r.n.std }

// reachKey identifies a question about a PC.
type reachKey struct {
	pc  mem.Addr
	how reachKind
}

type reachKind uint8

const (
	afterPC reachKind = iota
	beforePC
	wholeFunc
)

// After returns what the code can do that goes on at pc: a frame's return
// address, or the next instruction of one that was interrupted. It counts the
// instructions of the function that can be reached from pc, whatever they
// call, and all that the function deferred or made callbacks of. It does not
// count the call that is in progress nor what follows in callers.
func (p *Program) After(pc mem.Addr) *Reach { return p.reach(reachKey{pc, afterPC}) }

// Before returns what the function can have done when it is at pc, since it
// began: for pc as in After, without the call in progress.
func (p *Program) Before(pc mem.Addr) *Reach { return p.reach(reachKey{pc, beforePC}) }

// Func returns what the function that begins at entry can do.
func (p *Program) Func(entry mem.Addr) *Reach { return p.reach(reachKey{entry, wholeFunc}) }

func (p *Program) reach(key reachKey) *Reach {
	p.reachMu.RLock()
	r := p.reaches[key]
	p.reachMu.RUnlock()
	if r != nil {
		return r
	}
	r = p.newReach(key)
	p.reachMu.Lock()
	defer p.reachMu.Unlock()
	if old := p.reaches[key]; old != nil {
		return old
	}
	p.reaches[key] = r
	return r
}

func (p *Program) newReach(key reachKey) *Reach {
	r := &Reach{p: p}
	f := p.table.Func(key.pc)
	if key.how == beforePC && f == nil {
		f = p.table.Func(key.pc - 1)
	}
	if f == nil {
		r.Unread = true
		return r
	}
	r.n = p.fn(f)
	if key.how == wholeFunc && r.n.prim != 0 {
		r.Own = r.n.prim
		return r
	}
	b := p.bodyOf(r.n)
	off := uint32(key.pc - f.Entry)
	switch {
	case r.n.opaque:
	case key.how == wholeFunc:
		r.spans = []span{{0, ^uint32(0)}}
	case key.how == beforePC:
		r.spans = p.flowOf(r.n).before(off)
	default:
		r.spans = p.flowOf(r.n).after(off)
	}
	r.Unread = b.unread
	r.collect(b, key.how)
	return r
}

// collect sums up what the code of r does.
func (r *Reach) collect(b *body, how reachKind) {
	var s sum
	owner := r.n.owner()
	for i := range b.events {
		e := &b.events[i]
		inside := overlaps(r.spans, span{e.off, e.off + 1})
		switch {
		case how == afterPC && (e.kind == makes || e.kind == makesDefer):
			// Wherever it was made, it may be called from pc on.
		case !inside, how == beforePC && e.kind == makesDefer:
			continue
		}
		r.events = append(r.events, e)
		if e.to == nil {
			if e.kind == does {
				r.Own |= e.ops
			} else {
				s.do[program] |= e.ops
			}
			continue
		}
		s.add(e.kind, r.p.sumOf(e.to))
	}
	for _, in := range b.inlined {
		if overlaps(r.spans, in.span) {
			r.Own |= in.ops
			r.inlined = append(r.inlined, in)
		}
	}
	r.Unread = r.Unread || s.unread
	r.Called, r.Later, r.Spawned = s.do[program], s.later[program], s.spawned[program]
	if owner == library {
		r.Called |= s.do[library]
		r.Later |= s.later[library]
		r.Spawned |= s.spawned[library]
	} else {
		r.Std = s.do[library] | s.later[library] | s.spawned[library]
	}
}
