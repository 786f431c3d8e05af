package layout

import (
	"fmt"
	"sync"

	"rtdbg/inspect/mem"
)

// Plan decodes one target structure into T. It is made by Bind and is safe
// for concurrent use.
type Plan[T any] struct {
	name string
	size uint64
	// off and n are the window: the bytes of the structure that ops read.
	off, n uint64
	// ops have src relative to the window.
	ops     []op
	offsets map[string]uint64
	// windows holds *[]byte of n bytes, for Read.
	windows sync.Pool
}

// newPlan makes a plan of what b has bound to s, after checking that every op
// reads within the structure.
func newPlan[T any](s *Struct, b *binder) (*Plan[T], error) {
	p := &Plan[T]{name: s.Name, size: s.Size, ops: b.ops, offsets: b.offsets}
	lo, hi := s.Size, uint64(0)
	for _, o := range b.ops {
		end := uint64(o.src) + o.code.srcSize()
		if end > s.Size {
			return nil, fmt.Errorf("%s: a field ends at byte %d of a struct of %d", s.Name, end, s.Size)
		}
		lo, hi = min(lo, uint64(o.src)), max(hi, end)
	}
	if len(b.ops) == 0 {
		lo = 0
	}
	p.off, p.n = lo, hi-lo
	for i := range p.ops {
		p.ops[i].src -= uint32(lo)
	}
	p.windows.New = func() any {
		w := make([]byte, p.n)
		return &w
	}
	return p, nil
}

// Name returns the full name of the target's structure.
func (p *Plan[T]) Name() string { return p.name }

// Size returns the size of the structure in the target, in bytes.
func (p *Plan[T]) Size() uint64 { return p.size }

// Window returns the smallest part of the structure that holds every field
// that the plan decodes: its offset from the structure's start and its
// length, in bytes.
func (p *Plan[T]) Window() (off, n uint64) { return p.off, p.n }

// Has reports whether the target has the optional field of T called field; a
// field of a nested struct is called "Outer.Inner". Names that T does not
// have, and fields with the tag "-", are reported as not there.
func (p *Plan[T]) Has(field string) bool {
	_, ok := p.offsets[field]
	return ok
}

// Offset returns the offset in the target's structure, in bytes, of the
// source of the field of T called field, as Has takes it.
func (p *Plan[T]) Offset(field string) (off uint64, ok bool) {
	off, ok = p.offsets[field]
	return off, ok
}

// Decode decodes the structure whose bytes, from its start on, are raw. Fields
// with the tag "-", and optional fields that the target lacks, keep their
// value. It fails if raw ends before the window does.
func (p *Plan[T]) Decode(dst *T, raw []byte) error {
	if uint64(len(raw)) < p.off+p.n {
		return p.short(p.off+p.n, raw)
	}
	decode(p.ops, dst, raw[p.off:])
	return nil
}

// DecodeWindow is Decode from the bytes of the window alone.
func (p *Plan[T]) DecodeWindow(dst *T, window []byte) error {
	if uint64(len(window)) < p.n {
		return p.short(p.n, window)
	}
	decode(p.ops, dst, window)
	return nil
}

func (p *Plan[T]) short(need uint64, got []byte) error {
	return fmt.Errorf("%s: %d bytes given, %d needed", p.name, len(got), need)
}

// Read reads the structure at a with one read of its window, or none where the
// source has the bytes at hand, and decodes it.
// The error wraps the reader's, and names the structure and its address.
func (p *Plan[T]) Read(r mem.Reader, a mem.Addr, dst *T) error {
	at := a + mem.Addr(p.off)
	if a == 0 || at < a || at+mem.Addr(p.n) < at {
		return p.fault(a, &mem.Fault{Addr: at, Len: int(p.n), Err: mem.ErrUnmapped})
	}
	if d := mem.DirectOf(r); d != nil {
		if b := d.Direct(at); uint64(len(b)) >= p.n {
			decode(p.ops, dst, b)
			return nil
		}
	}
	w := p.windows.Get().(*[]byte)
	defer p.windows.Put(w)
	if err := r.ReadAt(*w, at); err != nil {
		return p.fault(a, err)
	}
	decode(p.ops, dst, *w)
	return nil
}

func (p *Plan[T]) fault(a mem.Addr, err error) error {
	return fmt.Errorf("%s at %v: %w", p.name, a, err)
}
