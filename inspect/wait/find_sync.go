package wait

import (
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// Offsets of the semaphores in the objects of package sync, in bytes; the
// same from Go 1.18 to 1.27 (sync/mutex.go, rwmutex.go, waitgroup.go) but for
// the WaitGroup of 32-bit programs.
const (
	mutexSema      = 4
	rwWriterSem    = 8
	rwReaderSem    = 12
	waitGroupSema  = 8
	onceMutex      = 4
	fdMutexRSema   = 8
	fdMutexWSema   = 12
	fdCloseSema    = 40
	rwMutexOfMutex = 0
)

// findSema answers for every wait on a semaphore: the address comes from
// g.waiting (since Go 1.26) or from the semaphore table, what it belongs to
// from the reason and the frames.
func findSema(r *Resolver, g *rt.G, row *Row) []On {
	sema, sudog, note := r.semaphore(g)
	on := On{Kind: row.Kind, Op: row.Op, Sudog: sudog, Note: note}
	if sema == 0 {
		return []On{on}
	}
	tr := r.stacks.Trace(g)
	switch row.Kind {
	case Mutex:
		mutexOn(&on, sema, tr)
	case RWMutex:
		off := mem.Addr(rwWriterSem)
		if row.Op == RLock {
			off = rwReaderSem
		}
		on.Addr, on.Type = ptr(sema-off), "sync.RWMutex"
	case WaitGroup:
		on.Addr, on.Type = ptr(sema-waitGroupSema), "sync.WaitGroup"
	default:
		semacquireOn(&on, sema, tr)
	}
	return []On{on}
}

// semaphore finds the address of the semaphore that g waits on; note says why
// it is 0.
func (r *Resolver) semaphore(g *rt.G) (sema, sudog mem.Addr, note string) {
	if g.Waiting != 0 {
		if list, err := r.rt.WaitingSudogs(g); err == nil && len(list) == 1 && list[0].C == 0 {
			return list[0].Elem, list[0].Addr, ""
		}
	}
	places, err := r.sema.get(r.readSemaTable)
	if p, ok := places[g.Addr]; ok {
		return p.addr, p.sudog, ""
	}
	if err != nil {
		return 0, 0, "semaphore unknown: " + err.Error()
	}
	return 0, 0, "in no semaphore's queue: it is about to park, or has just been woken"
}

// readSemaTable indexes the semaphore table by goroutine.
func (r *Resolver) readSemaTable() (map[mem.Addr]semaPlace, error) {
	queues, err := r.rt.SemaTable()
	places := make(map[mem.Addr]semaPlace)
	for _, q := range queues {
		for i := range q.Waiters {
			s := &q.Waiters[i]
			places[s.G] = semaPlace{addr: q.Addr, sudog: s.Addr}
		}
	}
	return places, err
}

// mutexOn fills in what the mutex around a semaphore belongs to: itself, the
// inner mutex of an RWMutex, or that of a Once.
func mutexOn(on *On, sema mem.Addr, tr stack.Trace) {
	mutex := sema - mutexSema
	on.Addr, on.Type = ptr(mutex), "sync.Mutex"
	switch {
	case calls(tr, "sync.(*RWMutex).Lock"):
		on.Kind, on.Type = RWMutex, "sync.RWMutex"
		on.Addr = ptr(mutex - rwMutexOfMutex)
		on.Note = "behind another writer, on the mutex w inside"
	case calls(tr, "sync.(*Once).doSlow"):
		on.Addr, on.Type = ptr(mutex-onceMutex), "sync.Once"
		on.Note = "another goroutine is executing the function of the Once"
	}
}

// semacquireOn names what a bare semaphore belongs to, by the function that
// waits on it.
func semacquireOn(on *On, sema mem.Addr, tr stack.Trace) {
	on.Addr, on.Type = ptr(sema), "uint32"
	switch {
	case calls(tr, "sync.(*Mutex).lockSlow"), calls(tr, "internal/sync.(*Mutex).lockSlow"):
		on.Kind, on.Op = Mutex, Lock
		mutexOn(on, sema, tr)
	case calls(tr, "sync.(*RWMutex).RLock"):
		on.Kind, on.Op, on.Type, on.Addr = RWMutex, RLock, "sync.RWMutex", ptr(sema-rwReaderSem)
	case calls(tr, "sync.(*RWMutex).Lock"):
		on.Kind, on.Op, on.Type, on.Addr = RWMutex, Lock, "sync.RWMutex", ptr(sema-rwWriterSem)
	case calls(tr, "sync.(*WaitGroup).Wait"):
		on.Kind, on.Op, on.Type, on.Addr = WaitGroup, Wait, "sync.WaitGroup", ptr(sema-waitGroupSema)
	case calls(tr, "internal/poll.(*fdMutex).rwlock"):
		on.Note = "the read or write lock of a file descriptor (internal/poll.fdMutex): another goroutine is reading or writing it"
	case calls(tr, "internal/poll.(*FD).Close"):
		on.Note = "Close of a file descriptor: another goroutine still uses it"
	}
}

// findCond answers for sync.Cond.Wait. Since Go 1.26 g.waiting leads to the
// notifyList; before, it is searched for on the stack.
func findCond(r *Resolver, g *rt.G, row *Row) []On {
	on := On{Kind: Cond, Op: Wait, Type: "sync.Cond"}
	list := mem.Addr(0)
	if sudogs, err := r.rt.WaitingSudogs(g); err == nil && len(sudogs) == 1 && sudogs[0].C == 0 {
		list, on.Sudog = sudogs[0].Elem, sudogs[0].Addr
	}
	if list == 0 {
		list, on.Sudog = r.notifyListOnStack(g)
	}
	if list == 0 {
		on.Note = "its notifyList was not found: it is about to park, or has just been woken"
		return []On{on}
	}
	cond, ok := r.rt.CondOfNotifyList(list)
	on.Addr = ptr(cond)
	if !ok {
		on.Addr, on.Type = ptr(list), "sync.notifyList"
		on.Note = "no sync.Cond around the notifyList"
	}
	return []On{on}
}

// notifyListOnStack searches g's stack for the address of a notifyList in
// which g stands.
func (r *Resolver) notifyListOnStack(g *rt.G) (list, sudog mem.Addr) {
	r.scanStack(g, "runtime.notifyListWait", 3, func(w mem.Addr) bool {
		waiters, _ := r.rt.NotifyListWaiters(w)
		for i := range waiters {
			if waiters[i].G == g.Addr {
				list, sudog = w, waiters[i].Addr
				return false
			}
		}
		return true
	})
	return list, sudog
}
