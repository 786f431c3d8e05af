package code

import (
	"slices"
	"strings"

	"rtdbg/inspect/mem"
)

// Site is a place in the code where something is done.
type Site struct {
	// Ops is what is done there, of what was asked for.
	Ops Ops
	// PC is the address of the instruction.
	PC mem.Addr
	// Func, File and Line are where the source does it. Func is the linker's
	// name of a function, perhaps one that was inlined.
	Func, File string
	Line       int
	// Depth is the number of calls between the code that was asked about and
	// the site, 0 in its own function. Via names the functions called on the
	// way, outermost first, without the site's own.
	Depth int
	Via   []string
	// How says how it comes to that: by calls alone, or by what is done
	// later or in another goroutine.
	How How
	// On is the address of a package-level variable that the operation is
	// done on, 0 where it is on something else or not known; OnPointer says
	// that the variable points to the object, as one of a channel type does.
	On        mem.Addr
	OnPointer bool
	// InFrame says that the operation is done on what a word of the frame
	// points to: Slot is the word's offset from SP, Offset is added to what
	// is in it.
	InFrame      bool
	Slot, Offset int64
	// InClosure says that it is done on what a word of the function value
	// points to, behind the code pointer: Slot is the word's offset there,
	// Offset is added to what is in it.
	InClosure bool
	// Again says, of what Locked returns, that the function may have come
	// here several times and hold a lock from each.
	Again bool
}

// How is the way from some code to a site.
type How uint8

const (
	// Directly: by calls, deferred ones among them.
	Directly How = iota
	// Afterwards: by a function value that somebody may call.
	Afterwards
	// Elsewhere: by a goroutine that is started on the way.
	Elsewhere
)

type siteKey struct {
	ops Ops
	pkg string
}

type foundSite struct {
	site Site
	ok   bool
}

// Site returns the nearest place at which the code does one of ops. Places in
// the standard library count if the code itself is part of it, if they are in
// package pkg, that of the code that uses the object in question, or if the
// operation is one that only the library does: on contexts, timers, files.
func (r *Reach) Site(ops Ops, pkg string) (Site, bool) {
	key := siteKey{ops, pkg}
	r.siteMu.Lock()
	defer r.siteMu.Unlock()
	if f, ok := r.sites[key]; ok {
		return f.site, f.ok
	}
	if r.sites == nil {
		r.sites = make(map[siteKey]foundSite)
	}
	s := search{p: r.p}
	s.leads = func(n *fn) bool { return r.p.sumOf(n).any()&ops != 0 }
	s.hit = func(n *fn, events []*event, in []inlined) (Site, bool) {
		if n.std && !r.Standard() && (pkg == "" || Package(n.Name) != pkg) {
			return r.p.siteIn(n, events, in, ops&libraryOps)
		}
		return r.p.siteIn(n, events, in, ops)
	}
	var f foundSite
	f.site, f.ok = s.run(r)
	r.sites[key] = f
	return f.site, f.ok
}

// search is a breadth-first search through the functions that some code leads
// to.
type search struct {
	p *Program
	// leads says whether a function or what it calls has sites.
	leads func(n *fn) bool
	// hit returns the site in a function that counts.
	hit func(n *fn, events []*event, in []inlined) (Site, bool)

	queue []step
	seen  map[*fn]bool
}

// step is a function to look at and the step that it was found by, -1 for the
// code that was asked about.
type step struct {
	n    *fn
	from int
	how  How
}

// maxSteps bounds a search.
const maxSteps = 1 << 20

func (s *search) run(r *Reach) (Site, bool) {
	if r.n == nil {
		return Site{}, false
	}
	s.seen = make(map[*fn]bool)
	if site, ok := s.hit(r.n, r.events, r.inlined); ok {
		return site, true
	}
	s.follow(r.events, -1, Directly)
	for i := 0; i < len(s.queue) && i < maxSteps; i++ {
		st := s.queue[i]
		if st.n.prim != 0 {
			// The value of a primitive: done where it was made.
			continue
		}
		events := s.p.eventsOf(st.n)
		if site, ok := s.hit(st.n, events, s.p.bodyOf(st.n).inlined); ok {
			site.How = st.how
			for j := st.from; j >= 0; j = s.queue[j].from {
				site.Via = append(site.Via, s.queue[j].n.Name)
			}
			slices.Reverse(site.Via)
			site.Depth = len(site.Via) + 1
			return site, true
		}
		s.follow(events, i, st.how)
	}
	return Site{}, false
}

// follow queues the functions that events lead to: those that are called in
// front of those that may be.
func (s *search) follow(events []*event, from int, how How) {
	for _, kind := range [...]eventKind{calls, makesDefer, makes, makesGo} {
		for _, e := range events {
			if e.kind != kind || e.to == nil || s.seen[e.to] || !s.leads(e.to) {
				continue
			}
			s.seen[e.to] = true
			next := how
			switch kind {
			case makes:
				next = max(how, Afterwards)
			case makesGo:
				next = Elsewhere
			}
			s.queue = append(s.queue, step{e.to, from, next})
		}
	}
}

// eventsOf returns pointers to the events of n.
func (p *Program) eventsOf(n *fn) []*event {
	b := p.bodyOf(n)
	list := make([]*event, len(b.events))
	for i := range b.events {
		list[i] = &b.events[i]
	}
	return list
}

// siteIn returns the first of the places in n that do one of ops.
func (p *Program) siteIn(n *fn, events []*event, in []inlined, ops Ops) (Site, bool) {
	best, at := Site{}, ^uint32(0)
	for _, e := range events {
		found := e.ops
		if e.kind != does && e.to != nil && e.to.prim != 0 {
			found = e.to.prim
		}
		if found&ops != 0 && e.off < at {
			at = e.off
			best = Site{Ops: found & ops}
			best.setOn(e.on)
		}
	}
	for _, i := range in {
		if i.ops&ops != 0 && i.lo < at {
			at = i.lo
			best = Site{Ops: i.ops & ops}
		}
	}
	if at == ^uint32(0) {
		return Site{}, false
	}
	best.PC = n.Entry + mem.Addr(at)
	p.place(n, &best)
	return best, true
}

// setOn fills in the variable that an operation is done on.
func (s *Site) setOn(v value) {
	switch v.kind {
	case address:
		s.On = mem.Addr(v.n)
	case loaded:
		s.On, s.OnPointer = mem.Addr(v.n), true
	case slot:
		s.InFrame, s.Slot = true, v.n
	case field:
		s.InFrame, s.Slot, s.Offset = true, v.n>>32, v.n&maxField
	case captured:
		s.InClosure, s.Slot = true, v.n
	case behind:
		s.InClosure, s.Slot, s.Offset = true, v.n>>32, v.n&maxField
	}
}

// place fills in where a site is in the source: the innermost function that
// is not the operation itself.
func (p *Program) place(n *fn, s *Site) {
	lines := n.Lines(s.PC)
	for i, l := range lines {
		if i+1 < len(lines) && (p.ops[plainName(l.Func)] != 0 || operation(l.Func)) {
			continue
		}
		s.Func, s.File, s.Line = l.Func, l.File, l.Line
		return
	}
}

// operation reports whether a function belongs to the packages that make up
// the operations, so that what is inlined of it is not a place of its own.
func operation(name string) bool {
	for _, prefix := range [...]string{"sync.", "internal/sync.", "sync/atomic.", "internal/runtime/", "runtime/internal/", "runtime."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
