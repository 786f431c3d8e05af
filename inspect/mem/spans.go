package mem

import (
	"sort"
	"sync/atomic"
)

// span is a piece of the target's address space, [start, end).
type span struct {
	start, end Addr
	// data is the span's bytes, nil when the target maps the span but the
	// source lacks its bytes.
	data []byte
	// src is the first byte of the file that data lies in, at offset off.
	src *byte
	off uint64
}

// spans are pieces of address space in ascending order, without overlap.
// They do not change after construction, so that reads need no lock.
type spans struct {
	list []span
	// hint is the index of the span that was found last. Reads come in
	// runs from one span; it is only a hint, and may be anything.
	hint atomic.Uint32
}

// find returns the index of the span that holds a.
func (s *spans) find(a Addr) (int, bool) {
	if h := int(s.hint.Load()); h < len(s.list) && a >= s.list[h].start && a < s.list[h].end {
		return h, true
	}
	i := sort.Search(len(s.list), func(i int) bool { return s.list[i].end > a })
	if i == len(s.list) || a < s.list[i].start {
		return i, false
	}
	s.hint.Store(uint32(i))
	return i, true
}

// check returns the index of the span that holds a, and an error unless all
// of the n bytes at a have their bytes.
func (s *spans) check(a Addr, n int) (int, error) {
	first, ok := s.find(a)
	if n < 0 || !ok {
		return 0, &Fault{a, n, ErrUnmapped}
	}
	left := uint64(n)
	for i, pos := first, a; ; i++ {
		if i == len(s.list) || s.list[i].start > pos {
			return 0, &Fault{a, n, ErrUnmapped}
		}
		if s.list[i].data == nil {
			return 0, &Fault{a, n, ErrMissing}
		}
		here := uint64(s.list[i].end - pos)
		if left <= here {
			return first, nil
		}
		left -= here
		pos = s.list[i].end
	}
}

// readAt implements Reader.
func (s *spans) readAt(b []byte, a Addr) error {
	if len(b) == 0 {
		return nil
	}
	i, err := s.check(a, len(b))
	if err != nil {
		return err
	}
	s.copyOut(b, a, i)
	return nil
}

// copyOut fills b with the bytes at a, which check found present, a in span i.
func (s *spans) copyOut(b []byte, a Addr, i int) {
	for n := 0; n < len(b); i++ {
		n += copy(b[n:], s.list[i].data[a+Addr(n)-s.list[i].start:])
	}
}

// view implements Viewer: without a copy when one span has it all.
func (s *spans) view(a Addr, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	i, err := s.check(a, n)
	if err != nil {
		return nil, err
	}
	sp := &s.list[i]
	if off := uint64(a - sp.start); uint64(n) <= uint64(len(sp.data))-off {
		return sp.data[off : off+uint64(n) : off+uint64(n)], nil
	}
	b := make([]byte, n)
	s.copyOut(b, a, i)
	return b, nil
}

// present returns the parts of ranges whose bytes s has. Both are in
// ascending order.
func (s *spans) present(ranges []Range) []Range {
	var out []Range
	i := 0
	for _, r := range ranges {
		for ; i < len(s.list) && s.list[i].end <= r.Start; i++ {
		}
		for j := i; j < len(s.list) && s.list[j].start < r.End; j++ {
			if s.list[j].data == nil {
				continue
			}
			p := r.cut(max(r.Start, s.list[j].start), min(r.End, s.list[j].end))
			if k := len(out) - 1; k >= 0 && p.Start > r.Start && out[k].End == p.Start {
				out[k].End = p.End
			} else {
				out = append(out, p)
			}
		}
	}
	return out
}

// cut returns the part [start, end) of the range.
func (r Range) cut(start, end Addr) Range {
	if r.File != "" {
		r.Off += uint64(start - r.Start)
	}
	r.Start, r.End = start, end
	return r
}

// piece is a span under construction: bytes [off, off+(end-start)) of src,
// or no bytes when src is nil.
type piece struct {
	start, end Addr
	src        []byte
	off        uint64
}

// joinPieces makes spans of pieces that are in ascending order and do not
// overlap. Neighbours that are neighbours in their file as well become one
// span, so that views across them need no copy: the kernel writes the
// mappings of a process one after the other.
func joinPieces(pieces []piece) []span {
	var list []span
	var last piece
	flush := func() {
		if last.end == last.start {
			return
		}
		s := span{start: last.start, end: last.end}
		if last.src != nil {
			end := last.off + uint64(last.end-last.start)
			s.data = last.src[last.off:end:end]
			s.src, s.off = &last.src[0], last.off
		}
		list = append(list, s)
	}
	for _, p := range pieces {
		if p.end == p.start {
			continue
		}
		if last.joins(p) {
			last.end = p.end
			continue
		}
		flush()
		last = p
	}
	flush()
	return list
}

// joins reports whether next continues p in memory and in the same file.
func (p piece) joins(next piece) bool {
	if p.end == p.start || p.end != next.start || (p.src == nil) != (next.src == nil) {
		return false
	}
	return p.src == nil ||
		&p.src[0] == &next.src[0] && p.off+uint64(p.end-p.start) == next.off
}
