package rt

import (
	"errors"
	"fmt"

	"rtdbg/inspect/mem"
)

// Hchan is a channel (runtime.hchan, chan.go).
type Hchan struct {
	Addr mem.Addr `rt:"-"`

	// QCount is the number of elements in the buffer, DataQSiz its size.
	QCount   uint64   `rt:"qcount"`
	DataQSiz uint64   `rt:"dataqsiz"`
	Buf      mem.Addr `rt:"buf"`
	// ElemSize is the size of an element in bytes.
	ElemSize uint16   `rt:"elemsize"`
	Closed   uint32   `rt:"closed"`
	ElemType mem.Addr `rt:"elemtype"`
	SendX    uint64   `rt:"sendx"`
	RecvX    uint64   `rt:"recvx"`
	// The waiters, first to be served first.
	RecvFirst mem.Addr `rt:"recvq.first"`
	RecvLast  mem.Addr `rt:"recvq.last"`
	SendFirst mem.Addr `rt:"sendq.first"`
	SendLast  mem.Addr `rt:"sendq.last"`
	// Timer feeds the channel, since Go 1.23, unless GODEBUG
	// asynctimerchan=1.
	Timer mem.Addr `rt:"timer,optional"`
	// Bubble is the synctest bubble that the channel belongs to (1.25+).
	Bubble mem.Addr `rt:"bubble,optional"`
}

// Sudog is a goroutine in a wait list (runtime.sudog, runtime2.go).
type Sudog struct {
	Addr mem.Addr `rt:"-"`

	G    mem.Addr `rt:"g"`
	Next mem.Addr `rt:"next"`
	Prev mem.Addr `rt:"prev"`
	// Elem is the data element of a channel operation, or the address of
	// the semaphore or notifyList. Since Go 1.26 the second word, vu, is
	// read: the first is hidden while the garbage collector looks for
	// leaked goroutines.
	Elem mem.Addr `rt:"elem.vu|elem"`
	// Ticket is the treap priority, 1 for a direct hand-off, or the place
	// in a notifyList.
	Ticket   uint32   `rt:"ticket"`
	IsSelect bool     `rt:"isSelect"`
	Success  bool     `rt:"success"`
	Parent   mem.Addr `rt:"parent"`
	WaitLink mem.Addr `rt:"waitlink"`
	WaitTail mem.Addr `rt:"waittail"`
	// C is the channel, 0 for a semaphore or Cond.
	C mem.Addr `rt:"c.vu|c.maybeTraceablePtr.vu|c"`
}

// ReadSudog reads the sudog at a.
func (r *Runtime) ReadSudog(a mem.Addr) (Sudog, error) {
	var s Sudog
	if err := r.plans.sudog.Read(r.Mem, a, &s); err != nil {
		return Sudog{}, err
	}
	s.Addr = a
	return s, nil
}

// maxSelectCases bounds the sudogs of one goroutine: select takes at most
// 65536 cases (runtime/select.go).
const maxSelectCases = 1 << 16

// WaitingSudogs reads g.waiting: the sudogs of g itself. The list ends where
// it leaves g's own, since Go 1.26 a semaphore's runs on into those of other
// goroutines.
func (r *Runtime) WaitingSudogs(g *G) ([]Sudog, error) {
	var list []Sudog
	for a := g.Waiting; a != 0; {
		if len(list) >= maxSelectCases {
			return list, fmt.Errorf("g %d: g.waiting has more than %d entries, or loops", g.Goid, maxSelectCases)
		}
		s, err := r.ReadSudog(a)
		if err != nil {
			return list, fmt.Errorf("g %d: g.waiting: %w", g.Goid, err)
		}
		if s.G != g.Addr {
			break
		}
		list = append(list, s)
		if s.C == 0 {
			// A semaphore's or Cond's: waitlink leads to other goroutines.
			break
		}
		a = s.WaitLink
	}
	return list, nil
}

