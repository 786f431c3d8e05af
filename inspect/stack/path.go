package stack

import (
	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// Most stacks have a shape that was met before, and then the return addresses
// on them tell that it is the same one: unwinding depends on nothing else but
// where it starts. So an Unwinder keeps a tree of the stacks it has unwound,
// the innermost frames at its roots, and follows it from one return address to
// the next.

// maxPath is the depth, in frames, and maxNodes the number of frames up to
// which the tree grows. What does not fit is unwound frame by frame.
const (
	maxPath  = 1 << 10
	maxNodes = 1 << 18
)

// source is where the caller's PC of a frame comes from: the link register
// that unwinding began with, or the word at an offset from the innermost SP.
type source struct {
	at       uint32
	register bool
}

// paths is the tree.
type paths struct {
	roots map[uint64]*node
	n     int
}

// node is a frame with those within it.
type node struct {
	source
	fp uint32 // as in Phys
	// top says that this is an outermost frame by its function; whole is the
	// stack that ends here, be it for that or for a return address of 0.
	top   bool
	whole *Stack
	// pc and caller are the edge that was added first, callers the others.
	pc      uint64
	caller  *node
	callers map[uint64]*node
}

// next returns the frame to which pc returns, nil if it is not known.
func (n *node) next(pc uint64) *node {
	if n.pc == pc {
		return n.caller
	}
	return n.callers[pc]
}

// root is the key of st's innermost frame; ok is false if st is of a kind that
// is not kept: without bounds, or out of them.
func (st *Start) root() (key uint64, ok bool) {
	if st.PC == 0 || st.PC >= 1<<61 || st.SP < st.Lo || st.SP > st.Hi || st.Hi-st.Lo > maxStackSize {
		return 0, false
	}
	key = uint64(st.PC) << 3
	if st.Trap {
		key |= 1
	}
	if st.Syscall {
		key |= 2
	}
	if st.LR != 0 {
		key |= 4
	}
	return key, true
}

// follow returns the stack that begins at st if the tree has it.
func (u *Unwinder) follow(st Start) (Trace, bool) {
	key, ok := st.root()
	if !ok {
		return Trace{}, false
	}
	for n := u.paths.roots[key]; n != nil; {
		if n.top {
			return Trace{Stack: n.whole, SP: st.SP}, true
		}
		if st.SP+mem.Addr(n.fp) > st.Hi {
			break
		}
		pc := uint64(st.LR)
		if !n.register {
			var err error
			if pc, err = u.win.word(st.SP + mem.Addr(n.at)); err != nil {
				break
			}
		}
		if pc == 0 {
			return Trace{Stack: n.whole, SP: st.SP}, n.whole != nil
		}
		n = n.next(pc)
	}
	return Trace{}, false
}

// learn adds the stack that was just unwound from st, without an error.
func (u *Unwinder) learn(st Start, whole *Stack) {
	key, ok := st.root()
	if !ok || len(u.step) != len(whole.Frames) || len(u.step) == 0 || len(u.step) > maxPath || u.paths.n+len(u.step) > maxNodes {
		return
	}
	if u.paths.roots == nil {
		u.paths.roots = make(map[uint64]*node)
	}
	n := u.paths.roots[key]
	if n == nil {
		n = u.newNode(whole, 0)
		u.paths.roots[key] = n
	}
	for i := 1; i < len(whole.Frames); i++ {
		pc := uint64(whole.Frames[i].PC)
		next := n.next(pc)
		if next == nil {
			next = u.newNode(whole, i)
			n.add(pc, next)
		}
		n = next
	}
	n.whole = whole
}

func (u *Unwinder) newNode(whole *Stack, i int) *node {
	u.paths.n++
	f := &whole.Frames[i]
	return &node{source: u.step[i], fp: f.FP, top: f.Func.Flag&pcln.FlagTopFrame != 0}
}

func (n *node) add(pc uint64, caller *node) {
	if n.caller == nil {
		n.pc, n.caller = pc, caller
		return
	}
	if n.callers == nil {
		n.callers = make(map[uint64]*node)
	}
	n.callers[pc] = caller
}
