package mem

import (
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// How much of mapped files this process may have in memory before a core lets
// go of its pages, in bytes: the kernel counts every page that was touched as
// this process's memory until it is let go, and a core may be larger than the
// memory there is. It is an eighth of the core within these bounds.
const (
	minResident = 64 << 20
	maxResident = 256 << 20
)

// maxFolio is the largest piece, in bytes, that the kernel maps when one byte of it
// is touched: what it has as one piece in its cache (filemap_map_pages).
const (
	folioBits = 21
	maxFolio  = 1 << folioBits
)

// resident lets the pages of a large mapping go whenever they have become too
// many. It keeps account of the chunks that were touched, each of which may be
// in memory as a whole, and looks how much really is when these would be too
// much. What is needed again comes from the page cache. Readers notice nothing.
type resident struct {
	b     []byte
	limit int // bytes
	// touched has a bit for each maxFolio, count is how many are set, and at
	// due of them it is looked how much is in memory.
	touched    []atomic.Uint64
	count, due atomic.Int64

	mu    sync.Mutex // held by who lets pages go
	statm *os.File
}

// limitResident keeps account of the mapping b. It is nil if b is too small to
// matter or nothing tells how much is in memory.
func limitResident(b []byte) *resident {
	limit := min(max(len(b)/8, minResident), maxResident)
	if len(b) <= limit {
		return nil
	}
	statm, err := os.Open("/proc/self/statm")
	if err != nil {
		return nil
	}
	// Pages that are let go need not be marked as recently used: that takes
	// the kernel longer than to unmap them. Of one that refuses, it does.
	_ = unix.Madvise(b, unix.MADV_SEQUENTIAL)
	return newResident(b, limit, statm)
}

func newResident(b []byte, limit int, statm *os.File) *resident {
	r := &resident{b: b, limit: limit, statm: statm, touched: make([]atomic.Uint64, (len(b)/maxFolio+64)/64)}
	r.due.Store(int64(limit / maxFolio))
	return r
}

// touch notes that the n bytes at offset off of the mapping are about to be
// read. A nil resident notes nothing.
func (r *resident) touch(off, n uint64) {
	if r == nil {
		return
	}
	for c := off >> folioBits; c <= (off+max(n, 1)-1)>>folioBits; c++ {
		word, bit := &r.touched[c/64], uint64(1)<<(c%64)
		if word.Load()&bit != 0 || word.Or(bit)&bit != 0 {
			continue
		}
		if r.count.Add(1) >= r.due.Load() {
			r.trim()
		}
	}
}

// trim lets all pages go if they are too many in memory, and puts off the next
// look by as many chunks as there is room for. Who comes while another does that
// waits, and does not read more.
func (r *resident) trim() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count.Load() < r.due.Load() {
		return
	}
	room := r.limit - r.files()
	if room <= 0 {
		// Of a kernel that refuses, the pages just stay.
		_ = unix.Madvise(r.b, unix.MADV_DONTNEED)
		room = r.limit
	}
	const least = 8
	r.due.Store(max(int64(room/maxFolio), least))
	// Of a chunk that was touched more may yet be brought in: it counts anew.
	for i := range r.touched {
		r.touched[i].Store(0)
	}
	r.count.Store(0)
}

func (r *resident) close() {
	if r != nil {
		r.statm.Close()
	}
}

// files returns how many bytes of mapped files are in memory, as the third field
// of /proc/self/statm has it in pages; 0 if it cannot be read.
func (r *resident) files() int {
	var buf [128]byte
	n, _ := r.statm.ReadAt(buf[:], 0)
	pages, field := 0, 0
	for _, c := range buf[:n] {
		switch {
		case c == ' ':
			field++
		case field == 2 && c >= '0' && c <= '9':
			pages = 10*pages + int(c-'0')
		}
	}
	return pages * os.Getpagesize()
}
