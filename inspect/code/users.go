package code

import (
	"sync"

	"rtdbg/inspect/mem"
)

// Users says which code refers to a package-level variable. It is safe for
// concurrent use.
type Users struct {
	p      *Program
	lo, hi mem.Addr

	mu sync.Mutex
	// leads says of functions whether they or what they call refer to it.
	leads map[*fn]bool
}

// Users returns the users of the package-level variable at [lo, hi).
func (p *Program) Users(lo, hi mem.Addr) *Users {
	return &Users{p: p, lo: lo, hi: hi, leads: make(map[*fn]bool)}
}

// Site returns the nearest place at which the code of r refers to the
// variable.
func (u *Users) Site(r *Reach) (Site, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if r.n == nil {
		return Site{}, false
	}
	if site, ok := u.in(r.n, r.spans); ok {
		return site, true
	}
	s := search{p: u.p}
	s.leads = func(n *fn) bool { known, ok := u.leads[n]; return !n.opaque && (known || !ok) }
	s.hit = func(n *fn, _ []*event, _ []inlined) (Site, bool) {
		if n == r.n {
			return Site{}, false
		}
		return u.in(n, nil)
	}
	site, ok := s.run(r)
	if !ok {
		// None of what was seen leads there.
		for _, st := range s.queue {
			u.leads[st.n] = false
		}
	}
	return site, ok
}

// in returns the first reference within the spans of n, anywhere if there are
// none.
func (u *Users) in(n *fn, spans []span) (Site, bool) {
	for _, r := range u.p.bodyOf(n).refs {
		if r.addr < u.lo || r.addr >= u.hi || spans != nil && !overlaps(spans, span{r.off, r.off + 1}) {
			continue
		}
		s := Site{PC: n.Entry + mem.Addr(r.off), On: r.addr}
		u.p.place(n, &s)
		return s, true
	}
	return Site{}, false
}

// Uses reports whether the code, or what it calls, refers to the package-level
// variable at [lo, hi). For more than one question about a variable use
// Program.Users.
func (r *Reach) Uses(lo, hi mem.Addr) bool {
	_, ok := r.p.Users(lo, hi).Site(r)
	return ok
}
