package stack

import (
	"errors"
	"fmt"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// MaxFrames is the number of physical frames that a Stack holds at most. Of
// a deeper one the innermost and the outermost OuterFrames are kept.
const (
	MaxFrames   = 1 << 20
	OuterFrames = 1 << 12
)

// maxStackSize bounds a stack in bytes, so that offsets fit 32 bits. The
// runtime's own limit is 1 GB unless debug.SetMaxStack says otherwise.
const maxStackSize = 1<<32 - 1

// The reasons for which frames end early.
var (
	// ErrUnknownPC: the next PC is in no Go function. C code has none.
	ErrUnknownPC = errors.New("PC in no Go function")
	// ErrSPWrite: the function moves SP in a way that the tables do not
	// describe, as those do that switch stacks.
	ErrSPWrite = errors.New("function switches stacks")
	// ErrStuck: the next frame is the same as this one.
	ErrStuck = errors.New("next frame is the same")
	// ErrBounds: the next frame is outside the stack.
	ErrBounds = errors.New("frame outside the stack")
	// ErrNoFrameSize: the frame size at the PC is not in the tables.
	ErrNoFrameSize = errors.New("no frame size at this PC")
)

// Start is where unwinding starts.
type Start struct {
	// PC and SP are the innermost frame's. As the runtime has it
	// (initAt, traceback1), they come from g.syscallpc and g.syscallsp if
	// the latter is not 0, as in system calls and cgo calls; for a running
	// goroutine from the registers of its thread (SignalContext), or from
	// m.vdsoPC and m.vdsoSP if the latter is not 0; else from g.sched.
	PC, SP mem.Addr
	// LR is the link register, g.sched.lr, on architectures that have one.
	LR mem.Addr
	// Lo and Hi bound the stack, g.stack. When both are 0 the bounds are
	// unknown and only memory ends the unwinding: give that for the g0 of
	// a program with cgo, where the runtime's own frames lie above stack.hi,
	// which it estimates.
	Lo, Hi mem.Addr
	// Trap says that PC comes from registers: it is the instruction to be
	// executed next, not a return address (runtime.tracebacktrap).
	Trap bool
	// Syscall says that PC and SP are g.syscallpc and g.syscallsp. The
	// functions that were saved there may write SP later on.
	Syscall bool
}

// Unwinder unwinds stacks, one at a time. It is for one goroutine; several
// of them share a Symbols.
type Unwinder struct {
	syms   *Symbols
	win    window
	infos  infoCache
	paths  paths
	stacks map[uint64]*Stack // by hash, a cache of syms.stacks
	scan   scan
	live   []Pointer // of Live
	done   []bool    // of liveObjects
	// deferring is the answer of Deferring.
	deferring bool

	frames            []Phys // of the stack in progress
	maxFrames, outers int
	depth             int      // physical frames so far, those elided included
	step              []source // of the frames pushed
	irregular         bool     // the steps do not tell all
	elidedLogical     int
}

// NewUnwinder returns an Unwinder on s.
func (s *Symbols) NewUnwinder() *Unwinder {
	return &Unwinder{
		syms: s, win: window{mem: s.mem, direct: mem.DirectOf(s.mem)},
		stacks:    make(map[uint64]*Stack),
		maxFrames: MaxFrames, outers: OuterFrames,
	}
}

// cursor is the state of one unwinding (runtime.unwinder and stkframe).
type cursor struct {
	info   *PCInfo
	sp, fp mem.Addr
	lr     mem.Addr
	base   mem.Addr // the innermost frame's SP
	hi     mem.Addr
	ret    source // of lr, for a frame that is not the outermost
}

// Unwind returns the stack that starts at st. It never fails as a whole: the
// frames found so far come with the reason why there are no more.
func (u *Unwinder) Unwind(st Start) Trace {
	u.win.reset(st.Hi)
	if t, ok := u.follow(st); ok {
		return t
	}
	u.frames, u.depth, u.elidedLogical = u.frames[:0], 0, 0
	u.step, u.irregular = u.step[:0], false
	begin := st
	if st.Hi == 0 && st.Lo == 0 {
		st.Hi = st.SP + maxStackSize
	}
	c := cursor{sp: st.SP, lr: st.LR, hi: min(st.Hi, st.SP+maxStackSize)}
	err := u.run(&c, st)
	t := Trace{Stack: u.finish(), SP: c.base, Err: err}
	if err == nil && !u.irregular {
		u.learn(begin, t.Stack)
	}
	return t
}

func (u *Unwinder) run(c *cursor, st Start) error {
	pc := st.PC
	c.base = c.sp
	if c.sp < st.Lo || c.sp > st.Hi {
		return fmt.Errorf("stack: SP %v not in [%v, %v): %w", c.sp, st.Lo, st.Hi, ErrBounds)
	}
	if pc == 0 {
		// Likely a call of a nil function: start in the caller.
		u.irregular = true
		w, err := u.win.word(c.sp)
		if err != nil {
			return fmt.Errorf("stack: caller of PC 0: %w", err)
		}
		pc, c.lr = mem.Addr(w), 0
		c.sp += mem.Addr(u.syms.traits.callPush)
		c.base = c.sp
	}
	if c.info = u.info(pc, st.Trap); c.info == nil {
		return fmt.Errorf("stack: %v: %w", pc, ErrUnknownPC)
	}
	syscall := st.Syscall && pc == st.PC
	for innermost := true; ; innermost = false {
		if c.info.Func.External() {
			return fmt.Errorf("stack: %s has no frame information: %w", c.info.Func.Name, ErrUnknownPC)
		}
		err := u.resolve(c, innermost, innermost && syscall)
		if c.fp != 0 {
			u.push(Phys{PCInfo: c.info, SP: uint32(c.sp - c.base), FP: uint32(c.fp - c.base)})
			u.step = append(u.step, c.ret)
		}
		if err != nil {
			return err
		}
		if c.lr == 0 {
			return nil
		}
		if err := u.next(c); err != nil {
			return err
		}
	}
}

// resolve finds the caller's SP and PC (runtime.(*unwinder).resolveInternal).
// c.fp is 0 when the frame is not to be shown.
func (u *Unwinder) resolve(c *cursor, innermost, syscall bool) error {
	f, tr := c.info.Func, u.syms.traits
	c.fp, c.ret = 0, source{}
	if !c.info.deltaOK || c.info.delta < 0 {
		return fmt.Errorf("stack: %s at %v: %w", f.Name, c.info.PC, ErrNoFrameSize)
	}
	fp := c.sp + mem.Addr(c.info.delta) + mem.Addr(tr.callPush)
	limit := c.hi
	if f.Flag&pcln.FlagTopFrame != 0 {
		// The bounds of a system stack are where the runtime took over,
		// which may be within the outermost frame.
		limit = c.base + maxStackSize
	}
	if fp < c.sp || fp > limit {
		return fmt.Errorf("stack: %s: frame [%v, %v): %w", f.Name, c.sp, fp, ErrBounds)
	}
	c.fp = fp
	flag := f.Flag
	if f.ID == pcln.FuncIDCgocallback || syscall {
		// cgocallback keeps a frame on both stacks that it moves between;
		// a system call saved its PC and SP before it may write SP.
		flag &^= pcln.FlagSPWrite
	}
	switch {
	case flag&pcln.FlagTopFrame != 0:
		c.lr = 0
		return nil
	case flag&pcln.FlagSPWrite != 0:
		c.lr = 0
		return fmt.Errorf("stack: %s: %w", f.Name, ErrSPWrite)
	}
	at := fp - mem.Addr(tr.callPush)
	if u.syms.arch.UsesLR {
		if !(innermost && c.sp < fp) && c.lr != 0 {
			c.ret.register = true
			return nil
		}
		at = c.sp
	}
	w, err := u.win.word(at)
	if err != nil {
		c.lr = 0
		return fmt.Errorf("stack: return address of %s: %w", f.Name, err)
	}
	c.lr, c.ret.at = mem.Addr(w), uint32(at-c.base)
	return nil
}

// next moves to the caller's frame (runtime.(*unwinder).next).
func (u *Unwinder) next(c *cursor) error {
	id := c.info.Func.ID
	injected := id == pcln.FuncIDSigpanic || id == pcln.FuncIDAsyncPreempt || id == pcln.FuncIDDebugCallV2
	u.irregular = u.irregular || injected
	// Before Go 1.21 only sigpanic counted as a trap in its caller.
	trap := injected && (id == pcln.FuncIDSigpanic || u.syms.table.Minor() >= 21)
	caller := u.info(c.lr, trap)
	if caller == nil {
		return fmt.Errorf("stack: %s called from %v: %w", c.info.Func.Name, c.lr, ErrUnknownPC)
	}
	if c.info.PC == c.lr && c.sp == c.fp {
		return fmt.Errorf("stack: %s at %v: %w", c.info.Func.Name, c.lr, ErrStuck)
	}
	c.info, c.sp, c.lr = caller, c.fp, 0
	if injected && u.syms.arch.UsesLR {
		// The signal handler saved LR on the stack before it faked a call.
		w, err := u.win.word(c.sp)
		if err != nil {
			return fmt.Errorf("stack: link register saved below %s: %w", caller.Func.Name, err)
		}
		c.sp += mem.Addr(u.syms.traits.injected)
		if caller.deltaOK && caller.delta == 0 {
			c.lr = mem.Addr(w)
		}
	}
	if c.sp > c.hi {
		return fmt.Errorf("stack: %s: SP %v: %w", caller.Func.Name, c.sp, ErrBounds)
	}
	return nil
}

// info is syms.info with a cache that needs no lock.
func (u *Unwinder) info(pc mem.Addr, trap bool) *PCInfo {
	key := pcKey(pc, trap)
	if p := u.infos.get(key); p != nil {
		return p
	}
	p := u.syms.info(pc, trap)
	if p != nil {
		u.infos.put(key, p)
	}
	return p
}

// push appends a frame. Once maxFrames are held, the outermost ones go round
// in the last places.
func (u *Unwinder) push(f Phys) {
	if u.depth < u.maxFrames {
		u.frames = append(u.frames, f)
	} else {
		at := &u.frames[u.ring()]
		u.elidedLogical += len(at.Lines())
		*at = f
	}
	u.depth++
}

// ring returns the place of the oldest frame of the outermost part.
func (u *Unwinder) ring() int {
	return u.maxFrames - u.outers + (u.depth-u.maxFrames)%u.outers
}

// finish returns the Stack of the frames pushed.
func (u *Unwinder) finish() *Stack {
	st := Stack{Frames: u.frames}
	if u.depth > u.maxFrames {
		first := u.maxFrames - u.outers
		outer := u.frames[first:]
		k := u.ring() - first
		rotated := append(append(make([]Phys, 0, len(outer)), outer[k:]...), outer[:k]...)
		copy(outer, rotated)
		st.Elided, st.ElidedAt, st.ElidedLogical = u.depth-u.maxFrames, first, u.elidedLogical
	}
	hash := uint64(len(st.Frames))
	for i := range st.Frames {
		hash = (hash ^ uint64(st.Frames[i].PC)) * 0x9e3779b97f4a7c15
		hash ^= hash >> 29
	}
	if s := u.stacks[hash]; s != nil && s.equal(&st) {
		return s
	}
	s := u.syms.intern(hash, &st)
	u.stacks[hash] = s
	return s
}
