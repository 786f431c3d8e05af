package mem

// Chunked is a Memory that can be copied in large pieces. For a pass over small
// structures that lie close together that is cheaper than touching a mapping,
// of which each page has to be mapped and let go again: for the descriptors of a
// million goroutines 0.16 s against 0.42 s. It is not where most of the bytes
// between are not needed, as with stacks.
type Chunked interface {
	// ReadChunk copies to b what lies at a and behind it, as far as that is
	// in one piece, and returns how many bytes these are.
	ReadChunk(b []byte, a Addr) int
}

// ReadChunk implements Chunked.
func (c *Core) ReadChunk(b []byte, a Addr) int {
	i, ok := c.all.find(a)
	if !ok || c.all.list[i].data == nil {
		return 0
	}
	s := &c.all.list[i]
	off := uint64(a - s.start)
	b = b[:min(uint64(len(b)), uint64(len(s.data))-off)]
	if s.src != &c.mapped.Bytes[0] {
		return copy(b, s.data[off:])
	}
	n, err := c.mapped.ReadAt(b, int64(s.off+off))
	if err != nil {
		return copy(b, s.data[off:])
	}
	return n
}

// ReadChunk implements Chunked.
func (p *Process) ReadChunk(b []byte, a Addr) int {
	if int64(a) < 0 {
		return 0
	}
	n, _ := p.mem.ReadAt(b, int64(a))
	return n
}

// Ahead reads a Memory that is Chunked for one user who goes through it in
// ascending order of addresses, more or less: the closer together what is
// asked for, the larger the pieces.
type Ahead struct {
	m    Chunked
	lo   Addr
	b    []byte // of buf, the bytes at lo
	buf  []byte
	size int
}

// The sizes of the pieces that Ahead reads, in bytes.
const (
	minAhead = 4 << 10
	maxAhead = 32 << 10
)

// NewAhead returns an Ahead on m, nil if m is not Chunked.
func NewAhead(m Reader) *Ahead {
	c, ok := m.(Chunked)
	if !ok {
		return nil
	}
	return &Ahead{m: c, size: minAhead}
}

// Bytes returns the bytes at a and behind it: at least n of them, unless n is
// above 32 KiB or there are fewer in one piece. They are valid until the next
// call. A nil Ahead has none.
func (r *Ahead) Bytes(a Addr, n int) []byte {
	if r == nil {
		return nil
	}
	n = min(n, maxAhead)
	if off := a - r.lo; a < r.lo || uint64(off)+uint64(n) > uint64(len(r.b)) {
		r.read(a, n)
	}
	return r.b[a-r.lo:]
}

// read fills the buffer from a on, with n bytes at least.
func (r *Ahead) read(a Addr, n int) {
	if r.buf == nil {
		r.buf = make([]byte, maxAhead)
	}
	if a >= r.lo && a-r.lo < Addr(2*r.size) {
		r.size = min(2*r.size, maxAhead)
	} else {
		r.size = minAhead
	}
	r.lo, r.b = a, r.buf[:r.m.ReadChunk(r.buf[:max(r.size, n)], a)]
}
