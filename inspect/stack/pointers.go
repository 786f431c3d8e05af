package stack

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// PointerKind is how it is known that a word is a live pointer.
type PointerKind uint8

const (
	// Exact: the compiler says that the word is live and a pointer.
	Exact PointerKind = iota
	// StackObject: the word is a pointer in a variable on the stack that
	// something live points to.
	StackObject
	// Conservative: the word may be a pointer, and may be dead.
	Conservative
)

// Pointer is a word on a stack that holds, or may hold, a live pointer.
type Pointer struct {
	// Slot is where it lies and Value what it holds; Value is never 0.
	Slot, Value mem.Addr
	// Frame is the index in Stack.Frames of the frame it belongs to.
	Frame int
	Kind  PointerKind
}

// FramePointers calls visit for the pointers of physical frame i of t: live
// locals and arguments, and the pointers in all of the frame's stack objects,
// whether something points to them or not. The words of a frame that has no
// maps are all visited, as Conservative. An error says which of them could
// not be read; the others were visited. visit must not use u.
func (u *Unwinder) FramePointers(t Trace, i int, visit func(Pointer)) error {
	if i < 0 || i >= len(t.Stack.Frames) {
		return fmt.Errorf("stack: no frame %d", i)
	}
	s := u.newScan(t, 0, visit)
	s.frame(i)
	for _, o := range s.objects {
		s.object(o, StackObject)
	}
	return s.err
}

// Pointers calls visit for all live pointers on the stack of t, as the
// garbage collector finds them (runtime.scanstack): locals, arguments, and
// those in the stack objects that are reached from these or from roots. roots
// are values held elsewhere that may point into the stack: g._panic, the fn
// of each g._defer, g.sched.ctxt. hi is the stack's upper bound. An error is
// the first of those met; the scan goes on behind it. visit must not use u.
func (u *Unwinder) Pointers(t Trace, hi mem.Addr, roots []mem.Addr, visit func(Pointer)) error {
	s := u.newScan(t, hi, visit)
	for _, r := range roots {
		s.enqueue(r, false)
	}
	for i := range t.Stack.Frames {
		s.frame(i)
	}
	sortObjects(s.objects)
	for p, kind, ok := s.take(); ok; p, kind, ok = s.take() {
		if o := s.find(p); o != nil && !o.done {
			o.done = true
			s.object(*o, kind)
		}
	}
	return s.err
}

// sortObjects puts stack objects in order of addresses.
func sortObjects(objects []placed) {
	slices.SortFunc(objects, func(a, b placed) int { return cmp.Compare(a.at, b.at) })
}

// take returns the next address on the stack to look at, the precise ones
// first: each object is scanned once, and by a precise pointer if there is one.
func (s *scan) take() (a mem.Addr, kind PointerKind, ok bool) {
	kind, queue := StackObject, &s.precise
	if len(*queue) == 0 {
		kind, queue = Conservative, &s.guesses
	}
	n := len(*queue) - 1
	if n < 0 {
		return 0, kind, false
	}
	a, *queue = (*queue)[n], (*queue)[:n]
	return a, kind, true
}

// scan is the state of one scan of a stack (runtime.stackScanState). An
// Unwinder keeps it for the memory of its slices.
type scan struct {
	u     *Unwinder
	t     Trace
	visit func(Pointer)
	// hi is the stack's upper bound, 0 when pointers into the stack are not
	// to be followed.
	hi      mem.Addr
	objects []placed
	// precise and guesses are addresses on the stack still to look at.
	precise, guesses []mem.Addr
	err              error
	// list, unless it is nil, takes down the words that would be read, of a
	// stack that begins at origin. dynamic says that they depend on what is
	// on the stack.
	list    *slots
	dynamic bool
}

// placed is a stack object at its address.
type placed struct {
	object
	at    mem.Addr
	frame int
	done  bool
}