// ReadChan reads the channel at a without checking that it is one.
func (r *Runtime) ReadChan(a mem.Addr) (Hchan, error) {
	var c Hchan
	if err := r.plans.hchan.Read(r.Mem, a, &c); err != nil {
		return Hchan{}, err
	}
	c.Addr = a
	return c, nil
}

// Chan reads the channel at a and checks that it is one: its element type
// must be a type descriptor of the same size, its indexes must lie in the
// buffer, and its queues must lead back to it.
func (r *Runtime) Chan(a mem.Addr) (Hchan, error) {
	c, err := r.ReadChan(a)
	if err != nil {
		return Hchan{}, err
	}
	if why := r.notChan(&c); why != "" {
		return Hchan{}, &NotAnObjectError{Kind: "channel", Addr: a, Why: why}
	}
	return c, nil
}

// NotAnObjectError says that an address does not hold what it was taken for.
type NotAnObjectError struct {
	Kind string
	Addr mem.Addr
	Why  string
}

func (e *NotAnObjectError) Error() string {
	return fmt.Sprintf("no %s at %v: %s", e.Kind, e.Addr, e.Why)
}

// notChan returns why c cannot be a channel, "" if it can.
func (r *Runtime) notChan(c *Hchan) string {
	t, err := r.ReadType(c.ElemType)
	// A core without the executable lacks the types, but not where they lie.
	untyped := errors.Is(err, mem.ErrMissing) && r.inTypes(c.ElemType)
	switch {
	case untyped:
	case err != nil:
		return "its element type is not readable"
	case t.Size != uint64(c.ElemSize):
		return fmt.Sprintf("its element size %d is not that of its element type (%d)", c.ElemSize, t.Size)
	case !r.inTypes(c.ElemType) && t.Str == 0:
		return "its element type is no type descriptor"
	}
	switch {
	case c.QCount > c.DataQSiz:
		return fmt.Sprintf("%d elements in a buffer of %d", c.QCount, c.DataQSiz)
	case c.DataQSiz == 0 && (c.SendX != 0 || c.RecvX != 0), c.DataQSiz > 0 && (c.SendX >= c.DataQSiz || c.RecvX >= c.DataQSiz):
		return "its buffer indexes lie outside its buffer"
	case c.Closed > 1:
		return fmt.Sprintf("its closed flag is %d", c.Closed)
	case (c.RecvFirst == 0) != (c.RecvLast == 0), (c.SendFirst == 0) != (c.SendLast == 0):
		return "its wait queues are inconsistent"
	}
	if _, err := r.TypeName(c.ElemType); err != nil && !untyped {
		return "its element type has no name"
	}
	for _, first := range [...]mem.Addr{c.RecvFirst, c.SendFirst} {
		if first == 0 {
			continue
		}
		s, err := r.ReadSudog(first)
		if err != nil || s.C != c.Addr {
			return "its wait queue does not lead back to it"
		}
	}
	return ""
}

// ChanType returns the type of c as Go writes it, "chan int". The direction
// of a channel is not known to the runtime.
func (r *Runtime) ChanType(c *Hchan) string {
	name, err := r.TypeName(c.ElemType)
	if err != nil {
		return ""
	}
	return "chan " + name
}

// SudogQueue returns the entries of a wait queue, as EachSudog visits them.
func (r *Runtime) SudogQueue(first mem.Addr) ([]Sudog, error) {
	var list []Sudog
	err := r.EachSudog(first, func(s *Sudog) { list = append(list, *s) })
	return list, err
}

// EachSudog follows a wait queue from its first sudog through next, the first
// to be served first. Each entry's prev must lead back, so that a loop ends the
// walk; what was read before an error has been visited. The argument of visit is
// reused.
func (r *Runtime) EachSudog(first mem.Addr, visit func(s *Sudog)) error {
	var s Sudog
	prev := mem.Addr(0)
	for a := first; a != 0; {
		if err := r.LoadSudog(a, &s); err != nil {
			return err
		}
		if s.Prev != prev {
			return fmt.Errorf("wait queue: sudog %v follows %v but its prev is %v", a, prev, s.Prev)
		}
		visit(&s)
		prev, a = a, s.Next
	}
	return nil
}
