package wait

// describe returns ref in full.
func (r *Resolver) describe(s *subject, row *Row, ref Ref) On {
	on := On{Kind: ref.Kind(), Op: ref.Op(), Select: ref.Select, Nil: ref.Nil, Sudog: ref.Sudog, Part: ref.Part, Note: s.note}
	if ref.Addr == 0 {
		on.Type = typeOfMissing(ref.Kind())
		if on.Kind == Timer {
			r.describeSleep(s, &on)
		}
		return on
	}
	on.Addr = ptr(ref.Addr)
	on.Lock = r.lockOf(ref)
	switch on.Kind {
	case Chan:
		r.describeChan(s, &on)
	case Mutex:
		on.Type = "sync.Mutex"
		if ref.Part == OnceMutex {
			on.Type, on.Note = "sync.Once", "another goroutine is executing the function of the Once"
		}
	case RWMutex:
		on.Type = "sync.RWMutex"
		if ref.Part == InnerMutex {
			on.Note = "behind another writer, on the mutex w inside"
		}
	case WaitGroup:
		on.Type = "sync.WaitGroup"
	case Sema:
		describeSema(&on, ref.Part)
		if ref.Part == RuntimeSema {
			r.describeRuntimeSema(s, &on)
		}
	case Cond:
		on.Type = "sync.Cond"
		if r.rt.Cond(ref.Addr) != nil {
			on.Note = "the sync.Cond around the notifyList does not know its own address"
		}
	case Timer:
		r.describeSleep(s, &on)
	case PollFD:
		r.describePollDesc(&on)
		on.Socket = r.socket(s, ref.Addr)
	case Coro:
		on.Type = "runtime.coro"
		describeCoro(s, &on)
	case Bubble:
		r.describeBubble(&on)
	}
	return on
}

// typeOfMissing is the type of an object whose address was not found.
func typeOfMissing(k Kind) string {
	switch k {
	case Cond:
		return "sync.Cond"
	case Coro:
		return "runtime.coro"
	case Bubble:
		return "runtime.synctestBubble"
	}
	return ""
}

// describeSema completes the answer for a bare semaphore.
func describeSema(on *On, part Part) {
	on.Type = "internal/poll.FD"
	switch part {
	case FDRead:
		on.Note = "the read lock of a file descriptor (internal/poll.fdMutex): another goroutine is reading it"
	case FDWrite:
		on.Note = "the write lock of a file descriptor (internal/poll.fdMutex): another goroutine is writing it"
	case FDClose:
		on.Note = "Close of a file descriptor: another goroutine still uses it"
	default:
		on.Type = "uint32"
	}
}
