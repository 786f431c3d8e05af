package rt

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"rtdbg/inspect/mem"
)

// semTabSize is the number of roots of runtime.semtable (sema.go); the same
// since Go 1.0.
const semTabSize = 251

// semaRoot is one root of the table (runtime.semaRoot, sema.go).
type semaRoot struct {
	Treap mem.Addr `rt:"treap"`
	NWait uint32   `rt:"nwait"`
}

// SemaQueue is all goroutines that wait on one semaphore.
type SemaQueue struct {
	// Addr is the address of the semaphore, a uint32 inside the
	// sync.Mutex, RWMutex, WaitGroup or other object.
	Addr mem.Addr
	// Waiters are in the order in which they will be woken.
	Waiters []Sudog
}

// semStride is the distance of two roots in bytes: a root padded to a cache
// line, whose size depends on architecture and version.
func (r *Runtime) semStride() uint64 {
	if v, ok := r.Layout.Variable("runtime.semtable"); ok && v.Size >= semTabSize*24 && v.Size <= semTabSize*1024 {
		return v.Size / semTabSize
	}
	if r.Arch.Name == "arm64" {
		return 128
	}
	return 64
}

// SemaTable reads runtime.semtable: every goroutine that waits on a semaphore.
// Queues that could be read are returned with the errors of those that could
// not.
func (r *Runtime) SemaTable() ([]SemaQueue, error) {
	if r.Globals.SemTable == 0 {
		return nil, errors.New("runtime.semtable was not found in the target")
	}
	return r.SemaTableAt(r.Globals.SemTable)
}

// SemaTableAt is SemaTable for a table at an address that is still on trial.
func (r *Runtime) SemaTableAt(table mem.Addr) ([]SemaQueue, error) {
	var queues []SemaQueue
	var errs []error
	for i := range uint64(semTabSize) {
		a := table + mem.Addr(i*r.semStride())
		var root semaRoot
		if err := r.plans.semaRoot.Read(r.Mem, a, &root); err != nil {
			return queues, fmt.Errorf("runtime.semtable[%d]: %w", i, err)
		}
		qs, err := r.treap(root.Treap)
		if err != nil {
			errs = append(errs, fmt.Errorf("runtime.semtable[%d]: %w", i, err))
		}
		queues = append(queues, qs...)
	}
	return queues, errors.Join(errs...)
}

// SemTableFrom returns where runtime.semtable begins if the word at a is the
// treap of the root that semaphore hashes to (rootFor, sema.go).
func (r *Runtime) SemTableFrom(a, semaphore mem.Addr) (table mem.Addr, ok bool) {
	off, ok := r.plans.semaRoot.Offset("Treap")
	i := uint64(semaphore>>3) % semTabSize
	return a - mem.Addr(off) - mem.Addr(i*r.semStride()), ok
}

// treap walks one root's treap of distinct semaphores: prev and next are the
// children, waitlink the goroutines behind the first on the same semaphore.
func (r *Runtime) treap(root mem.Addr) ([]SemaQueue, error) {
	if root == 0 {
		return nil, nil
	}
	var queues []SemaQueue
	type node struct{ addr, parent mem.Addr }
	todo := []node{{root, 0}}
	seen := make(map[mem.Addr]bool)
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[n.addr] {
			return queues, fmt.Errorf("treap loops at sudog %v", n.addr)
		}
		seen[n.addr] = true
		s, err := r.ReadSudog(n.addr)
		if err != nil {
			return queues, err
		}
		if s.Parent != n.parent {
			return queues, fmt.Errorf("treap: sudog %v below %v says that its parent is %v", n.addr, n.parent, s.Parent)
		}
		q, err := r.semaQueue(s)
		queues = append(queues, q)
		if err != nil {
			return queues, err
		}
		for _, child := range [...]mem.Addr{s.Next, s.Prev} {
			if child != 0 {
				todo = append(todo, node{child, n.addr})
			}
		}
	}
	return queues, nil
}

