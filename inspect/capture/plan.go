package capture

import (
	"context"
	"slices"
	"sort"
	"time"

	"rtdbg/inspect/mem"
)

// pageSize is the smallest page of the supported architectures, in bytes: what
// is made of larger ones is made of these too.
const pageSize = 4096

const (
	// reservation is the size in bytes from which on an anonymous mapping counts
	// as a sanitizer's shadow, of which no answer needs anything.
	reservation = 64 << 30
	// longHole is how many bytes of untouched pages are more than what is worth
	// a hole in the file.
	longHole = 1 << 30
	// maxSegments is the most that the program headers of an ELF file can count
	// without the extension that many readers do not know, less the notes.
	maxSegments = 0xfffe - 1
)

// content is what the capture has of a page.
type content uint8

const (
	// left: nothing; it is in a file, or not wanted.
	left content = iota
	// zero: it was never touched, and reads as zeros.
	zero
	// copied: its bytes.
	copied
)

// segment is a range of the target's pages that is one PT_LOAD of the core.
type segment struct {
	start, end mem.Addr
	perm       mem.Perm
	// has says that the core holds its bytes, from off on.
	has bool
	off uint64
}

// run is a range of pages that are copied to off in the core.
type run struct {
	start mem.Addr
	size  uint64
	off   uint64
}

// plan says what of a process is copied to where.
type plan struct {
	segments []segment
	runs     []run
	// size is that of the core up to the end of the last segment, bytes that of
	// all runs.
	size, bytes uint64
	// mappings is what it was made of.
	mappings []mapping
}

// mapping is a mapping with what the kernel says of its pages. It is not asked
// about one that is chosen from: of that all that is wanted is copied.
type mapping struct {
	mem.Range
	chosen bool
	pages  []extent
}

// survey asks the kernel for the pages of all mappings that can be read.
func survey(ranges []mem.Range, pages *pagemap, sel Selection) []mapping {
	var list []mapping
	for _, r := range ranges {
		if r.Perm&mem.PermRead == 0 {
			continue
		}
		m := mapping{Range: r}
		switch {
		case r.Shared || r.Size() > reservation:
		case sel.Wanted != nil && r.File == "" && r.Perm&mem.PermWrite != 0 && !sel.keeps(r):
			m.chosen = true
		default:
			m.pages = pages.extents(r)
		}
		list = append(list, m)
	}
	return list
}

// keeps reports whether a mapping holds something that is copied whole.
func (sel Selection) keeps(r mem.Range) bool {
	return slices.ContainsFunc(sel.Keep, func(k mem.Range) bool { return k.Start < r.End && r.Start < k.End })
}

// find returns the place of a page that is copied.
func (p *plan) find(page mem.Addr) (off uint64, ok bool) {
	i := sort.Search(len(p.runs), func(i int) bool { return p.runs[i].start+mem.Addr(p.runs[i].size) > page })
	if i == len(p.runs) || page < p.runs[i].start {
		return 0, false
	}
	return p.runs[i].off + uint64(page-p.runs[i].start), true
}

// place returns where a page of the heap that was left out would be copied to in
// a buffer of the given size; ok is false if it is no such page.
func (p *plan) place(page mem.Addr, places *places, size uint64) (off uint64, ok bool) {
	i := sort.Search(len(p.mappings), func(i int) bool { return p.mappings[i].End > page })
	if i == len(p.mappings) || page < p.mappings[i].Start || !p.mappings[i].chosen {
		return 0, false
	}
	off = places.at(p.mappings[i].Range) + uint64(page-p.mappings[i].Start)
	return off, off+pageSize <= size
}

// with returns the plan that has further pages of the heap, which have been
// copied to their places.
func (p *plan) with(extra *Pages, places *places) *plan {
	wanted := new(Pages)
	for _, r := range p.runs {
		wanted.Add(r.start, int(r.size))
	}
	wanted.addAll(extra)
	return planOf(p.mappings, places, Selection{Wanted: wanted}, 0)
}

// Selection says what of the anonymous memory, the heap and what the runtime and
// C libraries allocate beside it, is copied: all of it if Wanted is nil.
type Selection struct {
	// Wanted are the pages to copy, beside the stacks of threads.
	Wanted *Pages
	// Keep are ranges that are copied whole: the package-level variables.
	Keep []mem.Range
	// LeftOut is how many bytes that leaves out, for the record.
	LeftOut uint64
	// Again, which may be nil, is called while the process stands: what it reads of
	// the heap through Survey is copied as well. It comes to an end with its context,
	// at Within after the process was stopped.
	Again  func(context.Context)
	Survey *Survey
	Within time.Duration
}

// makePlan chooses the pages. Few segments are made by copying what lies between
// them.
func makePlan(ranges []mem.Range, pages *pagemap, places *places, sel Selection) *plan {
	mappings := survey(ranges, pages, sel)
	for gap := 0; ; gap = gap*2 + 1 {
		p := planOf(mappings, places, sel, gap)
		if len(p.segments) <= maxSegments || gap > maxSegments {
			return p
		}
	}
}

func planOf(mappings []mapping, places *places, sel Selection, gap int) *plan {
	b := planner{plan: &plan{mappings: mappings}, wantedPages: sel.Wanted, places: places, gap: gap}
	for _, m := range mappings {
		b.add(m)
	}
	return b.plan
}

