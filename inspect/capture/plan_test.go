package capture

import (
	"reflect"
	"testing"

	"rtdbg/inspect/mem"
)

const (
	rw = mem.PermRead | mem.PermWrite
	ro = mem.PermRead
)

// at makes a range of pages.
func at(first, last mem.Addr, perm mem.Perm, file string) mem.Range {
	return mem.Range{Start: first * pageSize, End: last * pageSize, Perm: perm, File: file}
}

// shape is a plan in pages: the segments, whose bytes the core has or not, and
// what is copied.
type shape struct {
	has, lacks, copied [][2]mem.Addr
}

func shapeOf(p *plan) (s shape) {
	for _, seg := range p.segments {
		pages := [2]mem.Addr{seg.start / pageSize, seg.end / pageSize}
		if seg.has {
			s.has = append(s.has, pages)
		} else {
			s.lacks = append(s.lacks, pages)
		}
	}
	for _, r := range p.runs {
		s.copied = append(s.copied, [2]mem.Addr{r.start / pageSize, (r.start + mem.Addr(r.size)) / pageSize})
	}
	return s
}

// held makes extents of pages that hold something, and of file pages.
func held(first, last mem.Addr, ofFile bool) extent {
	return extent{start: first * pageSize, end: last * pageSize, held: true, file: ofFile}
}

func untouched(first, last mem.Addr) extent {
	return extent{start: first * pageSize, end: last * pageSize}
}

func TestPlanCopiesWhatIsHeldAndNowhereElse(t *testing.T) {
	wanted := new(Pages)
	wanted.Add(101*pageSize, pageSize)
	wanted.Add(103*pageSize, pageSize)
	for _, c := range []struct {
		name    string
		mapping mapping
		gap     int
		want    shape
	}{
		{name: "anonymous memory, with untouched pages as zeros",
			mapping: mapping{Range: at(1, 9, rw, ""), pages: []extent{untouched(1, 3), held(3, 5, false), untouched(5, 9)}},
			want:    shape{has: [][2]mem.Addr{{1, 9}}, copied: [][2]mem.Addr{{3, 5}}}},
		{name: "a writable file, whole",
			mapping: mapping{Range: at(1, 9, rw, "/exe"), pages: []extent{untouched(1, 9)}},
			want:    shape{has: [][2]mem.Addr{{1, 9}}, copied: [][2]mem.Addr{{1, 9}}}},
		{name: "a read-only file, its first page and what was written before",
			mapping: mapping{Range: at(1, 9, ro, "/exe"), pages: []extent{held(1, 4, true), held(4, 5, false), held(5, 7, true), untouched(7, 9)}},
			want:    shape{has: [][2]mem.Addr{{1, 2}, {4, 5}}, lacks: [][2]mem.Addr{{2, 4}, {5, 9}}, copied: [][2]mem.Addr{{1, 2}, {4, 5}}}},
		{name: "shared memory and reservations, not at all",
			mapping: mapping{Range: at(1, 9, rw, "")},
			want:    shape{lacks: [][2]mem.Addr{{1, 9}}}},
		{name: "of the heap the wanted pages",
			mapping: mapping{Range: at(100, 110, rw, ""), chosen: true},
			want:    shape{has: [][2]mem.Addr{{101, 102}, {103, 104}}, lacks: [][2]mem.Addr{{100, 101}, {102, 103}, {104, 110}}, copied: [][2]mem.Addr{{101, 102}, {103, 104}}}},
		{name: "what lies between them where there would be too many segments",
			mapping: mapping{Range: at(100, 110, rw, ""), chosen: true}, gap: 1,
			want: shape{has: [][2]mem.Addr{{101, 104}}, lacks: [][2]mem.Addr{{100, 101}, {104, 110}}, copied: [][2]mem.Addr{{101, 102}, {102, 103}, {103, 104}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := planOf([]mapping{c.mapping}, new(places), Selection{Wanted: wanted}, c.gap)
			if got := shapeOf(p); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
			for _, r := range p.runs {
				if off, ok := p.find(r.start); !ok || off != r.off {
					t.Errorf("page %v is at %d, %t, want %d", r.start, off, ok, r.off)
				}
			}
		})
	}
}

// A mapping keeps its place in the buffer, so that the second copy finds memory
// where the first has put it, though mappings have come between and it has grown.
func TestMappingsKeepTheirPlaces(t *testing.T) {
	var p places
	first := p.at(at(100, 110, rw, ""))
	p.at(at(50, 60, rw, ""))
	if again := p.at(at(100, 115, rw, "")); again != first {
		t.Errorf("a mapping that has grown lies at %d, before at %d", again, first)
	}
	if elsewhere := p.at(at(100, 5000, rw, "")); elsewhere == first {
		t.Error("a mapping lies over others")
	}
}

// Pages that could not be read are no part of the core.
func TestWhatCannotBeReadIsDropped(t *testing.T) {
	p := planOf([]mapping{{Range: at(1, 9, rw, "/exe"), pages: []extent{untouched(1, 9)}}}, new(places), Selection{}, 0)
	base := p.segments[0].off
	p.drop([]mem.Range{at(3, 4, 0, ""), at(8, 9, 0, "")})
	want := [][2]mem.Addr{{1, 3}, {4, 8}}
	if got := shapeOf(p); !reflect.DeepEqual(got.has, want) {
		t.Errorf("the core has %v, want %v", got.has, want)
	}
	for _, s := range p.segments {
		if wantOff := base + uint64(s.start-pageSize); s.has && s.off != wantOff {
			t.Errorf("the segment at %v lies at %d, want %d", s.start, s.off, wantOff)
		}
	}
}
