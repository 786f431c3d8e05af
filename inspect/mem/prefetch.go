package mem

// Prefetch has pieces of memory brought into the processor's caches before they
// are read. Where a reader follows one pointer after the other it waits for each
// of them; loads that do not depend on one another overlap.
type Prefetch struct {
	m Direct
	// seen keeps the loads from being left out.
	seen byte
}

// NewPrefetch returns a Prefetch on m. Where the bytes of m are not at hand it
// does nothing.
func NewPrefetch(m Reader) *Prefetch { return &Prefetch{m: DirectOf(m)} }

// cacheLine is the size, in bytes, of what a load brings in.
const cacheLine = 64

// Piece brings in the n bytes at a, as far as there are such.
func (p *Prefetch) Piece(a Addr, n int) {
	if p.m == nil || a == 0 {
		return
	}
	b := p.m.Direct(a)
	if n < len(b) {
		b = b[:n]
	}
	for i := 0; i < len(b); i += cacheLine {
		p.seen |= b[i]
	}
}
