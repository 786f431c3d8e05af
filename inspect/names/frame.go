package names

import (
	"slices"
	"strings"
	"sync"

	"rtdbg/inspect/exe"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/stack"
)

// frame is what is known of the frames with one PC.
type frame struct {
	once   sync.Once
	locals []local // the likeliest first
}

// local is a variable that holds pointers.
type local struct {
	name, fn string
	depth    int
	typ      *exe.Type
	pieces   []exe.Piece
}

func (f *frame) each(visit func(*local) bool) {
	for i := range f.locals {
		if !visit(&f.locals[i]) {
			return
		}
	}
}

func (n *Names) frame(p *stack.PCInfo) *frame {
	n.mu.Lock()
	f := n.frames[p]
	if f == nil {
		f = new(frame)
		n.frames[p] = f
	}
	n.mu.Unlock()
	f.once.Do(func() { f.locals = n.locals(p) })
	return f
}

// locals lists the variables of a frame that are on the stack: those that are
// there at its PC in front of those that are there at other PCs.
func (n *Names) locals(p *stack.PCInfo) []local {
	list, err := n.info.Locals(uint64(p.SymPC()) - n.bias)
	if err != nil {
		return nil
	}
	lines := p.Lines()
	var here, before []local
	for i := range list {
		v := &list[i]
		if unnamed(v.Name) || v.Depth >= len(lines) {
			continue
		}
		fn := lines[len(lines)-1-v.Depth].Func
		if v.Depth > 0 && n.plumbing(fn) {
			continue
		}
		t, err := n.info.TypeAt(v.Type)
		if err != nil {
			continue
		}
		l := local{name: v.Name, fn: fn, depth: v.Depth, typ: t, pieces: v.Here}
		if len(v.Here) > 0 {
			here = append(here, l)
		} else if len(v.Elsewhere) > 0 && v.InScope {
			for _, at := range v.Elsewhere {
				l.pieces = []exe.Piece{at}
				before = append(before, l)
			}
		}
	}
	byDepth := func(x, y local) int { return x.depth - y.depth }
	slices.SortStableFunc(here, byDepth)
	slices.SortStableFunc(before, byDepth)
	return append(here, before...)
}

// unnamed reports variables that the compiler made up.
func unnamed(name string) bool {
	return name == "_" || strings.ContainsAny(name[:1], "~.#") || strings.HasPrefix(name, "&~")
}

// size is the number of bytes of a piece of l.
func (l *local) size(p exe.Piece) int64 {
	if p.Size == 0 {
		return l.typ.Size
	}
	return p.Size
}

// at returns the address of the byte at an offset in the variable.
func (l *local) at(cfa mem.Addr, off int64) (mem.Addr, bool) {
	for _, p := range l.pieces {
		if off >= p.Off && off-p.Off < l.size(p) {
			return cfa + mem.Addr(p.At+off-p.Off), true
		}
	}
	return 0, false
}

// maxWords bounds the words that are read of a variable.
const maxWords = 64

// pointers calls visit with what each pointer in a variable points to, until it
// returns false.
func (n *Names) pointers(l *local, cfa mem.Addr, visit func(locus) bool) {
	words := 0
	for _, p := range l.pieces {
		for off := p.Off; off+8 <= p.Off+l.size(p) && words < maxWords; off += 8 {
			words++
			at := func(o int64) (mem.Addr, bool) { return l.at(cfa, o) }
			x, ok := n.pointer(value{name: l.name, typ: l.typ, at: at}, off)
			if ok && !visit(x) {
				return
			}
		}
	}
}
