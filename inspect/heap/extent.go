package heap

import (
	"cmp"
	"slices"
	"sort"

	"rtdbg/inspect/mem"
)

// Extent is a range of addresses, [Start, End): an object.
type Extent struct {
	Start, End mem.Addr
}

// Contains reports whether a lies in the range.
func (x Extent) Contains(a mem.Addr) bool { return a >= x.Start && a < x.End }

// Extents is a set of ranges in ascending order that do not overlap.
type Extents struct {
	list   []Extent
	lo, hi mem.Addr
}

// NewExtents sorts and merges ranges.
func NewExtents(list []Extent) *Extents {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Extent) int { return cmp.Compare(a.Start, b.Start) })
	e := &Extents{}
	for _, x := range list {
		if n := len(e.list); n > 0 && x.Start < e.list[n-1].End {
			e.list[n-1].End = max(e.list[n-1].End, x.End)
			continue
		}
		e.list = append(e.list, x)
	}
	if n := len(e.list); n > 0 {
		e.lo, e.hi = e.list[0].Start, e.list[n-1].End
	}
	return e
}

// Find returns the range that holds a; ok is false if none does.
func (e *Extents) Find(a mem.Addr) (x Extent, ok bool) {
	if a < e.lo || a >= e.hi {
		return Extent{}, false
	}
	i := sort.Search(len(e.list), func(i int) bool { return e.list[i].Start > a }) - 1
	if i < 0 || a >= e.list[i].End {
		return Extent{}, false
	}
	return e.list[i], true
}
