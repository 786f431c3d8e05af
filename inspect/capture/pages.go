package capture

import (
	"encoding/binary"
	"fmt"
	"os"

	"rtdbg/inspect/mem"
)

// Bits of an entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
const (
	pagePresent = 1 << 63
	pageSwapped = 1 << 62
	// pageOfFile is set for pages of files and of shared memory: not for the
	// copy that a process gets of a page when it writes to a private mapping.
	pageOfFile = 1 << 61
)

// pagemap tells which pages of a process hold something.
type pagemap struct {
	file *os.File // nil where the kernel does not tell
	buf  []byte
}

// openPagemap opens the map of pages of a process. Without it, as in a kernel
// without CONFIG_PROC_PAGE_MONITOR, every page counts as written.
func openPagemap(pid int) *pagemap {
	f, err := os.Open(fmt.Sprintf("/proc/%d/pagemap", pid))
	if err != nil {
		return &pagemap{}
	}
	return &pagemap{file: f}
}

func (p *pagemap) close() {
	if p.file != nil {
		p.file.Close()
	}
}

// pagesAtOnce is how many entries are read at a time: 4 GB of memory.
const pagesAtOnce = 1 << 20

// each calls visit with the entries of the pages of r, in order; a is the
// address of the first of them.
func (p *pagemap) each(r mem.Range, visit func(a mem.Addr, entry uint64)) {
	for a := r.Start; a < r.End; {
		n := min(int(r.End-a)/pageSize, pagesAtOnce)
		entries := p.read(a, n)
		for i := range n {
			e := uint64(pagePresent)
			if i*8+8 <= len(entries) {
				e = binary.LittleEndian.Uint64(entries[i*8:])
			}
			visit(a+mem.Addr(i*pageSize), e)
		}
		a += mem.Addr(n * pageSize)
	}
}

// read returns the entries of n pages from a on, or what the kernel gives of
// them.
func (p *pagemap) read(a mem.Addr, n int) []byte {
	if p.file == nil {
		return nil
	}
	if len(p.buf) < n*8 {
		p.buf = make([]byte, n*8)
	}
	got, _ := p.file.ReadAt(p.buf[:n*8], int64(a/pageSize*8))
	return p.buf[:got]
}

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
