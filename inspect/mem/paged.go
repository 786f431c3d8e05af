package mem

import (
	"container/list"
	"errors"
	"sync"
)

// Sizes of Paged in bytes.
const (
	// chunkSize is what is fetched at once: the limit of Delve's
	// ExamineMemory, where one call costs 1.1 ms of which the round trip is
	// a small part.
	chunkSize = 64 << 10
	// pageSize is the piece to fall back to where a chunk is not readable
	// as a whole: the smallest page that the supported targets have.
	pageSize = 4 << 10
	// cacheSize bounds the cached chunks.
	cacheSize = 256 << 20
)

// paged is a Memory on a read function with a cost per call. It fetches
// aligned chunks and keeps the ones that were used last.
type paged struct {
	read     func(b []byte, a Addr) error
	describe string
	limit    int // chunks to keep

	mu     sync.Mutex
	chunks map[Addr]*chunk
	recent *list.List // of *chunk, the last used in front
}

// chunk is chunkSize bytes at an aligned address.
type chunk struct {
	base Addr
	elem *list.Element
	once sync.Once
	// data and bad are written under once.
	data []byte
	// bad has a bit for each page that could not be read; data is nil if
	// that is so for all of them.
	bad uint16
}

// NewPaged returns a Memory that reads by calls of read, which fills all of b
// with the bytes at a or fails as a whole. It fetches 64 KiB at a time, in
// pages of 4 KiB where that fails, and caches 256 MiB, so that it is valid
// for one stopped instant of the target only. read must be safe for concurrent
// use. describe is the phrase of Describe. The ranges are not known: Ranges
// returns nil. Failed reads are not remembered as such; they reach read again.
func NewPaged(read func(b []byte, a Addr) error, describe string) Memory {
	return newPaged(read, describe, cacheSize/chunkSize)
}

func newPaged(read func(b []byte, a Addr) error, describe string, limit int) *paged {
	return &paged{
		read: read, describe: describe, limit: limit,
		chunks: make(map[Addr]*chunk), recent: list.New(),
	}
}

// chunkAt returns the chunk at base, fetched.
func (p *paged) chunkAt(base Addr) *chunk {
	p.mu.Lock()
	c, ok := p.chunks[base]
	if ok {
		p.recent.MoveToFront(c.elem)
	} else {
		c = &chunk{base: base}
		c.elem = p.recent.PushFront(c)
		p.chunks[base] = c
		if p.recent.Len() > p.limit {
			last := p.recent.Back()
			p.recent.Remove(last)
			delete(p.chunks, last.Value.(*chunk).base)
		}
	}
	p.mu.Unlock()
	c.once.Do(func() { c.fetch(p.read) })
	return c
}

// fetch reads the chunk, page by page if it cannot be read as a whole.
func (c *chunk) fetch(read func(b []byte, a Addr) error) {
	data := make([]byte, chunkSize)
	if read(data, c.base) == nil {
		c.data = data
		return
	}
	for i := range chunkSize / pageSize {
		off := i * pageSize
		if read(data[off:off+pageSize], c.base+Addr(off)) != nil {
			c.bad |= 1 << i
		}
	}
	if c.bad != 1<<(chunkSize/pageSize)-1 {
		c.data = data
	}
}

// has reports whether the chunk has the n bytes at offset off, n > 0.
func (c *chunk) has(off, n int) bool {
	first, last := off/pageSize, (off+n-1)/pageSize
	mask := uint16((1<<(last-first+1) - 1) << first)
	return c.bad&mask == 0
}

// ReadAt implements Reader.
func (p *paged) ReadAt(b []byte, a Addr) error {
	if a+Addr(len(b)) < a {
		return &Fault{a, len(b), ErrUnmapped}
	}
	for done := 0; done < len(b); {
		pos := a + Addr(done)
		base := pos &^ (chunkSize - 1)
		off := int(pos - base)
		n := min(chunkSize-off, len(b)-done)
		dst := b[done : done+n]
		if c := p.chunkAt(base); c.has(off, n) {
			copy(dst, c.data[off:])
		} else if err := p.read(dst, pos); err != nil {
			// A page that ends in the middle is not readable as a whole,
			// but its start may be: only the exact read decides.
			return &Fault{a, len(b), err}
		}
		done += n
	}
	return nil
}

// View implements Viewer; within a chunk it returns a slice of that.
func (p *paged) View(a Addr, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if n < 0 || a+Addr(n) < a {
		return nil, &Fault{a, n, ErrUnmapped}
	}
	base := a &^ (chunkSize - 1)
	off := int(a - base)
	if n <= chunkSize-off {
		if c := p.chunkAt(base); c.has(off, n) {
			return c.data[off : off+n : off+n], nil
		}
	}
	return p.copyOut(a, n)
}

// copyOut returns a copy of n bytes. The last one is read first: an absurd
// length must not cost an allocation.
func (p *paged) copyOut(a Addr, n int) ([]byte, error) {
	var last [1]byte
	err := p.ReadAt(last[:], a+Addr(n-1))
	if err == nil {
		b := make([]byte, n)
		if err = p.ReadAt(b, a); err == nil {
			return b, nil
		}
	}
	var f *Fault
	if errors.As(err, &f) {
		err = f.Err
	}
	return nil, &Fault{a, n, err}
}

// Ranges implements Memory.
func (p *paged) Ranges() []Range { return nil }

// Describe implements Memory.
func (p *paged) Describe() string { return p.describe }

// Close drops the cache.
func (p *paged) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.chunks)
	p.recent.Init()
	return nil
}
