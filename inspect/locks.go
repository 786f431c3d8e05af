package inspect

import (
	"cmp"
	"context"
	"slices"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// LockRecord is a lock, WaitGroup, Cond or other object of package sync, or the
// lock of a file descriptor, on which goroutines wait.
type LockRecord struct {
	Kind wait.Kind `json:"kind"`
	Addr mem.Addr  `json:"addr"`
	Type string    `json:"type"`
	// Waiting is the number of goroutines that wait.
	Waiting int `json:"waiting"`
	// State is what the lock says of itself, nil where that is unreadable.
	State *wait.LockState `json:"state"`
	// Goids are at most 100 of the goroutines, that which is woken first at
	// the head; of an RWMutex the pending writer, the readers behind it, the
	// writers behind it.
	Goids []uint64 `json:"goids"`
	// Owner is who is to unlock it, or to call Done or Signal, as far as that
	// is known; only of the first 100 locks.
	Owner *wake.Waker `json:"owner,omitempty"`
	Note  string      `json:"note,omitempty"`
}

// maxOwners is how many locks are examined for their owners.
const maxOwners = 100

// Locks returns the locks on which goroutines wait, that with the most waiters
// first.
func (p *Process) Locks(ctx context.Context) ([]LockRecord, error) {
	var list []LockRecord
	var firsts []*Goroutine // a waiter of each
	gs, err := p.Goroutines(ctx)
	if err != nil {
		return nil, err
	}
	queues, qerr := p.semaQueues(ctx)
	err = p.eachObject(ctx, isLock, func(waits []objectWait) {
		l := p.lockRecord(waits, queues)
		if qerr != nil && l.Kind != wait.Cond {
			l.Note = "the order of its queue is not known: " + qerr.Error()
		}
		list = append(list, l)
		firsts = append(firsts, gs[waits[0].g])
	})
	if err != nil {
		return nil, err
	}
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(list[b].Waiting, list[a].Waiting) })
	sorted := make([]LockRecord, len(list))
	var asked []*Goroutine
	for n, i := range order {
		sorted[n] = list[i]
		if n < maxOwners {
			asked = append(asked, firsts[i])
		}
	}
	return sorted, p.fillOwners(ctx, sorted, asked)
}

// isLock reports whether a kind of object is listed by Locks.
func isLock(k wait.Kind) bool {
	switch k {
	case wait.Mutex, wait.RWMutex, wait.WaitGroup, wait.Cond, wait.Sema:
		return true
	}
	return false
}

// lockRecord returns what is known of the object that waits lead to.
func (p *Process) lockRecord(waits []objectWait, queues map[mem.Addr][]uint64) LockRecord {
	gs, _ := p.Goroutines(context.Background())
	// One that waits on a part of an RWMutex of its own still says its kind.
	ref := waits[0].ref
	l := LockRecord{Kind: ref.Kind(), Addr: ref.Addr, Waiting: goroutinesIn(waits)}
	if on := gs[waits[0].g].WaitsOn(); len(on) == 1 {
		l.Type = on[0].Type
		if ref.Addr == 0 {
			l.Note = on[0].Note
		}
	}
	if ref.Addr == 0 {
		l.Goids = p.goidsOf(waits)
		return l
	}
	if s, err := p.wait().Lock(ref); err == nil {
		l.State = &s
	} else if ref.Part != wait.Whole || ref.Kind() != wait.Sema {
		l.Note = "unreadable: " + err.Error()
	}
	if l.Goids = p.queued(ref, queues); len(l.Goids) == 0 {
		l.Goids = p.goidsOf(waits)
	}
	return l
}

// queued are the ids of those that wait in the queues of the object of ref.
func (p *Process) queued(ref wait.Ref, queues map[mem.Addr][]uint64) []uint64 {
	if ref.Kind() == wait.Cond {
		var ids []uint64
		waiters, _ := p.RT.NotifyListWaiters(rt.NotifyListOfCond(ref.Addr))
		for i := range waiters[:min(len(waiters), maxGoids)] {
			ids = append(ids, p.goid(waiters[i].G))
		}
		return ids
	}
	var ids []uint64
	for _, off := range wait.SemaOffsets(ref) {
		ids = append(ids, queues[ref.Addr+off]...)
	}
	return ids[:min(len(ids), maxGoids)]
}

// semaQueues returns the ids of at most maxGoids goroutines in the queue of each
// semaphore, the first to be woken first.
func (p *Process) semaQueues(ctx context.Context) (map[mem.Addr][]uint64, error) {
	queues := make(map[mem.Addr][]uint64)
	var last mem.Addr
	n := 0
	err := p.RT.EachSemaWaiter(func(sema mem.Addr, s *rt.Sudog) {
		if sema != last {
			last, n = sema, 0
		}
		if n++; n <= maxGoids && ctx.Err() == nil {
			queues[sema] = append(queues[sema], p.goid(s.G))
		}
	})
	return queues, err
}

// fillOwners asks who is expected to end the wait of each goroutine, the waiter
// of the lock with the same number.
func (p *Process) fillOwners(ctx context.Context, locks []LockRecord, waiters []*Goroutine) error {
	if len(waiters) == 0 {
		return nil
	}
	answers, err := p.Wakers(ctx, waiters)
	if err != nil {
		return err
	}
	for i := range answers {
		for j := range answers[i].Wakers {
			w := &answers[i].Wakers[j]
			if w.By == wake.Goroutine && w.Object != nil && *w.Object == locks[i].Addr {
				locks[i].Owner = w
				break
			}
		}
	}
	return nil
}
