package exe

import (
	"debug/dwarf"
	"fmt"
	"sort"
)

// Local is a variable, an argument or a result of a function.
type Local struct {
	// Name is as in the source; "&x" holds the address of x, which was moved
	// to the heap.
	Name string
	// Type is its type, for TypeAt.
	Type dwarf.Offset
	// Depth is how many calls that were inlined it lies in, 0 for one of the
	// function itself.
	Depth int
	// Here is where on the stack it is at the PC, in pieces; none while it is
	// in registers or nowhere.
	Here []Piece
	// Elsewhere is where on the stack it is at other PCs of the function. The
	// compiler gives a place on the stack to one variable, mostly, and does
	// not say of every PC at which the value is still there that it is.
	Elsewhere []Piece
	// InScope says that the PC is in the block that declares it.
	InScope bool
}

// Piece is a part of a variable that lies on the stack.
type Piece struct {
	// At is the offset in bytes from the canonical frame address, which is the
	// value of SP in the caller.
	At int64
	// Off and Size are the part of the variable; Size 0 is all of it.
	Off, Size int64
}

// Captured is a variable that a closure has captured.
type Captured struct {
	Name string
	Type dwarf.Offset
	// Off is its offset in the closure, in bytes.
	Off int64
}

// function is what is kept of a function.
type function struct {
	unit   *unit
	locals []localEntry
}

// localEntry is a variable with all its places.
type localEntry struct {
	name  string
	typ   dwarf.Offset
	depth int
	// always is where it is at all times, if places is nil.
	always []Piece
	places []place
	scopes [][2]uint64 // nil: everywhere
}

// place is where a variable is within a range of PCs.
type place struct {
	low, high uint64
	pieces    []Piece
}

// maxLocals bounds the variables of a function.
const maxLocals = 1 << 14

// Locals returns the variables of the function at pc, with those of the calls
// inlined there. For a frame that has called another, pc is that of the call:
// in front of the return address.
func (d *DebugInfo) Locals(pc uint64) (list []Local, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer recoverTo(&err, d.path)
	fn, err := d.functionAt(pc)
	if err != nil {
		return nil, err
	}
	for i := range fn.locals {
		e := &fn.locals[i]
		l := Local{Name: e.name, Type: e.typ, Depth: e.depth, Here: e.always, InScope: e.scopes == nil}
		for _, s := range e.scopes {
			l.InScope = l.InScope || pc >= s[0] && pc < s[1]
		}
		if e.depth > 0 && !l.InScope {
			continue // of another call
		}
		for _, p := range e.places {
			if pc >= p.low && pc < p.high {
				l.Here = p.pieces
			} else {
				l.Elsewhere = append(l.Elsewhere, p.pieces...)
			}
		}
		list = append(list, l)
	}
	return list, nil
}

// Captured returns what the closures of the function with this entry capture,
// where the compiler says it: since Go 1.23.
func (d *DebugInfo) Captured(entry uint64) (list []Captured, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer recoverTo(&err, d.path)
	if list, ok := d.captured[entry]; ok {
		return list, nil
	}
	if _, err := d.functionAt(entry); err != nil {
		return nil, err
	}
	return d.captured[entry], nil
}

// functionAt returns the function at pc.
func (d *DebugInfo) functionAt(pc uint64) (*function, error) {
	u := d.unitAt(pc)
	if u == nil {
		return nil, fmt.Errorf("%s: DWARF has no code at %#x", d.path, pc)
	}
	if err := d.index(u); err != nil {
		return nil, fmt.Errorf("%s: DWARF: %w", d.path, err)
	}
	i := sort.Search(len(u.funcs), func(i int) bool { return u.funcs[i].low > pc }) - 1
	if i < 0 || pc >= u.funcs[i].high {
		return nil, fmt.Errorf("%s: DWARF has no function at %#x", d.path, pc)
	}
	entry := u.funcs[i]
	if fn := d.funcs[entry.offset]; fn != nil {
		return fn, nil
	}
	fn, err := d.readFunction(u, entry)
	if err != nil {
		return nil, fmt.Errorf("%s: DWARF: function at %#x: %w", d.path, entry.low, err)
	}
	d.funcs[entry.offset] = fn
	return fn, nil
}

// scope is a block, or a call that was inlined.
type scope struct {
	depth  int
	ranges [][2]uint64
}

func (d *DebugInfo) readFunction(u *unit, at funcEntry) (*function, error) {
	fn := &function{unit: u}
	r := d.data.Reader()
	r.Seek(at.offset)
	e, err := r.Next()
	if err != nil || e == nil || !e.Children {
		return fn, err
	}
	scopes := []scope{{}}
	for n := 0; len(scopes) > 0 && n < maxEntries && len(fn.locals) < maxLocals; n++ {
		if e, err = r.Next(); err != nil || e == nil {
			return fn, err
		}
		in := scopes[len(scopes)-1]
		switch e.Tag {
		case 0:
			scopes = scopes[:len(scopes)-1]
			continue
		case dwarf.TagLexDwarfBlock, dwarf.TagInlinedSubroutine:
			if e.Tag == dwarf.TagInlinedSubroutine {
				in.depth++
			}
			if ranges, err := d.data.Ranges(e); err == nil && len(ranges) > 0 {
				in.ranges = ranges
			}
		case dwarf.TagFormalParameter, dwarf.TagVariable:
			d.addLocal(fn, at.low, in, e)
		}
		if e.Children {
			scopes = append(scopes, in)
		}
	}
	return fn, nil
}

// addLocal adds the variable that e declares.
func (d *DebugInfo) addLocal(fn *function, entry uint64, in scope, e *dwarf.Entry) {
	l := localEntry{depth: in.depth, scopes: in.ranges}
	if l.name, l.typ = d.declared(e); l.typ == 0 || l.name == "" {
		return
	}
	if off, ok := e.Val(attrClosureOffset).(int64); ok && in.depth == 0 {
		d.captured[entry] = append(d.captured[entry], Captured{l.name, l.typ, off})
	}
	switch v := e.Val(dwarf.AttrLocation).(type) {
	case []byte:
		l.always = pieces(v)
	case int64:
		l.places = d.locationList(fn.unit, uint64(v))
	}
	fn.locals = append(fn.locals, l)
}

// maxOrigins bounds a chain of abstract origins.
const maxOrigins = 4

// declared returns the name and the type of a variable, which stand in another
// entry if the function was inlined anywhere.
func (d *DebugInfo) declared(e *dwarf.Entry) (name string, typ dwarf.Offset) {
	for range maxOrigins {
		if name == "" {
			name, _ = e.Val(dwarf.AttrName).(string)
		}
		if typ == 0 {
			typ, _ = e.Val(dwarf.AttrType).(dwarf.Offset)
		}
		origin, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
		if !ok || name != "" && typ != 0 {
			break
		}
		r := d.data.Reader()
		r.Seek(origin)
		next, err := r.Next()
		if err != nil || next == nil {
			break
		}
		e = next
	}
	return name, typ
}
