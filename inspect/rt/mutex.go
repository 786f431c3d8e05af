package rt

import (
	"fmt"

	"rtdbg/inspect/mem"
)

// MutexWaiters returns the threads that wait for the runtime's mutex at a, the
// last one first (runtime.mutex, lock_spinbit.go; since Go 1.24). Before, the
// mutex knows no more than that there are some: then the list is nil and some
// is true (runtime.mutex_sleeping, lock_futex.go). ms are all threads: the mutex
// has the upper bits of the address of one of them.
func (r *Runtime) MutexWaiters(a mem.Addr, ms []M) (waiters []mem.Addr, some bool, err error) {
	key, err := r.ReadWord(a)
	if err != nil {
		return nil, false, err
	}
	mask, ok := r.constant("runtime.mutexMMask")
	if !ok {
		sleeping, ok := r.constant("runtime.mutex_sleeping")
		return nil, ok && key == uint64(sleeping), nil
	}
	next, _, err := r.Layout.Offset("runtime.m", "mWaitList.next")
	if err != nil {
		return nil, false, err
	}
	var m mem.Addr
	for i := range ms {
		if high := key &^ uint64(mask); high != 0 && uint64(ms[i].Addr)&^uint64(mask) == high {
			m = ms[i].Addr
		}
	}
	waiters = []mem.Addr{}
	for m != 0 {
		if len(waiters) >= maxMs {
			return waiters, true, fmt.Errorf("mutex at %v: the list of its waiters loops", a)
		}
		waiters = append(waiters, m)
		w, err := r.ReadWord(m + mem.Addr(next))
		if err != nil {
			return waiters, true, err
		}
		m = mem.Addr(w)
	}
	return waiters, len(waiters) > 0, nil
}
