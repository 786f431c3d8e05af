package wait

import (
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// Offsets of the semaphores in the objects that hold them, in bytes; the same
// from Go 1.18 to 1.27 (sync/mutex.go, rwmutex.go, waitgroup.go,
// internal/poll/fd_mutex.go, fd_unix.go) but for the WaitGroup of 32-bit
// programs.
const (
	mutexSema     = 4
	rwWriterSem   = 8
	rwReaderSem   = 12
	waitGroupSema = 8
	onceMutex     = 4
	fdReadSema    = 8
	fdWriteSema   = 12
	fdCloseSema   = 40
)

// semaRole is what the semaphore of a wait belongs to, as the frames above the
// wait tell. It is the same for all goroutines with the same stack.
type semaRole struct {
	Ref
	// off is the offset of the semaphore in the object.
	off mem.Addr
}

// findSema answers for every wait on a semaphore: the address comes from
// g.waiting (since Go 1.26) or from the semaphore table, what it belongs to
// from the reason and the frames.
func findSema(r *Resolver, s *subject, row *Row, dst []Ref) []Ref {
	sema, sudog := r.semaphore(s)
	if sema == 0 {
		missing := row.ref
		missing.Sudog = sudog
		return append(dst, missing)
	}
	role := r.semaRole(s, row)
	found := role.Ref
	found.Addr, found.Sudog = sema-role.off, sudog
	return append(dst, found)
}

// semaphore finds the address of the semaphore that the goroutine waits on;
// s.note says why it is 0.
func (r *Resolver) semaphore(s *subject) (sema, sudog mem.Addr) {
	if s.Waiting != 0 {
		var sg rt.Sudog
		if err := r.rt.LoadSudog(s.Waiting, &sg); err == nil && sg.G == s.Addr && sg.C == 0 {
			return sg.Elem, sg.Addr
		}
	}
	index, err := r.sema.get(r.readSemaTable)
	if p, ok := index.find(s.Addr); ok {
		return p.sema, p.sudog
	}
	if err != nil {
		s.note = "semaphore unknown: " + err.Error()
	} else {
		s.note = "in no semaphore's queue: it is about to park, or has just been woken"
	}
	return 0, 0
}

// semaRole finds the role of the semaphore that goroutines with this stack wait
// on, once for each stack.
func (r *Resolver) semaRole(s *subject, row *Row) semaRole {
	switch row.Kind {
	case WaitGroup:
		return semaRole{row.ref, waitGroupSema}
	case RWMutex:
		if row.Op == RLock {
			return rwRole(ReaderSem, rwReaderSem)
		}
		return rwRole(WriterSem, rwWriterSem)
	}
	tr := s.trace()
	if last := r.lastRole.Load(); last != nil && last.stack == tr.Stack {
		return last.semaRole
	}
	known := &stackRole{stack: tr.Stack}
	if v, ok := r.roles.Load(tr.Stack); ok {
		known = v.(*stackRole)
	} else {
		if row.Kind == Mutex {
			known.semaRole = mutexRole(tr)
		} else {
			known.semaRole = semacquireRole(tr, row)
		}
		r.roles.Store(tr.Stack, known)
	}
	r.lastRole.Store(known)
	return known.semaRole
}

// stackRole is the role of the semaphore that goroutines with a stack wait on.
type stackRole struct {
	stack *stack.Stack
	semaRole
}

func rwRole(part Part, off mem.Addr) semaRole {
	role := semaRole{ref(RWMutex, Lock), off}
	if part == ReaderSem {
		role.setOp(RLock)
	}
	role.Part = part
	return role
}

// mutexRole tells what the mutex around a semaphore belongs to: itself, the
// inner mutex of an RWMutex, or that of a Once.
func mutexRole(tr *stack.Trace) semaRole {
	switch {
	case calls(tr, "sync.(*RWMutex).Lock"):
		return rwRole(InnerMutex, mutexSema)
	case calls(tr, "sync.(*Once).doSlow"):
		role := semaRole{ref(Mutex, Lock), mutexSema + onceMutex}
		role.Part = OnceMutex
		return role
	}
	return semaRole{ref(Mutex, Lock), mutexSema}
}

// semacquireRole tells what a bare semaphore belongs to, by the function that
// waits on it.
func semacquireRole(tr *stack.Trace, row *Row) semaRole {
	fd := func(part Part, off mem.Addr) semaRole {
		role := semaRole{row.ref, off}
		role.Part = part
		return role
	}
	switch {
	case calls(tr, "sync.(*Mutex).lockSlow"), calls(tr, "internal/sync.(*Mutex).lockSlow"):
		return mutexRole(tr)
	case calls(tr, "sync.(*RWMutex).RLock"):
		return rwRole(ReaderSem, rwReaderSem)
	case calls(tr, "sync.(*RWMutex).Lock"):
		return rwRole(WriterSem, rwWriterSem)
	case calls(tr, "sync.(*WaitGroup).Wait"):
		return semaRole{ref(WaitGroup, Wait), waitGroupSema}
	case calls(tr, "internal/poll.(*fdMutex).rwlock"):
		if calls(tr, "internal/poll.(*FD).writeLock") {
			return fd(FDWrite, fdWriteSema)
		}
		return fd(FDRead, fdReadSema)
	case calls(tr, "internal/poll.(*FD).Close"):
		return fd(FDClose, fdCloseSema)
	case takesRuntimeSema(semaTaker(tr)):
		return fd(RuntimeSema, 0)
	}
	return semaRole{row.ref, 0}
}

// findCond answers for sync.Cond.Wait. Since Go 1.26 g.waiting leads to the
// notifyList; before, it is searched for on the stack.
func findCond(r *Resolver, s *subject, row *Row, dst []Ref) []Ref {
	found := row.ref
	list := mem.Addr(0)
	var sg rt.Sudog
	if s.Waiting != 0 {
		if err := r.rt.LoadSudog(s.Waiting, &sg); err == nil && sg.G == s.Addr && sg.C == 0 {
			list, found.Sudog = sg.Elem, sg.Addr
		}
	}
	if list == 0 {
		list, found.Sudog = r.notifyListOnStack(s)
	}
	if list == 0 {
		s.note = "its notifyList was not found: it is about to park, or has just been woken"
		return append(dst, found)
	}
	found.Addr, _ = r.rt.CondOfNotifyList(list)
	return append(dst, found)
}

// notifyListOnStack searches a stack for the address of a notifyList in which
// its goroutine stands.
func (r *Resolver) notifyListOnStack(s *subject) (list, sudog mem.Addr) {
	r.scanStack(s, &r.hints.cond, "runtime.notifyListWait", 3, func(w mem.Addr) bool {
		sudog = r.placeIn(w, s.Addr)
		if sudog == 0 {
			return false
		}
		list = w
		return true
	})
	return list, sudog
}

// SemaOffsets returns where in the object of ref its semaphores lie, in bytes,
// the queue that is served first at the head: of an RWMutex that of the pending
// writer, of the readers behind it, and of the writers behind it.
func SemaOffsets(ref Ref) []mem.Addr {
	switch ref.Kind() {
	case Mutex:
		if ref.Part == OnceMutex {
			return []mem.Addr{onceMutex + mutexSema}
		}
		return []mem.Addr{mutexSema}
	case RWMutex:
		return []mem.Addr{rwWriterSem, rwReaderSem, mutexSema}
	case WaitGroup:
		return []mem.Addr{waitGroupSema}
	case Sema:
		if ref.Part == Whole || ref.Part == RuntimeSema {
			return []mem.Addr{0}
		}
		return []mem.Addr{fdReadSema, fdWriteSema, fdCloseSema}
	}
	return nil
}
