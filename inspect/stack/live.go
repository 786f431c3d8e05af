package stack

import (
	"encoding/binary"
	"sort"

	"rtdbg/inspect/mem"
)

// Live returns what Pointers visits, in the same order, as a slice that is
// valid until the next use of u. Called right after Unwind of the same stack
// it reads nothing anew.
//
// Where the pointers lie depends on the shape of a stack alone, but for the
// frames of reflect's call stubs: it is found out once for each shape that is
// met again.
func (u *Unwinder) Live(t Trace, hi mem.Addr, roots []mem.Addr) ([]Pointer, error) {
	if p := u.slotsOf(t.Stack); p != nil && t.Err == nil && hi > t.SP {
		if !u.win.has(t.SP) {
			u.win.reset(hi)
		}
		if b, err := u.win.bytes(t.SP, p.size); err == nil {
			return u.liveSlots(p, b, t.SP, hi, roots), nil
		}
	}
	u.live = u.live[:0]
	u.deferring = true
	err := u.Pointers(t, hi, roots, func(p Pointer) { u.live = append(u.live, p) })
	return u.live, err
}

// Deferring reports whether a frame of the stack that Live was called for last
// may itself keep a deferred call that is pending. It is false only where none
// does; the calls in the goroutine's list are others (see DeferRecord).
func (u *Unwinder) Deferring() bool { return u.deferring }

// slots are the words of a shape that the garbage collector looks at. Offsets
// are in bytes from the innermost SP.
type slots struct {
	words   []slot
	objects []slotObject // in order of at
	// bits are where the frames that keep deferred calls note which of them
	// are pending: a byte each.
	bits []uint32
	// size is how much of the stack all these span.
	size int
	// unknown says that they are not the same for all stacks of the shape, or
	// too many to keep.
	unknown bool
}

// slot is a word that holds, or may hold, a pointer.
type slot struct {
	at    uint32
	frame int32
	kind  PointerKind
}

// slotObject is a stack object.
type slotObject struct {
	at, size uint32
	frame    int32
	// guess says that its type does not tell where its pointers are: any
	// word may be one.
	guess bool
	words []uint32
}

// liveSlots returns the pointers in b, the bytes of a stack from sp on. It does
// what Pointers does.
func (u *Unwinder) liveSlots(p *slots, b []byte, sp, hi mem.Addr, roots []mem.Addr) []Pointer {
	live := u.live[:0]
	u.scan.precise, u.scan.guesses = u.scan.precise[:0], u.scan.guesses[:0]
	for _, r := range roots {
		u.scan.enqueue(r, false)
	}
	for i := range p.words {
		s := &p.words[i]
		w := mem.Addr(binary.LittleEndian.Uint64(b[s.at:]))
		if w == 0 {
			continue
		}
		live = append(live, Pointer{Slot: sp + mem.Addr(s.at), Value: w, Frame: int(s.frame), Kind: s.kind})
		if w >= sp && w < hi {
			u.scan.enqueue(w, s.kind == Conservative)
		}
	}
	u.deferring = false
	for _, at := range p.bits {
		u.deferring = u.deferring || b[at] != 0
	}
	if len(p.objects) > 0 && len(u.scan.precise)+len(u.scan.guesses) > 0 {
		live = u.liveObjects(p, b, sp, hi, live)
	}
	u.live = live
	return live
}

// liveObjects appends the pointers in those objects that something points to.
func (u *Unwinder) liveObjects(p *slots, b []byte, sp, hi mem.Addr, live []Pointer) []Pointer {
	u.done = append(u.done[:0], make([]bool, len(p.objects))...)
	for a, kind, ok := u.scan.take(); ok; a, kind, ok = u.scan.take() {
		i := p.object(a - sp)
		if a < sp || i < 0 || u.done[i] {
			continue
		}
		u.done[i] = true
		o := &p.objects[i]
		if o.guess {
			kind = Conservative
		}
		for _, at := range o.words {
			w := mem.Addr(binary.LittleEndian.Uint64(b[at:]))
			if w == 0 {
				continue
			}
			live = append(live, Pointer{Slot: sp + mem.Addr(at), Value: w, Frame: int(o.frame), Kind: kind})
			if w >= sp && w < hi {
				u.scan.enqueue(w, kind == Conservative)
			}
		}
	}
	return live
}

// object returns the number of the object that holds offset at, -1 if none
// does.
func (p *slots) object(at mem.Addr) int {
	i := sort.Search(len(p.objects), func(i int) bool { return mem.Addr(p.objects[i].at) > at }) - 1
	if i >= 0 && at-mem.Addr(p.objects[i].at) < mem.Addr(p.objects[i].size) {
		return i
	}
	return -1
}

// maxSlots bounds the slots that are kept for one shape.
const maxSlots = 1 << 12

// origin is where the stack of a shape begins whose slots are listed: any
// address that leaves room below it.
const origin = 1 << 40

// slotsOf returns the slots of a shape that has been met before, nil if they
// are not known.
func (u *Unwinder) slotsOf(st *Stack) *slots {
	p := st.slots.Load()
	if p == nil {
		if st.met.CompareAndSwap(false, true) {
			return nil
		}
		p = u.newSlots(st)
		st.slots.Store(p)
	}
	if p.unknown {
		return nil
	}
	return p
}

// newSlots lists the slots of a shape, as scan visits them.
func (u *Unwinder) newSlots(st *Stack) *slots {
	if len(st.Frames) == 0 || len(st.Frames) > maxSlots || st.Elided != 0 {
		return &slots{unknown: true}
	}
	var p slots
	s := scan{u: u, t: Trace{Stack: st, SP: origin}, list: &p}
	for i := range st.Frames {
		s.frame(i)
		if s.err != nil || s.dynamic || len(p.words) > maxSlots {
			return &slots{unknown: true}
		}
	}
	if !u.listDeferBits(st, &p) {
		return &slots{unknown: true}
	}
	sortObjects(s.objects)
	for _, o := range s.objects {
		list := slotObject{at: uint32(o.at - origin), size: uint32(o.size), frame: int32(o.frame), guess: o.ptrs == nil}
		words := p.words
		p.words = nil
		s.object(o, StackObject)
		for _, w := range p.words {
			list.words = append(list.words, w.at)
		}
		p.words = words
		p.objects = append(p.objects, list)
	}
	return &p
}

// listDeferBits lists where the frames of a shape note their pending deferred
// calls; it reports whether the tables tell.
func (u *Unwinder) listDeferBits(st *Stack, p *slots) bool {
	for i := range st.Frames {
		f := &st.Frames[i]
		if !f.keepsDefers() {
			continue
		}
		od, ok, err := f.Func.OpenDefers()
		if err != nil {
			return false
		}
		at := u.varp(origin+mem.Addr(f.SP), origin+mem.Addr(f.FP)) - mem.Addr(od.Bits) - origin
		if ok {
			p.bits = append(p.bits, uint32(at))
			p.size = max(p.size, int(at)+1)
		}
	}
	return true
}

// add puts the word at address a down.
func (p *slots) add(a mem.Addr, frame int, kind PointerKind) {
	at := a - origin
	p.words = append(p.words, slot{uint32(at), int32(frame), kind})
	p.size = max(p.size, int(at)+8)
}
