package capture

import (
	"sync"

	"rtdbg/inspect/mem"
)

// Survey is memory that remembers which of its pages were read. Who wants a part
// of the heap only reads through it what an answer needs. It is safe for
// concurrent use.
type Survey struct {
	fetch  func(page mem.Addr) ([]byte, error)
	ranges []mem.Range
	// name says what it reads.
	name string

	mu    sync.RWMutex
	pages map[mem.Addr][]byte
	read  Pages
}

// Survey returns the memory of the process while it runs. What is read from it is
// of no one instant: structures that change meanwhile may be torn.
func (t *Target) Survey() *Survey {
	return newSurvey(t.mem.Ranges(), t.mem.Describe(), func(page mem.Addr) ([]byte, error) {
		b := make([]byte, pageSize)
		return b, t.mem.ReadAt(b, page)
	})
}

func newSurvey(ranges []mem.Range, name string, fetch func(page mem.Addr) ([]byte, error)) *Survey {
	return &Survey{fetch: fetch, ranges: ranges, name: name, pages: make(map[mem.Addr][]byte)}
}

// Want reads the pages of the n bytes at a, as far as there are some.
func (s *Survey) Want(a mem.Addr, n int) {
	for page := a &^ (pageSize - 1); page < a+mem.Addr(n); page += pageSize {
		_, _ = s.page(page)
	}
}

// Read returns the pages that were read so far. It must not be called while
// somebody reads.
func (s *Survey) Read() *Pages { return &s.read }

// page returns the bytes of the page at a, which is aligned.
func (s *Survey) page(a mem.Addr) ([]byte, error) {
	s.mu.RLock()
	b, ok := s.pages[a]
	s.mu.RUnlock()
	if ok {
		return b, nil
	}
	b, err := s.fetch(a)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first, ok := s.pages[a]; ok {
		return first, nil
	}
	s.pages[a] = b
	s.read.Add(a, pageSize)
	return b, nil
}

// ReadAt implements mem.Reader.
func (s *Survey) ReadAt(b []byte, a mem.Addr) error {
	if a+mem.Addr(len(b)) < a {
		return &mem.Fault{Addr: a, Len: len(b), Err: mem.ErrUnmapped}
	}
	for done := 0; done < len(b); {
		at := a + mem.Addr(done)
		page, err := s.page(at &^ (pageSize - 1))
		if err != nil {
			return err
		}
		done += copy(b[done:], page[at%pageSize:])
	}
	return nil
}

// View implements mem.Viewer; within a page it does not copy.
func (s *Survey) View(a mem.Addr, n int) ([]byte, error) {
	switch off := int(a % pageSize); {
	case n < 0 || n > maxView:
		return nil, &mem.Fault{Addr: a, Len: n, Err: mem.ErrUnmapped}
	case n == 0:
		return nil, nil
	case off+n <= pageSize:
		page, err := s.page(a - mem.Addr(off))
		if err != nil {
			return nil, err
		}
		return page[off : off+n : off+n], nil
	}
	b := make([]byte, n)
	return b, s.ReadAt(b, a)
}

// maxView bounds what a torn length can make View allocate, in bytes.
const maxView = 1 << 30

// Ranges implements mem.Memory.
func (s *Survey) Ranges() []mem.Range { return s.ranges }

// Describe implements mem.Memory.
func (s *Survey) Describe() string { return s.name }

// Close implements mem.Memory; the process stays the caller's.
func (s *Survey) Close() error { return nil }

// stand has the survey read the process while it stands, and forget what it read
// before: what the plan has copied, and all else, of which the pages of the heap
// are copied when they are first read.
func (t *Target) stand(s *shot, survey *Survey) {
	var mu sync.Mutex
	survey.mu.Lock()
	defer survey.mu.Unlock()
	clear(survey.pages)
	survey.ranges = s.ranges
	survey.fetch = func(page mem.Addr) ([]byte, error) {
		if off, ok := s.find(page); ok {
			return t.buffer.b[off : off+pageSize : off+pageSize], nil
		}
		mu.Lock()
		defer mu.Unlock()
		off, ok := s.place(page, &t.places, uint64(len(t.buffer.b)))
		if !ok {
			b := make([]byte, pageSize)
			return b, t.mem.ReadAt(b, page)
		}
		b := t.buffer.b[off : off+pageSize : off+pageSize]
		if err := t.mem.ReadAt(b, page); err != nil {
			return nil, err
		}
		s.extra.Add(page, pageSize)
		return b, nil
	}
}
