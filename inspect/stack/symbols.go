// Package stack unwinds goroutine stacks in target memory as the runtime's
// own traceback does (runtime/traceback.go, stkframe.go) and prints what it
// would print: the same frames, in the same words. It knows functions and
// stacks, not goroutines: who starts where is the caller's business.
//
// A program has millions of stacks but few thousand distinct PCs and, mostly,
// few distinct shapes. So what depends on a PC alone is computed once
// (PCInfo), equal stacks are one value (Stack), and a goroutine costs a Trace.
//
// Not reproduced are the C frames that a function given to
// runtime.SetCgoTraceback adds, the ancestors that
// GODEBUG=tracebackancestors=N adds, and the unwinder's complaints, which are
// Trace.Err.
package stack

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// Memory is what the package reads target memory through.
type Memory interface {
	mem.Reader
	mem.Viewer
}

// Symbols is what all stacks of a target share: the function tables, what is
// known of each PC, and the distinct stacks. It is safe for use by several
// goroutines at once; each of them unwinds with an Unwinder of its own.
type Symbols struct {
	mem    Memory
	arch   *arch.Arch
	traits *traits
	table  *pcln.Table

	mu     sync.RWMutex
	infos  map[uint64]*PCInfo
	stacks map[uint64][]*Stack // by hash
	byID   atomic.Pointer[[]*Stack]
}

// New returns the shared state for unwinding stacks of one stopped target.
// It fails for an architecture whose signal frames and register arguments it
// does not know; amd64 and arm64 are known.
func New(m Memory, a *arch.Arch, table *pcln.Table) (*Symbols, error) {
	tr, ok := traitsOf(a)
	if !ok {
		return nil, fmt.Errorf("stack: unwinding on %s is not supported", a.Name)
	}
	return &Symbols{
		mem: m, arch: a, traits: tr, table: table,
		infos:  make(map[uint64]*PCInfo),
		stacks: make(map[uint64][]*Stack),
	}, nil
}

// Table returns the function tables given to New.
func (s *Symbols) Table() *pcln.Table { return s.table }

// PCInfo is what is known of a physical frame from its PC alone. It is
// shared and immutable.
type PCInfo struct {
	// PC is the frame's PC: where it continues, normally a return address.
	PC mem.Addr
	// Trap says that PC is the instruction that was interrupted or that
	// faulted, not a return address (runtime.unwindTrap).
	Trap bool
	// Func is the physical function.
	Func *pcln.Func

	delta   int32 // SP at entry - SP at PC, in bytes
	deltaOK bool

	lines atomic.Pointer[[]pcln.Line]
	live  atomic.Pointer[frameMap]
}

// SymPC returns the PC to symbolise the frame by, that of the last
// instruction executed in it (runtime.(*unwinder).symPC).
func (p *PCInfo) SymPC() mem.Addr {
	if !p.Trap && p.PC > p.Func.Entry {
		return p.PC - 1
	}
	return p.PC
}

// Lines returns the logical frames of the physical frame, innermost first;
// the last one is Func itself. The caller must not change the slice.
func (p *PCInfo) Lines() []pcln.Line {
	if l := p.lines.Load(); l != nil {
		return *l
	}
	l := p.Func.Lines(p.SymPC())
	p.lines.Store(&l)
	return l
}

// pcKey is the cache key of a PC: user addresses leave the top bit free.
func pcKey(pc mem.Addr, trap bool) uint64 {
	k := uint64(pc) << 1
	if trap {
		k |= 1
	}
	return k
}

// info returns what is known of pc, or nil when it is in no function.
func (s *Symbols) info(pc mem.Addr, trap bool) *PCInfo {
	if pc >= 1<<63 {
		return nil
	}
	key := pcKey(pc, trap)
	s.mu.RLock()
	p := s.infos[key]
	s.mu.RUnlock()
	if p != nil {
		return p
	}
	f := s.table.Func(pc)
	if f == nil {
		return nil
	}
	p = &PCInfo{PC: pc, Trap: trap, Func: f}
	p.delta, p.deltaOK = f.SPDelta(pc)
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.infos[key]; q != nil {
		return q
	}
	s.infos[key] = p
	return p
}

// Phys is a physical frame of a Stack.
type Phys struct {
	*PCInfo
	// SP and FP are the stack pointer at PC and the caller's, in bytes from
	// the innermost frame's SP.
	SP, FP uint32
}

// Stack is a shape: the physical frames of all goroutines that stand at the
// same place with the same frame sizes. It is shared and immutable, and there
// is one for each shape, so that stacks are compared by pointer.
type Stack struct {
	// ID is the number of the shape, from 1 on.
	ID uint32
	// Frames are innermost first.
	Frames []Phys
	// Elided is the number of physical frames missing in front of
	// Frames[ElidedAt], and ElidedLogical that of their logical frames.
	// It is 0 unless the stack is deeper than MaxFrames.
	Elided, ElidedAt, ElidedLogical int

	// met says that Live was asked for the shape, slots are what it found
	// the second time.
	met   atomic.Bool
	slots atomic.Pointer[slots]
}

func (s *Stack) equal(o *Stack) bool {
	return s.Elided == o.Elided && s.ElidedAt == o.ElidedAt &&
		s.ElidedLogical == o.ElidedLogical && slices.Equal(s.Frames, o.Frames)
}

// intern returns the one Stack equal to st, which it copies if it is new.
func (s *Symbols) intern(hash uint64, st *Stack) *Stack {
	s.mu.RLock()
	found := findStack(s.stacks[hash], st)
	s.mu.RUnlock()
	if found != nil {
		return found
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := findStack(s.stacks[hash], st); found != nil {
		return found
	}
	c := &Stack{Frames: slices.Clone(st.Frames), Elided: st.Elided, ElidedAt: st.ElidedAt, ElidedLogical: st.ElidedLogical}
	s.stacks[hash] = append(s.stacks[hash], c)
	s.number(c)
	return c
}

// number gives a new shape its ID. s.mu is held.
func (s *Symbols) number(st *Stack) {
	var list []*Stack
	if p := s.byID.Load(); p != nil {
		list = *p
	}
	st.ID = uint32(len(list)) + 1
	list = append(list, st)
	s.byID.Store(&list)
}

// Stack returns the shape whose ID is id, nil if there is none.
func (s *Symbols) Stack(id uint32) *Stack {
	if p := s.byID.Load(); p != nil && id > 0 && int(id) <= len(*p) {
		return (*p)[id-1]
	}
	return nil
}

// Stacks returns how many shapes there are: their IDs go up to that.
func (s *Symbols) Stacks() int {
	if p := s.byID.Load(); p != nil {
		return len(*p)
	}
	return 0
}

// Empty returns the shape without frames.
func (s *Symbols) Empty() *Stack { return s.intern(0, &Stack{}) }

func findStack(stacks []*Stack, st *Stack) *Stack {
	for _, o := range stacks {
		if o.equal(st) {
			return o
		}
	}
	return nil
}

// Trace is the stack of one goroutine or thread.
type Trace struct {
	// Stack is never nil; it has no frames when there is nothing to show.
	Stack *Stack
	// SP is the innermost frame's stack pointer.
	SP mem.Addr
	// Err says why the frames end before the outermost one, nil when they
	// do not. It wraps ErrUnknownPC, ErrSPWrite, ErrStuck, ErrBounds,
	// ErrNoFrameSize or a *mem.Fault.
	Err error
}
