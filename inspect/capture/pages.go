package capture

import (
	"math/bits"

	"rtdbg/inspect/mem"
)

// Pages is a set of pages of a process.
type Pages struct {
	// blocks holds one bit for each page, by the number of the block.
	blocks map[mem.Addr]*[pagesInBlock / 64]uint64
	last   mem.Addr
	block  *[pagesInBlock / 64]uint64
	count  int
}

// pagesInBlock is how many pages are kept together.
const pagesInBlock = 4096

// Add adds the pages of the n bytes at a.
func (s *Pages) Add(a mem.Addr, n int) {
	if n <= 0 {
		return
	}
	for page := a / pageSize; page <= (a+mem.Addr(n)-1)/pageSize; page++ {
		b := s.at(page / pagesInBlock)
		bit := uint64(1) << (page % 64)
		if w := &b[page%pagesInBlock/64]; *w&bit == 0 {
			*w |= bit
			s.count++
		}
	}
}

// each calls visit with the runs of pages of the set within r, in order.
func (s *Pages) each(r mem.Range, visit func(start, end mem.Addr)) {
	var start, end mem.Addr
	for page, last := r.Start/pageSize, (r.End-1)/pageSize; page <= last; {
		b := s.blocks[page/pagesInBlock]
		switch {
		case b == nil:
			page = (page/pagesInBlock + 1) * pagesInBlock
			continue
		case b[page%pagesInBlock/64] == 0:
			page = (page/64 + 1) * 64
			continue
		case b[page%pagesInBlock/64]&(1<<(page%64)) != 0:
			a := page * pageSize
			if a != end {
				if start < end {
					visit(start, end)
				}
				start = a
			}
			end = a + pageSize
		}
		page++
	}
	if start < end {
		visit(start, end)
	}
}

// Len is the number of pages.
func (s *Pages) Len() int { return s.count }

// addAll adds the pages of another set.
func (s *Pages) addAll(o *Pages) {
	for number, b := range o.blocks {
		own := s.at(number)
		for i, w := range b {
			s.count += bits.OnesCount64(w &^ own[i])
			own[i] |= w
		}
	}
}

// at returns the block of the given number.
func (s *Pages) at(number mem.Addr) *[pagesInBlock / 64]uint64 {
	if s.block != nil && s.last == number {
		return s.block
	}
	b := s.blocks[number]
	if b == nil {
		if s.blocks == nil {
			s.blocks = make(map[mem.Addr]*[pagesInBlock / 64]uint64)
		}
		b = new([pagesInBlock / 64]uint64)
		s.blocks[number] = b
	}
	s.last, s.block = number, b
	return b
}