// semaQueue follows the wait list of one treap node. The tail that the head
// records ends it, so that a loop cannot run on.
func (r *Runtime) semaQueue(head Sudog) (SemaQueue, error) {
	q := SemaQueue{Addr: head.Elem, Waiters: []Sudog{head}}
	for s := head; s.WaitLink != 0; {
		next, err := r.ReadSudog(s.WaitLink)
		if err != nil {
			return q, fmt.Errorf("semaphore %v: %w", q.Addr, err)
		}
		if next.Elem != q.Addr {
			return q, fmt.Errorf("semaphore %v: sudog %v in its list waits on %v", q.Addr, next.Addr, next.Elem)
		}
		if len(q.Waiters) >= maxWaiters {
			return q, fmt.Errorf("semaphore %v: more than %d waiters, or a loop", q.Addr, maxWaiters)
		}
		q.Waiters = append(q.Waiters, next)
		if next.Addr == head.WaitTail {
			break
		}
		s = next
	}
	return q, nil
}

// maxWaiters bounds the wait list of one object.
const maxWaiters = 1 << 27

// NotifyList is the queue of a sync.Cond (runtime.notifyList, sema.go).
type NotifyList struct {
	// Wait is the next ticket to hand out, Notify the next to be notified.
	Wait   uint32   `rt:"wait"`
	Notify uint32   `rt:"notify"`
	Head   mem.Addr `rt:"head"`
	Tail   mem.Addr `rt:"tail"`
}

// condNotifyOffset is the offset of notify in sync.Cond: after the Locker,
// two words. Equal since Go 1.7; checked by Cond against copyChecker.
const condNotifyOffset = 16

// condCheckerOffset is the offset of sync.Cond.checker, which holds its own
// address once the Cond has been used.
const condCheckerOffset = 48

// ReadNotifyList reads the notifyList at a.
func (r *Runtime) ReadNotifyList(a mem.Addr) (NotifyList, error) {
	var l NotifyList
	err := r.plans.notify.Read(r.Mem, a, &l)
	return l, err
}

// NotifyListWaiters reads the goroutines that wait in the notifyList at a, the
// first to be signalled first. An entry whose ticket lies outside
// [notify, wait) ends the walk with an error.
func (r *Runtime) NotifyListWaiters(a mem.Addr) ([]Sudog, error) {
	l, err := r.ReadNotifyList(a)
	if err != nil {
		return nil, err
	}
	var list []Sudog
	for at := l.Head; at != 0; {
		s, err := r.ReadSudog(at)
		if err != nil {
			return list, err
		}
		if int32(s.Ticket-l.Notify) < 0 || int32(l.Wait-s.Ticket) <= 0 {
			return list, fmt.Errorf("notifyList %v: sudog %v has ticket %d outside [%d,%d)", a, s.Addr, s.Ticket, l.Notify, l.Wait)
		}
		if uint64(len(list)) > uint64(l.Wait-l.Notify) {
			return list, fmt.Errorf("notifyList %v: more waiters than tickets, or a loop", a)
		}
		list = append(list, s)
		if at == l.Tail {
			break
		}
		at = s.Next
	}
	// The list is in the order in which they were put in it; the lowest ticket
	// is signalled first (notifyListNotifyOne, sema.go).
	slices.SortStableFunc(list, func(a, b Sudog) int {
		return cmp.Compare(a.Ticket-l.Notify, b.Ticket-l.Notify)
	})
	return list, nil
}

// Cond checks that a sync.Cond lies at a: its checker must hold its own
// address, which any use of it sets.
func (r *Runtime) Cond(a mem.Addr) error {
	w, err := r.ReadWord(a + condCheckerOffset)
	if err != nil {
		return err
	}
	if mem.Addr(w) != a+condCheckerOffset {
		return &NotAnObjectError{Kind: "sync.Cond in use", Addr: a, Why: "its copy checker does not hold its own address"}
	}
	return nil
}

// CondOfNotifyList returns the sync.Cond around the notifyList at a, and
// whether the Cond's copy checker confirms it.
func (r *Runtime) CondOfNotifyList(a mem.Addr) (mem.Addr, bool) {
	cond := a - condNotifyOffset
	return cond, r.Cond(cond) == nil
}

// NotifyListOfCond returns the address of the notifyList in the Cond at a.
func NotifyListOfCond(a mem.Addr) mem.Addr { return a + condNotifyOffset }
