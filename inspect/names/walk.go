package names

import (
	"reflect"
	"strings"

	"rtdbg/inspect/exe"
	"rtdbg/inspect/mem"
)

// locus is a typed object in memory.
type locus struct {
	// name is an expression of the object or, with pointer, of a pointer to
	// it.
	name    string
	pointer bool
	typ     *exe.Type // nil for a closure
	at      mem.Addr
	// many says that it is the first of any number of elements.
	many bool
	// inMap says that it is a part of how the runtime keeps a map.
	inMap bool
	// via is the variable with the closure that name begins in.
	via string
	// shown is the type to show of a channel or map, whose object has another.
	shown *exe.Type
}

// maxHops bounds the pointers that are followed.
const maxHops = 16

// walk follows words from x to the object at target.
func (n *Names) walk(x locus, words []mem.Addr, target mem.Addr, hops int) (locus, bool) {
	if len(words) == 0 {
		return n.arrive(x, target)
	}
	if words[0] < x.at || hops > maxHops {
		return x, false
	}
	x, v, off, ok := n.element(x, int64(words[0]-x.at))
	if !ok {
		return x, false
	}
	next, ok := n.pointer(v, off)
	if !ok {
		return x, false
	}
	return n.walk(next, words[1:], target, hops+1)
}

// element returns the value in x around an offset, and the offset in it.
func (n *Names) element(x locus, off int64) (locus, value, int64, bool) {
	if x.typ == nil {
		return n.capturedAt(x, off)
	}
	if x.typ.Size <= 0 {
		return x, value{}, 0, false
	}
	if x.many {
		x.at += mem.Addr(off - off%x.typ.Size)
		off %= x.typ.Size
		if !x.inMap && !strings.HasPrefix(x.name, "(<-") {
			x.name += "[…]"
		}
		x.many, x.pointer = false, false
	}
	if off >= x.typ.Size {
		return x, value{}, 0, false
	}
	return x, x.value(), off, true
}

// value is the object as a value.
func (x locus) value() value {
	base := x.at
	return value{name: x.selector(), typ: x.typ, inMap: x.inMap, via: x.via,
		at: func(off int64) (mem.Addr, bool) { return base + mem.Addr(off), true }}
}

// selector is what a field's name is put behind. Go follows pointers to structs
// by itself.
func (x locus) selector() string {
	switch name, moved := strings.CutPrefix(x.name, "&"); {
	case moved && x.pointer:
		return name
	case x.pointer && x.typ != nil && x.typ.Kind != reflect.Struct:
		return "*" + x.name
	}
	return x.name
}

// arrive names the object at target, which is x or lies in it.
func (n *Names) arrive(x locus, target mem.Addr) (locus, bool) {
	if x.typ == nil || target < x.at || x.inMap {
		return x, false
	}
	if x.shown != nil {
		x.typ = x.shown
		return x, target == x.at
	}
	off := int64(target - x.at)
	if off == 0 && !x.many && x.pointer && whole(x.typ) {
		x.name = strings.TrimPrefix(x.name, "&")
		return x, true
	}
	x, v, off, ok := n.element(x, off)
	if !ok {
		return x, false
	}
	for range maxNesting {
		if off == 0 && whole(v.typ) {
			return locus{name: v.name, typ: v.typ, at: target, via: v.via}, true
		}
		if v, off, ok = n.part(v, off); !ok {
			return x, false
		}
	}
	return x, false
}

// maxNesting bounds values within values.
const maxNesting = 32

// whole reports whether goroutines wait on values of the type, and not on
// something inside.
func whole(t *exe.Type) bool {
	if strings.HasPrefix(t.Name, "sync.") || strings.HasPrefix(t.Name, "internal/sync.") || t.Name == "internal/poll.fdMutex" {
		return true
	}
	return t.Kind != reflect.Struct && t.Kind != reflect.Array
}

// capturedAt returns the captured variable at an offset of a closure.
func (n *Names) capturedAt(x locus, off int64) (locus, value, int64, bool) {
	entry, err := n.rt.ReadWord(x.at)
	if err != nil {
		return x, value{}, 0, false
	}
	list, err := n.info.Captured(entry - n.bias)
	if err != nil {
		return x, value{}, 0, false
	}
	for _, c := range list {
		t, err := n.info.TypeAt(c.Type)
		if err != nil || off < c.Off || off >= c.Off+t.Size {
			continue
		}
		base := x.at + mem.Addr(c.Off)
		x.via = x.name
		return x, value{name: c.Name, typ: t, via: x.via,
			at: func(o int64) (mem.Addr, bool) { return base + mem.Addr(o), true }}, off - c.Off, true
	}
	return x, value{}, 0, false
}