// newScan resets u.scan.
func (u *Unwinder) newScan(t Trace, hi mem.Addr, visit func(Pointer)) *scan {
	if n := len(t.Stack.Frames); n == 0 {
		u.win.reset(0)
	} else if !u.win.has(t.SP) {
		u.win.reset(t.SP + mem.Addr(t.Stack.Frames[n-1].FP))
	}
	s := &u.scan
	*s = scan{
		u: u, t: t, visit: visit, hi: hi,
		objects: s.objects[:0], precise: s.precise[:0], guesses: s.guesses[:0],
	}
	return s
}

// found visits a pointer, and notes where it points if that is the stack.
func (s *scan) found(p Pointer) {
	s.visit(p)
	if p.Value >= s.t.SP && p.Value < s.hi {
		s.enqueue(p.Value, p.Kind == Conservative)
	}
}

func (s *scan) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *scan) enqueue(a mem.Addr, guess bool) {
	if guess {
		s.guesses = append(s.guesses, a)
	} else {
		s.precise = append(s.precise, a)
	}
}

// find returns the object that a points into. The objects are in order.
func (s *scan) find(a mem.Addr) *placed {
	i := sort.Search(len(s.objects), func(i int) bool { return s.objects[i].at > a })
	if i == 0 {
		return nil
	}
	if o := &s.objects[i-1]; a-o.at < mem.Addr(o.size) {
		return o
	}
	return nil
}

// frame visits the locals and arguments of frame i and notes its objects
// (runtime.scanframeworker).
func (s *scan) frame(i int) {
	p := &s.t.Stack.Frames[i]
	sp, fp := s.t.SP+mem.Addr(p.SP), s.t.SP+mem.Addr(p.FP)
	varp := s.u.varp(sp, fp)
	argp := fp + mem.Addr(s.u.syms.arch.MinFrameSize)
	if s.conservative(i) {
		s.whole(i, sp, varp, argp)
		return
	}
	m, dead := s.u.liveMap(s.t.Stack, i)
	if dead {
		return
	}
	locals, args, err := m.locals, m.args, m.err
	if s.dynamic = s.dynamic || m.dynamicArgs; s.dynamic && s.list != nil {
		return
	}
	if err == nil && m.dynamicArgs {
		args, err = s.u.reflectArgs(p.PCInfo, sp, fp)
	}
	if err != nil || s.untyped(m, sp, varp) {
		s.fail(err)
		s.whole(i, sp, varp, argp)
		return
	}
	// At its entry, and where it moves the SP, a function has no locals yet.
	if n := mem.Addr(locals.n) * 8; locals.n > 0 && uint64(varp-sp) > s.u.syms.traits.minLocals {
		if n > varp-sp {
			s.fail(fmt.Errorf("stack: %s: %d words of locals in a frame of %d bytes: corrupt", p.Func.Name, locals.n, varp-sp))
		} else {
			s.words(i, varp-n, locals.n, &locals, Exact)
		}
	}
	s.words(i, argp, args.n, &args, Exact)
	for _, o := range m.objects {
		at := varp + mem.Addr(int64(o.off))
		if o.off >= 0 {
			at = argp + mem.Addr(o.off)
		}
		if at >= sp { // else it is not yet allocated
			s.objects = append(s.objects, placed{object: o, at: at, frame: i})
		}
	}
}

// untyped reports whether the frame has locals but no map of them, which no
// frame has that the garbage collector may meet.
func (s *scan) untyped(m *frameMap, sp, varp mem.Addr) bool {
	return m.locals.n < 0 && uint64(varp-sp) > s.u.syms.traits.minLocals
}

// conservative reports whether frame i has no exact maps: it was stopped
// between safe points, or holds the registers of one that was.
func (s *scan) conservative(i int) bool {
	injected := func(i int) bool {
		id := s.t.Stack.Frames[i].Func.ID
		return id == pcln.FuncIDAsyncPreempt || id == pcln.FuncIDDebugCallV2
	}
	return injected(i) || i > 0 && injected(i-1) || i == 0 && s.t.Stack.Frames[0].Trap
}

