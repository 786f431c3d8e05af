package mem

import (
	"debug/elf"

	"rtdbg/inspect/exe"
)

// Image is the read-only segments of an executable file as memory: code,
// constants, pclntab. They are the same in every process that runs it, but
// for a debugger's breakpoints in the code. Writable data is not part of it.
type Image struct {
	file   *exe.File
	ranges []Range
	mem    spans
}

// NewImage returns the read-only segments of f loaded with the given bias. f
// stays the caller's to close, after the Image.
func NewImage(f *exe.File, bias uint64) *Image {
	m := &Image{file: f}
	var pieces []piece
	for _, s := range f.Segments() {
		b := f.SegmentBytes(s)
		start := Addr(s.Vaddr + bias)
		end := start + Addr(len(b))
		if s.Type != elf.PT_LOAD || s.Flags&elf.PF_W != 0 || end <= start {
			continue
		}
		if n := len(pieces); n > 0 && start < pieces[n-1].end {
			continue // out of order or overlapping: a damaged file
		}
		pieces = append(pieces, piece{start: start, end: end, src: b})
		m.ranges = append(m.ranges, Range{Start: start, End: end, Perm: permOf(s.Flags), File: f.Path, Off: s.Off})
	}
	m.mem.list = joinPieces(pieces)
	return m
}

// ReadAt implements Reader.
func (m *Image) ReadAt(b []byte, a Addr) error { return m.mem.readAt(b, a) }

// View implements Viewer without copying.
func (m *Image) View(a Addr, n int) ([]byte, error) { return m.mem.view(a, n) }

// Ranges implements Memory.
func (m *Image) Ranges() []Range { return m.ranges }

// Describe implements Memory.
func (m *Image) Describe() string { return "executable " + m.file.Path }

// Close implements Memory. The file stays open.
func (m *Image) Close() error { return nil }

// overlay reads what static covers from static, all else from base.
type overlay struct {
	base, static Memory
	ranges       []Range // of static
}

// NewOverlay returns a Memory that reads from static what lies within its
// ranges and from base everything else. It saves a remote debugger the
// traffic for code and constants: NewOverlay(paged, NewImage(f, bias)).
// Closing it closes both.
func NewOverlay(base, static Memory) Memory {
	return &overlay{base, static, static.Ranges()}
}

// source returns the memory that has the n bytes at a. Static ranges are two
// or three: a binary search would not be faster.
func (o *overlay) source(a Addr, n int) Memory {
	for i := range o.ranges {
		r := &o.ranges[i]
		if a >= r.Start && a < r.End && uint64(n) <= uint64(r.End-a) {
			return o.static
		}
	}
	return o.base
}

func (o *overlay) ReadAt(b []byte, a Addr) error      { return o.source(a, len(b)).ReadAt(b, a) }
func (o *overlay) View(a Addr, n int) ([]byte, error) { return o.source(a, n).View(a, n) }
func (o *overlay) Ranges() []Range                    { return o.base.Ranges() }
func (o *overlay) Describe() string                   { return o.base.Describe() }

// Close closes both memories and returns the first error.
func (o *overlay) Close() error {
	errBase, errStatic := o.base.Close(), o.static.Close()
	if errBase != nil {
		return errBase
	}
	return errStatic
}

// ranged is a Memory whose ranges are known from elsewhere.
type ranged struct {
	Memory
	ranges []Range
}

// WithRanges returns m with ranges that somebody else knows: a debugger's memory
// of a process of this host, with those of /proc/PID/maps.
func WithRanges(m Memory, ranges []Range) Memory { return &ranged{m, ranges} }

func (r *ranged) Ranges() []Range { return r.ranges }
