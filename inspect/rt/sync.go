package rt

import (
	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// syncPlans are the decoders of the objects of package sync and of the file
// descriptors of internal/poll. A program that does not use one has none.
type syncPlans struct {
	mutex     *layout.Plan[mutexWords]
	rwmutex   *layout.Plan[rwmutexWords]
	waitGroup *layout.Plan[waitGroupWords]
	once      *layout.Plan[onceWords]
	fd        *layout.Plan[FD]
}

func (p *syncPlans) compile(t *layout.Table) error {
	return firstError(
		bindOptional(&p.mutex, t, "sync.Mutex"),
		bindOptional(&p.rwmutex, t, "sync.RWMutex"),
		bindOptional(&p.waitGroup, t, "sync.WaitGroup"),
		bindOptional(&p.once, t, "sync.Once"),
		bindOptional(&p.fd, t, "internal/poll.FD"),
	)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// mutexWords is a sync.Mutex (sync/mutex.go; internal/sync/mutex.go since Go
// 1.24).
type mutexWords struct {
	State int32  `rt:"state|mu.state"`
	Sema  uint32 `rt:"sema|mu.sema"`
}

// Mutex is the state of a sync.Mutex. The runtime records no owner.
type Mutex struct {
	Addr mem.Addr
	// Locked says that a goroutine holds it.
	Locked bool
	// Woken says that a waiter has been made runnable, or a goroutine spins,
	// so that Unlock need not wake another.
	Woken bool
	// Starving says that Unlock hands the mutex to the first waiter: a
	// waiter waited for more than a millisecond.
	Starving bool
	// Waiters is the number of goroutines that wait, by the mutex's own
	// count; one that has been woken and did not run yet still counts.
	Waiters int
}

// HandOff says that the mutex is free though goroutines wait: one of them has
// been woken, or takes it over, and has not run yet.
func (m *Mutex) HandOff() bool { return !m.Locked && m.Waiters > 0 }

// ReadMutex reads the sync.Mutex at a.
func (r *Runtime) ReadMutex(a mem.Addr) (Mutex, error) {
	var w mutexWords
	if err := read(r, r.plans.sync.mutex, "sync.Mutex", a, &w); err != nil {
		return Mutex{}, err
	}
	return r.mutex(a, &w), nil
}

func (r *Runtime) mutex(a mem.Addr, w *mutexWords) Mutex {
	bit := func(names string, def int64) bool { return int64(w.State)&r.constantOr(names, def) != 0 }
	return Mutex{
		Addr:     a,
		Locked:   bit("internal/sync.mutexLocked|sync.mutexLocked", 1),
		Woken:    bit("internal/sync.mutexWoken|sync.mutexWoken", 2),
		Starving: bit("internal/sync.mutexStarving|sync.mutexStarving", 4),
		Waiters:  int(uint32(w.State) >> r.constantOr("internal/sync.mutexWaiterShift|sync.mutexWaiterShift", 3)),
	}
}

// rwmutexWords is a sync.RWMutex (sync/rwmutex.go).
type rwmutexWords struct {
	W           mutexWords `rt:"w"`
	WriterSem   uint32     `rt:"writerSem"`
	ReaderSem   uint32     `rt:"readerSem"`
	ReaderCount int32      `rt:"readerCount"`
	ReaderWait  int32      `rt:"readerWait"`
}

// RWMutex is the state of a sync.RWMutex.
type RWMutex struct {
	Addr mem.Addr
	// W is the mutex that writers take first.
	W Mutex
	// Writer says that a goroutine holds W and has announced itself: it
	// holds the lock, or is pending while OldReaders > 0.
	Writer bool
	// Readers is the number of goroutines that hold the read lock or wait
	// for it behind a writer.
	Readers int
	// OldReaders is the number of goroutines that hold the read lock since
	// before the pending writer came, and that it waits for.
	OldReaders int
}

// Pending says that a writer waits for readers: these are to unlock first.
func (m *RWMutex) Pending() bool { return m.Writer && m.OldReaders > 0 }

// HeldByWriter says that a writer holds the lock.
func (m *RWMutex) HeldByWriter() bool { return m.Writer && m.OldReaders <= 0 }

// HeldByReaders is the number of goroutines that hold the read lock: those that
// a pending writer waits for or, without a writer, all of them.
func (m *RWMutex) HeldByReaders() int {
	if m.Writer {
		return m.OldReaders
	}
	return m.Readers
}

// ReadRWMutex reads the sync.RWMutex at a.
func (r *Runtime) ReadRWMutex(a mem.Addr) (RWMutex, error) {
	var w rwmutexWords
	if err := read(r, r.plans.sync.rwmutex, "sync.RWMutex", a, &w); err != nil {
		return RWMutex{}, err
	}
	m := RWMutex{Addr: a, W: r.mutex(a, &w.W), Readers: int(w.ReaderCount), OldReaders: int(w.ReaderWait)}
	if w.ReaderCount < 0 {
		m.Writer = true
		m.Readers += int(r.constantOr("sync.rwmutexMaxReaders", 1<<30))
	}
	return m, nil
}

// waitGroupWords is a sync.WaitGroup (sync/waitgroup.go).
type waitGroupWords struct {
	State uint64 `rt:"state|state1"`
}

// WaitGroup is the state of a sync.WaitGroup.
type WaitGroup struct {
	Addr mem.Addr
	// Counter is the number of calls of Done that are still owed.
	Counter int
	// Waiters is the number of goroutines in Wait.
	Waiters int
	// Bubble says that it belongs to a synctest bubble (since Go 1.25).
	Bubble bool
}

// ReadWaitGroup reads the sync.WaitGroup at a.
func (r *Runtime) ReadWaitGroup(a mem.Addr) (WaitGroup, error) {
	var w waitGroupWords
	if err := read(r, r.plans.sync.waitGroup, "sync.WaitGroup", a, &w); err != nil {
		return WaitGroup{}, err
	}
	flag := uint32(r.constantOr("sync.waitGroupBubbleFlag", 1<<31))
	low := uint32(w.State)
	return WaitGroup{Addr: a, Counter: int(int32(w.State >> 32)), Waiters: int(low &^ flag), Bubble: low&flag != 0}, nil
}

// onceWords is a sync.Once (sync/once.go).
type onceWords struct {
	Done uint32     `rt:"done"`
	M    mutexWords `rt:"m"`
}

// Once is the state of a sync.Once.
type Once struct {
	Addr mem.Addr
	Done bool
	// M is held while the function runs.
	M Mutex
}

// ReadOnce reads the sync.Once at a.
func (r *Runtime) ReadOnce(a mem.Addr) (Once, error) {
	var w onceWords
	if err := read(r, r.plans.sync.once, "sync.Once", a, &w); err != nil {
		return Once{}, err
	}
	off, _ := r.plans.sync.once.Offset("M.State")
	return Once{Addr: a, Done: w.Done != 0, M: r.mutex(a+mem.Addr(off), &w.M)}, nil
}

// FD is a file descriptor of package os or net (internal/poll.FD, fd_unix.go).
type FD struct {
	Addr mem.Addr `rt:"-"`

	State uint64 `rt:"fdmu.state"`
	Sysfd int64  `rt:"Sysfd"`
	// PollDesc is the runtime's pollDesc, 0 for one that is not polled.
	PollDesc mem.Addr `rt:"pd.runtimeCtx"`
	IsStream bool     `rt:"IsStream"`
	IsFile   bool     `rt:"isFile"`
}

// FDLock is the state of the lock of an FD (internal/poll.fdMutex, fd_mutex.go).
type FDLock struct {
	Closed, Reading, Writing bool
	// Refs is the number of calls that use the descriptor at the moment.
	Refs int
	// Readers and Writers are the numbers of goroutines that wait for the
	// read and for the write lock.
	Readers, Writers int
}

// ReadFD reads the internal/poll.FD at a.
func (r *Runtime) ReadFD(a mem.Addr) (FD, error) {
	var fd FD
	err := read(r, r.plans.sync.fd, "internal/poll.FD", a, &fd)
	fd.Addr = a
	return fd, err
}

// FDOfPollDesc returns where the internal/poll.FD lies of which a word at slot
// is the address of its pollDesc.
func (r *Runtime) FDOfPollDesc(slot mem.Addr) (mem.Addr, bool) {
	if r.plans.sync.fd == nil {
		return 0, false
	}
	off, ok := r.plans.sync.fd.Offset("PollDesc")
	return slot - mem.Addr(off), ok
}

// Lock decodes the state of the descriptor's lock.
func (fd *FD) Lock() FDLock {
	// internal/poll.mutexClosed … mutexWMask; the same from Go 1.18 to 1.27.
	const (
		closed, rlock, wlock = 1 << 0, 1 << 1, 1 << 2
		count                = 1<<20 - 1
	)
	s := fd.State
	return FDLock{
		Closed: s&closed != 0, Reading: s&rlock != 0, Writing: s&wlock != 0,
		Refs: int(s >> 3 & count), Readers: int(s >> 23 & count), Writers: int(s >> 43 & count),
	}
}

// read decodes the structure at a by a plan that is nil for a program that
// lacks the type.
func read[T any](r *Runtime, p *layout.Plan[T], name string, a mem.Addr, dst *T) error {
	if p == nil {
		return &NotAnObjectError{Kind: name, Addr: a, Why: "the program does not have the type"}
	}
	return p.Read(r.Mem, a, dst)
}

// constantOr is a constant of the target, def where the table lacks it.
func (r *Runtime) constantOr(names string, def int64) int64 {
	if n, ok := r.constant(names); ok {
		return n
	}
	return def
}