// whole visits every word of the frame.
func (s *scan) whole(i int, sp, varp, argp mem.Addr) {
	f := s.t.Stack.Frames[i].Func
	n := uint64(varp - sp)
	switch f.ID {
	case pcln.FuncIDSigpanic, pcln.FuncIDAsyncPreempt, pcln.FuncIDDebugCallV2:
		n += s.u.syms.traits.injected
	}
	s.words(i, sp, int(n/8), nil, Conservative)
	if f.Args > 0 {
		s.words(i, argp, int(f.Args/8), nil, Conservative)
	}
}

// object visits the pointers in a stack object.
func (s *scan) object(o placed, kind PointerKind) {
	if o.ptrs == nil {
		s.words(o.frame, o.at, int(o.size/8), nil, Conservative)
		return
	}
	s.words(o.frame, o.at, o.ptrs.n, o.ptrs, kind)
}

// words visits those of the n words at a that are in the map and not zero.
func (s *scan) words(frame int, a mem.Addr, n int, m *bitmap, kind PointerKind) {
	for i := range n {
		if m != nil && !m.has(i) {
			continue
		}
		slot := a + mem.Addr(8*i)
		if s.list != nil {
			s.list.add(slot, frame, kind)
			continue
		}
		w, err := s.u.win.word(slot)
		if err != nil {
			s.fail(fmt.Errorf("stack: pointer in %s: %w", s.t.Stack.Frames[frame].Func.Name, err))
			var fault *mem.Fault
			if errors.As(err, &fault) && m == nil {
				return // a whole region: what follows is no better
			}
			continue
		}
		if w != 0 {
			s.found(Pointer{Slot: slot, Value: mem.Addr(w), Frame: frame, Kind: kind})
		}
	}
}

// varp returns the end of a frame's locals (runtime.stkframe.varp): the
// saved frame pointer is above them, and where calls push it, the return
// address.
func (u *Unwinder) varp(sp, fp mem.Addr) mem.Addr {
	varp := fp - mem.Addr(u.syms.traits.callPush)
	if varp > sp {
		varp -= mem.Addr(u.syms.arch.PtrSize)
	}
	return varp
}

// reflectArgs returns the argument map of a call that reflect makes, which
// its stub keeps at the bottom of its frame
// (runtime.(*stkframe).argMapInternal).
func (u *Unwinder) reflectArgs(p *PCInfo, sp, fp mem.Addr) (bitmap, error) {
	arg0 := sp + mem.Addr(u.syms.arch.MinFrameSize)
	if arg0 >= fp-mem.Addr(u.syms.traits.callPush) {
		return bitmap{}, nil // not started: no arguments yet
	}
	corrupt := func(err error) (bitmap, error) {
		return bitmap{}, fmt.Errorf("stack: argument map of %s: %w", p.Func.Name, err)
	}
	order := u.syms.arch.Order
	frame, err := u.syms.mem.View(arg0, 40) // *reflectMethodValue … retValid
	if err != nil {
		return corrupt(err)
	}
	// reflectMethodValue is fn, stack *bitvector, argLen.
	mv, err := u.syms.mem.View(mem.Addr(order.Uint64(frame)), 24)
	if err != nil {
		return corrupt(err)
	}
	if mem.Addr(order.Uint64(mv)) != p.Func.Entry {
		return corrupt(errors.New("not of this function"))
	}
	bv, err := u.syms.mem.View(mem.Addr(order.Uint64(mv[8:])), 16)
	if err != nil {
		return corrupt(err)
	}
	m := bitmap{n: int(int32(order.Uint32(bv)))}
	if m.n < 0 || m.n > maxMapWords {
		return corrupt(fmt.Errorf("%d words", m.n))
	}
	if m.bits, err = u.syms.mem.View(mem.Addr(order.Uint64(bv[8:])), (m.n+7)/8); err != nil {
		return corrupt(err)
	}
	if frame[32] == 0 { // the results are not set yet
		m.n = min(m.n, int(order.Uint64(mv[16:])/8))
	}
	return m, nil
}
