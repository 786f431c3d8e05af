package capture

import (
	"slices"
	"testing"

	"rtdbg/inspect/mem"
)

// A set of pages gives the runs of them that lie in a range.
func TestPagesAreGivenInRuns(t *testing.T) {
	const p = pageSize
	var s Pages
	s.Add(3*p+100, 10)           // one page
	s.Add(64*p-1, 2)             // across a word
	s.Add(pagesInBlock*p-1, 2)   // across a block
	s.Add(3*pagesInBlock*p, 3*p) // far away
	s.Add(3*p, 0)                // nothing
	s.Add(9*pagesInBlock*p, p+1) // behind the range
	want := []mem.Range{
		{Start: 3 * p, End: 4 * p},
		{Start: 63 * p, End: 65 * p},
		{Start: (pagesInBlock - 1) * p, End: (pagesInBlock + 1) * p},
		{Start: 3 * pagesInBlock * p, End: (3*pagesInBlock + 3) * p},
	}
	runs := func(r mem.Range) (list []mem.Range) {
		s.each(r, func(start, end mem.Addr) { list = append(list, mem.Range{Start: start, End: end}) })
		return list
	}
	if got := runs(mem.Range{Start: 0, End: 4 * pagesInBlock * p}); !slices.Equal(got, want) {
		t.Errorf("runs %v, want %v", got, want)
	}
	if s.Len() != 10 {
		t.Errorf("%d pages, want 10", s.Len())
	}
	if got := runs(mem.Range{Start: 64 * p, End: 65 * p}); !slices.Equal(got, []mem.Range{{Start: 64 * p, End: 65 * p}}) {
		t.Errorf("runs of one page %v", got)
	}
}
