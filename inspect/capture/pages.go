package capture

import "rtdbg/inspect/mem"

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
		b := s.at(page/pagesInBlock, true)
		bit := uint64(1) << (page % 64)
		if w := &b[page%pagesInBlock/64]; *w&bit == 0 {
			*w |= bit
			s.count++
		}
	}
}

// Has reports whether the page that holds a is in the set.
func (s *Pages) Has(a mem.Addr) bool {
	page := a / pageSize
	b := s.at(page/pagesInBlock, false)
	return b != nil && b[page%pagesInBlock/64]&(1<<(page%64)) != 0
}

// Len is the number of pages.
func (s *Pages) Len() int { return s.count }

func (s *Pages) at(number mem.Addr, create bool) *[pagesInBlock / 64]uint64 {
	if s.block != nil && s.last == number {
		return s.block
	}
	b := s.blocks[number]
	if b == nil && create {
		if s.blocks == nil {
			s.blocks = make(map[mem.Addr]*[pagesInBlock / 64]uint64)
		}
		b = new([pagesInBlock / 64]uint64)
		s.blocks[number] = b
	}
	if b != nil {
		s.last, s.block = number, b
	}
	return b
}
