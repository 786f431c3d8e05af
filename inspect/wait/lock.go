package wait

import (
	"fmt"
	"strings"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// LockState is what the structure of a lock says of itself, in the terms of its
// kind. Only the fields of the kind are set.
type LockState struct {
	// Kind is Mutex, RWMutex, WaitGroup, Cond or Sema, for an
	// internal/poll.FD; a sync.Once is a Mutex with Once set.
	Kind Kind     `json:"-"`
	Addr mem.Addr `json:"-"`

	// Locked, Woken and Starving are the bits of a sync.Mutex, of the one
	// inside an RWMutex (w) or a Once.
	Locked   bool `json:"locked"`
	Woken    bool `json:"woken,omitempty"`
	Starving bool `json:"starving,omitempty"`
	// HandOff says that it is free, and that a waiter was woken that has not
	// run yet.
	HandOff bool `json:"hand_off,omitempty"`
	// Waiters is the number of goroutines that wait, by the lock's own count:
	// of a Mutex, of an RWMutex those behind its w, of a WaitGroup or Cond
	// all.
	Waiters int `json:"waiters"`
	// Once says that the mutex belongs to a sync.Once, Done that its function
	// has returned.
	Once bool `json:"once,omitempty"`
	Done bool `json:"done,omitempty"`

	// Writer says that a writer holds an RWMutex or, with Pending, waits for
	// Readers that hold it. Readers hold it; Behind wait behind the writer.
	Writer  bool `json:"writer,omitempty"`
	Pending bool `json:"pending,omitempty"`
	Readers int  `json:"readers,omitempty"`
	Behind  int  `json:"behind,omitempty"`

	// Counter is the number of calls of Done that a WaitGroup still lacks.
	Counter int `json:"counter,omitempty"`

	// FD is the state of the lock of a file descriptor.
	FD *rt.FDLock `json:"-"`
	// Sysfd is its number.
	Sysfd *int64 `json:"fd,omitempty"`
}

// Lock reads the state of the object that ref leads to; ref may be any of those
// of its waiters.
func (r *Resolver) Lock(ref Ref) (LockState, error) {
	s := LockState{Kind: ref.Kind(), Addr: ref.Addr}
	var err error
	switch s.Kind {
	case Mutex:
		err = r.mutexState(&s, ref.Part)
	case RWMutex:
		var m rt.RWMutex
		m, err = r.rt.ReadRWMutex(ref.Addr)
		s.setMutex(&m.W)
		s.Writer, s.Pending, s.Readers = m.Writer, m.Pending(), max(0, m.HeldByReaders())
		s.Behind = m.Readers - s.Readers
		s.Locked, s.HandOff = m.W.Locked || m.Readers > 0, false
	case WaitGroup:
		var wg rt.WaitGroup
		wg, err = r.rt.ReadWaitGroup(ref.Addr)
		s.Counter, s.Waiters = wg.Counter, wg.Waiters
	case Cond:
		var l rt.NotifyList
		l, err = r.rt.ReadNotifyList(rt.NotifyListOfCond(ref.Addr))
		s.Waiters = int(l.Wait - l.Notify)
	case Sema:
		if ref.Part == Whole || ref.Part == RuntimeSema {
			return s, fmt.Errorf("semaphore %v: it belongs to no lock that is known", ref.Addr)
		}
		err = r.fdState(&s)
	default:
		return s, fmt.Errorf("%s %v is no lock", s.Kind, ref.Addr)
	}
	return s, err
}

func (r *Resolver) mutexState(s *LockState, part Part) error {
	if part != OnceMutex {
		m, err := r.rt.ReadMutex(s.Addr)
		s.setMutex(&m)
		return err
	}
	o, err := r.rt.ReadOnce(s.Addr)
	s.setMutex(&o.M)
	s.Once, s.Done = true, o.Done
	return err
}

func (s *LockState) setMutex(m *rt.Mutex) {
	s.Locked, s.Woken, s.Starving, s.Waiters, s.HandOff = m.Locked, m.Woken, m.Starving, m.Waiters, m.HandOff()
}

func (r *Resolver) fdState(s *LockState) error {
	fd, err := r.rt.ReadFD(s.Addr)
	if err != nil {
		return err
	}
	l := fd.Lock()
	s.FD, s.Sysfd = &l, &fd.Sysfd
	s.Locked, s.Waiters = l.Reading || l.Writing, l.Readers+l.Writers
	return nil
}

// lockOf is Lock, nil for what is no lock.
func (r *Resolver) lockOf(ref Ref) *LockState {
	switch ref.Kind() {
	case Mutex, RWMutex, WaitGroup, Cond, Sema:
	default:
		return nil
	}
	s, err := r.Lock(ref)
	if err != nil {
		return nil
	}
	return &s
}

// String says in words what the state is: "locked, 3 waiters".
func (s *LockState) String() string {
	var parts []string
	add := func(when bool, format string, args ...any) {
		if when {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	switch {
	case s.Kind == WaitGroup:
		add(true, "%d not done", s.Counter)
	case s.Kind == RWMutex:
		add(s.Writer && !s.Pending, "held by a writer")
		add(s.Pending, "a writer pending")
		add(s.Readers > 0, "held by %s", count(s.Readers, "reader"))
		add(!s.Writer && s.Readers <= 0, "free")
		add(s.Behind > 0, "%s behind the writer", count(s.Behind, "reader"))
		add(s.Starving, "starving")
		add(s.Waiters > 0, "%s behind", count(s.Waiters, "writer"))
		return strings.Join(parts, ", ")
	case s.FD != nil:
		add(s.FD.Closed, "closed")
		add(s.FD.Reading, "being read")
		add(s.FD.Writing, "being written")
		add(true, "%s", count(s.FD.Refs, "reference"))
	case s.Kind == Mutex:
		add(s.Once && s.Done, "done")
		add(s.Locked, "locked")
		add(s.HandOff, "free, a waiter has been woken")
		add(!s.Locked && !s.HandOff, "free")
		add(s.Starving, "starving")
	}
	add(s.Waiters > 0 || len(parts) == 0, "%s", count(s.Waiters, "waiter"))
	return strings.Join(parts, ", ")
}

// count is "1 waiter", "3 waiters".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
