package wait

import (
	"slices"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// Ref is one object that a goroutine waits on, without words: small enough to
// be held for each of a million goroutines. On tells the same in full.
type Ref struct {
	// Addr is the object: the hchan, sync.Mutex, RWMutex, WaitGroup, Cond,
	// Once, poll.FD, pollDesc, timer, coro or bubble. 0 where there is none
	// or it was not found.
	Addr mem.Addr
	// Sudog is the goroutine's entry in the object's wait list, 0 if none.
	Sudog mem.Addr
	// Part says in which part of the object the goroutine waits.
	Part     Part
	kind, op uint8
	// Select says that this is a case of a select. Nil says that the channel
	// is nil; a select in which only some channels are nil has no Ref for
	// these.
	Select, Nil bool
}

// Kind is the kind of the object.
func (r Ref) Kind() Kind { return kinds[r.kind] }

// Op is what the goroutine wants to do with it.
func (r Ref) Op() Op { return ops[r.op] }

// Number numbers the kinds of objects, from 0.
func Number(k Kind) int { return slices.Index(kinds[:], k) }

// OpNumber is an Op in one byte.
type OpNumber uint8

// Op returns the operation.
func (n OpNumber) Op() Op { return ops[n] }

// OpNumber is Op in short.
func (r Ref) OpNumber() OpNumber { return OpNumber(r.op) }

// WaitNumber is the OpNumber of Wait.
func WaitNumber() OpNumber { return OpNumber(slices.Index(ops[:], Wait)) }

// kinds and ops are what Ref counts by.
var (
	kinds = [...]Kind{Chan, Mutex, RWMutex, WaitGroup, Cond, Sema, Timer, PollFD, Coro, Syscall, GC, Runtime, Bubble}
	ops   = [...]Op{Recv, Send, Lock, RLock, Wait, Read, Write, Sleep, Resume}
)

// ref returns a Ref of the kind and operation.
func ref(kind Kind, op Op) Ref {
	var r Ref
	for i := range kinds {
		if kinds[i] == kind {
			r.kind = uint8(i)
		}
	}
	r.setOp(op)
	return r
}

func (r *Ref) setOp(op Op) {
	for i := range ops {
		if ops[i] == op {
			r.op = uint8(i)
		}
	}
}

// Part is the part of an object that a goroutine waits in, where an object has
// several.
type Part uint8

// The parts.
const (
	// Whole: the object has but one.
	Whole Part = iota
	// InnerMutex is RWMutex.w: behind another writer.
	InnerMutex
	// WriterSem is RWMutex.writerSem: a pending writer, behind readers.
	WriterSem
	// ReaderSem is RWMutex.readerSem: a reader, behind a writer.
	ReaderSem
	// OnceMutex is the mutex of a sync.Once, whose address the Ref has:
	// behind the goroutine that executes the Once's function.
	OnceMutex
	// FDRead and FDWrite are the read and write lock of an internal/poll.FD,
	// whose address the Ref has; FDClose is its csema: behind all users.
	FDRead
	FDWrite
	FDClose
	// RuntimeSema is a semaphore of the runtime's own, whose address the Ref
	// has; RuntimeSema of the Resolver names it.
	RuntimeSema
)

// subject is a goroutine that is asked about. Its stack is got when needed.
type subject struct {
	*rt.G
	r     *Resolver
	tr    stack.Trace
	known bool
	// note says why an object was not found.
	note string
}

// trace returns the goroutine's stack.
func (s *subject) trace() *stack.Trace {
	if !s.known {
		s.tr, s.known = s.r.stacks.Trace(s.G), true
	}
	return &s.tr
}

// Refs appends to dst what g waits on, as On does, and returns it: nothing for
// a goroutine that runs, that is runnable or that no object keeps waiting. It
// allocates nothing but dst, and asks for the stack only of goroutines that
// wait on semaphores, and on what only a stack leads to.
func (r *Resolver) Refs(g *rt.G, dst []Ref) []Ref {
	return r.refs(subject{G: g, r: r}, dst)
}

// RefsOf is Refs for a goroutine whose stack is known.
func (r *Resolver) RefsOf(g *rt.G, tr stack.Trace, dst []Ref) []Ref {
	return r.refs(subject{G: g, r: r, tr: tr, known: true}, dst)
}

func (r *Resolver) refs(asked subject, dst []Ref) []Ref {
	row := r.row(asked.G)
	if row == nil || asked.M != 0 || row.find == nil {
		return dst
	}
	// Finders are called through the row, so that what they get would
	// escape.
	s, _ := r.subjects.Get().(*subject)
	if s == nil {
		s = new(subject)
	}
	*s = asked
	dst = row.find(r, s, row, dst)
	*s = subject{}
	r.subjects.Put(s)
	return dst
}

// row returns the row of g's wait reason, nil if it is not waiting or its
// reason is not known.
func (r *Resolver) row(g *rt.G) *Row {
	switch r.rt.Status(g) {
	case rt.Waiting, rt.Leaked:
	default:
		return nil
	}
	if int(g.WaitReason) < len(r.byNumber) {
		return r.byNumber[g.WaitReason]
	}
	return nil
}
