package mem

import (
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// How much of mapped files this process may have in memory before a core lets
// go of some of its pages, in bytes: the kernel counts every page that was
// touched as this process's memory until it is let go, and a core may be larger
// than the memory there is. It is an eighth of the core within these bounds.
const (
	minResident = 64 << 20
	maxResident = 256 << 20
)

// residentEvery is how often that is looked at where no reader does: reading at
// full speed touches some 50 MB in that time, and random reads, for each of
// which the kernel maps 64 KB, as much as there is.
const residentEvery = 10 * time.Millisecond

// Trimmer is a Memory whose pages count as this process's memory once they have
// been read.
type Trimmer interface {
	// Trim lets some of them go if they have become too many. It takes a
	// microsecond if they have not.
	Trim()
}

// Trim lets pages of m go if there are too many of them in memory. Who reads a
// lot calls it every few hundred reads.
func Trim(m Reader) {
	if t, ok := m.(Trimmer); ok {
		t.Trim()
	}
}

// Trim implements Trimmer.
func (c *Core) Trim() {
	if c.resident != nil {
		c.resident.trim()
	}
}

// resident lets pages of a large mapping go whenever they have become too many:
// a part of the mapping after the other, around and around. What is needed again
// comes from the page cache. Readers notice nothing.
type resident struct {
	b     []byte
	limit int
	statm *os.File
	mu    sync.Mutex // held by who lets pages go
	hand  int        // where the next part begins
	stop  chan struct{}
	done  sync.WaitGroup
}

// limitResident watches over the mapping b until the result's close, unless b
// is too small to matter or nothing tells how much is resident.
func limitResident(b []byte) *resident {
	r := &resident{b: b, limit: min(max(len(b)/8, minResident), maxResident), stop: make(chan struct{})}
	if len(b) <= r.limit {
		return r
	}
	var err error
	if r.statm, err = os.Open("/proc/self/statm"); err != nil {
		return r
	}
	// Pages that are let go need not be marked as recently used: that takes
	// the kernel longer than to unmap them. And one that is touched must not
	// bring in the 2 MB around it, which the kernel may have as one piece in
	// its cache. A kernel that refuses does so.
	_ = unix.Madvise(b, unix.MADV_SEQUENTIAL)
	_ = unix.Madvise(b, unix.MADV_NOHUGEPAGE)
	r.done.Go(r.watch)
	return r
}

func (r *resident) watch() {
	defer r.statm.Close()
	tick := time.NewTicker(residentEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
			r.trim()
		}
	}
}

// trim lets pages go if there are too many. Who comes while another does that
// waits, and does not read more.
func (r *resident) trim() {
	if r.statm == nil || r.files() <= r.limit {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.files() > r.limit {
		r.release()
	}
}

// residentParts is into how many parts a mapping is divided.
const residentParts = 32

// release lets pages go until there is some room again.
func (r *resident) release() {
	size := (len(r.b)/residentParts + 1<<20) &^ (1<<20 - 1)
	for range residentParts {
		if r.hand >= len(r.b) {
			r.hand = 0
		}
		// Of a kernel that refuses, the pages just stay.
		_ = unix.Madvise(r.b[r.hand:min(r.hand+size, len(r.b))], unix.MADV_DONTNEED)
		r.hand += size
		if r.files() < r.limit/4*3 {
			return
		}
	}
}

func (r *resident) close() {
	close(r.stop)
	r.done.Wait()
}

// files returns how many bytes of mapped files are resident, as the third field
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
