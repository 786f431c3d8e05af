package rt

import (
	"errors"
	"fmt"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// waitPlans are the decoders of small views for walks over the wait lists of a
// million goroutines.
type waitPlans struct {
	ends *layout.Plan[ChanEnds]
}

func (p *waitPlans) compile(t *layout.Table) error {
	return bind(&p.ends, t, "runtime.hchan")
}

// ChanEnds are the heads of the two wait queues of a channel (runtime.hchan,
// chan.go), 0 for an empty one, and the timer that feeds it, as in Hchan.
type ChanEnds struct {
	RecvFirst mem.Addr `rt:"recvq.first"`
	SendFirst mem.Addr `rt:"sendq.first"`
	Timer     mem.Addr `rt:"timer,optional"`
}

// ReadChanEnds reads the ChanEnds of the channel at a. It allocates nothing.
func (r *Runtime) ReadChanEnds(a mem.Addr) (ends ChanEnds, err error) {
	err = view(r.Mem, r.plans.waiting.ends, a, &ends)
	return ends, err
}

// LoadSudog is ReadSudog into s. It allocates nothing.
func (r *Runtime) LoadSudog(a mem.Addr, s *Sudog) error {
	if err := view(r.Mem, r.plans.sudog, a, s); err != nil {
		return err
	}
	s.Addr = a
	return nil
}

// view decodes the structure at a from the memory's own bytes.
func view[T any](m mem.Memory, p *layout.Plan[T], a mem.Addr, dst *T) error {
	off, n := p.Window()
	at := a + mem.Addr(off)
	if a == 0 || at < a {
		return &mem.Fault{Addr: a, Len: int(n), Err: mem.ErrUnmapped}
	}
	b, err := m.View(at, int(n))
	if err != nil {
		return fmt.Errorf("%s at %v: %w", p.Name(), a, err)
	}
	return p.DecodeWindow(dst, b)
}

// EachSemaWaiter calls visit for every goroutine in runtime.semtable: its sudog
// and the semaphore that it waits on, those of one semaphore in the order in
// which they will be woken. The Sudog is reused from call to call. What could
// be read is visited; the error says what could not.
func (r *Runtime) EachSemaWaiter(visit func(sema mem.Addr, s *Sudog)) error {
	if r.Globals.SemTable == 0 {
		return errors.New("runtime.semtable was not found in the target")
	}
	var errs []error
	for i := range uint64(semTabSize) {
		a := r.Globals.SemTable + mem.Addr(i*r.semStride())
		var root semaRoot
		if err := r.plans.semaRoot.Read(r.Mem, a, &root); err != nil {
			return fmt.Errorf("runtime.semtable[%d]: %w", i, err)
		}
		if err := r.eachInTreap(root.Treap, visit); err != nil {
			errs = append(errs, fmt.Errorf("runtime.semtable[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// eachInTreap walks one root's treap as treap does.
func (r *Runtime) eachInTreap(root mem.Addr, visit func(sema mem.Addr, s *Sudog)) error {
	type node struct{ addr, parent mem.Addr }
	todo := []node{{root, 0}}
	seen := make(map[mem.Addr]bool)
	var s Sudog
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if n.addr == 0 {
			continue
		}
		if seen[n.addr] {
			return fmt.Errorf("treap loops at sudog %v", n.addr)
		}
		seen[n.addr] = true
		if err := r.LoadSudog(n.addr, &s); err != nil {
			return err
		}
		if s.Parent != n.parent {
			return fmt.Errorf("treap: sudog %v below %v says that its parent is %v", n.addr, n.parent, s.Parent)
		}
		todo = append(todo, node{s.Next, n.addr}, node{s.Prev, n.addr})
		if err := r.eachInQueue(&s, visit); err != nil {
			return err
		}
	}
	return nil
}

// eachInQueue visits the head of a semaphore's queue and those behind it, as
// semaQueue does. It leaves s at the last.
func (r *Runtime) eachInQueue(s *Sudog, visit func(sema mem.Addr, s *Sudog)) error {
	sema, tail := s.Elem, s.WaitTail
	visit(sema, s)
	for n := 1; s.WaitLink != 0 && s.Addr != tail; n++ {
		if n >= maxWaiters {
			return fmt.Errorf("semaphore %v: more than %d waiters, or a loop", sema, maxWaiters)
		}
		if err := r.LoadSudog(s.WaitLink, s); err != nil {
			return fmt.Errorf("semaphore %v: %w", sema, err)
		}
		if s.Elem != sema {
			return fmt.Errorf("semaphore %v: sudog %v in its list waits on %v", sema, s.Addr, s.Elem)
		}
		visit(sema, s)
	}
	return nil
}

// SyscallTick returns m.syscalltick, the number of the system call that the
// thread made last on its P; ok is false where the field is not known.
func (r *Runtime) SyscallTick(m *M) (tick uint32, ok bool) {
	off, size, err := r.Layout.Offset("runtime.m", "syscalltick")
	if err != nil || size != 4 {
		return 0, false
	}
	b, err := r.Mem.View(m.Addr+mem.Addr(off), 4)
	if err != nil {
		return 0, false
	}
	return r.Arch.Order.Uint32(b), true
}