// places says where in the core the mappings lie. They keep their places from
// one plan to the next, so that what the first has copied is memory at hand for
// the second.
type places struct {
	of  map[mem.Addr]place
	end uint64
}

// place is where a mapping begins in the core, and how far it may extend.
type place struct{ off, room uint64 }

// room is what a mapping may grow by beyond twice its size, in bytes.
const growth = 1 << 20

// at returns the place of a mapping.
func (p *places) at(r mem.Range) uint64 {
	if l, ok := p.of[r.Start]; ok && r.Size() <= l.room {
		return l.off
	}
	if p.of == nil {
		p.of, p.end = make(map[mem.Addr]place), pageSize
	}
	l := place{off: p.end, room: 2*r.Size() + growth}
	p.of[r.Start] = l
	p.end += l.room
	return l.off
}

// planner makes a plan, mapping by mapping.
type planner struct {
	*plan
	places *places
	// wantedPages are those of the selection.
	wantedPages *Pages
	// gap is how many pages that are left between copied ones are copied as well.
	gap int
}

// add plans one mapping.
func (b *planner) add(r mapping) {
	pieces := b.pieces(r)
	for i := range pieces {
		p := &pieces[i]
		between := i > 0 && i < len(pieces)-1 && pieces[i-1].content == copied && pieces[i+1].content == copied
		switch {
		case p.content == left && between && int(p.end-p.start)/pageSize <= b.gap:
			p.content = copied
		case p.content == zero && p.end-p.start >= longHole:
			p.content = left
		}
	}
	b.lay(r.Range, pieces)
}

// piece is a range of pages of one content.
type piece struct {
	start, end mem.Addr
	content    content
}

// pieces cuts a mapping into pieces.
func (b *planner) pieces(r mapping) []piece {
	switch {
	case r.chosen:
		return b.wanted(r.Range)
	case r.pages == nil:
		return []piece{{r.Start, r.End, left}}
	case r.File != "" && r.Perm&mem.PermWrite != 0:
		// A page that was not touched has the file's content, unless that has
		// been replaced.
		return []piece{{r.Start, r.End, copied}}
	}
	var list pieceList
	for _, e := range r.pages {
		switch {
		case r.File != "":
			b.filePages(&list, r.Range, e)
		case e.held:
			list.add(piece{e.start, e.end, copied})
		default:
			list.add(piece{e.start, e.end, zero})
		}
	}
	return list
}

// wanted are the pieces of a mapping of which pages are chosen.
func (b *planner) wanted(r mem.Range) []piece {
	var list pieceList
	at := r.Start
	b.wantedPages.each(r, func(start, end mem.Addr) {
		list.add(piece{at, start, left})
		list.add(piece{start, end, copied})
		at = end
	})
	list.add(piece{at, r.End, left})
	return list
}

// pieceList puts pieces of one content together.
type pieceList []piece

func (l *pieceList) add(p piece) {
	if p.start >= p.end {
		return
	}
	if n := len(*l); n > 0 && (*l)[n-1].content == p.content {
		(*l)[n-1].end = p.end
		return
	}
	*l = append(*l, p)
}

// filePages adds read-only pages of a file. The file has all but those that were
// written before they became read-only, by the dynamic linker; the first page
// tells which file it was.
func (b *planner) filePages(list *pieceList, r mem.Range, e extent) {
	if r.Off == 0 && e.start == r.Start {
		list.add(piece{e.start, e.start + pageSize, copied})
		e.start += pageSize
	}
	what := left
	if e.held && !e.file {
		what = copied
	}
	list.add(piece{e.start, e.end, what})
}

// lay gives the pieces of a mapping their places: what is not left and adjacent
// is one segment.
func (b *planner) lay(r mem.Range, pieces []piece) {
	base := uint64(0)
	if slices.ContainsFunc(pieces, func(p piece) bool { return p.content != left }) {
		base = b.places.at(r)
	}
	for i, p := range pieces {
		off := base + uint64(p.start-r.Start)
		has := p.content != left
		if last := len(b.segments) - 1; i > 0 && b.segments[last].has == has {
			b.segments[last].end = p.end
		} else {
			b.segments = append(b.segments, segment{start: p.start, end: p.end, perm: r.Perm, has: has, off: off})
		}
		size := uint64(p.end - p.start)
		if p.content == copied {
			b.runs = append(b.runs, run{start: p.start, size: size, off: off})
			b.bytes += size
		}
		if has {
			b.size = max(b.size, off+size)
		}
	}
}

// drop takes the bytes of pages that could not be read out of the segments.
func (p *plan) drop(missing []mem.Range) {
	for _, m := range missing {
		var list []segment
		for _, s := range p.segments {
			list = append(list, s.without(m)...)
		}
		p.segments = list
	}
}

// without cuts [m.Start, m.End) out of a segment's bytes.
func (s segment) without(m mem.Range) []segment {
	lo, hi := max(s.start, m.Start), min(s.end, m.End)
	if !s.has || lo >= hi {
		return []segment{s}
	}
	before, hole, after := s, s, s
	before.end = lo
	hole.start, hole.end, hole.has = lo, hi, false
	after.start, after.off = hi, s.off+uint64(hi-s.start)
	var list []segment
	for _, part := range []segment{before, hole, after} {
		if part.start < part.end {
			list = append(list, part)
		}
	}
	return list
}
