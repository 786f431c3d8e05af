package layout

import (
	"debug/dwarf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"rtdbg/inspect/mem"
)

// Want names what FromDWARF takes out of an executable. Names are full, as
// the linker writes them: "runtime.g", "internal/sync.mutexLocked". A name
// that ends in "*" stands for every name that begins with the rest.
type Want struct {
	// Structs are type names. The struct types that their fields hold by
	// value come along.
	Structs []string
	// Consts are names of integer constants.
	Consts []string
	// Vars are names of package-level variables.
	Vars []string
}

// FromDWARF extracts what want names from an executable's DWARF, as written
// by cmd/link since Go 1.18. A name that the executable does not have is left
// out of the table: programs carry only the types that they use. The table's
// Go is the compiler's version, without experiments. GOOS, GOARCH, Source,
// WaitReasons and Strings are the caller's to set: DWARF does not have them.
//
// Only the compile units of the packages that are named are read, and that of
// package runtime, about 0.3 µs for each of their entries.
func FromDWARF(d *dwarf.Data, want Want) (t *Table, err error) {
	// debug/dwarf panics on some corrupt input.
	defer func() {
		if p := recover(); p != nil {
			t, err = nil, fmt.Errorf("DWARF: corrupt: %v", p)
		}
	}()
	x := &extractor{
		r:     d.Reader(),
		types: map[dwarf.Offset]typeRef{},
		t: &Table{
			Structs: map[string]*Struct{},
			Under:   map[string]string{},
			Consts:  map[string]int64{},
			Vars:    map[string]Var{},
		},
	}
	roots, err := x.scan(want)
	if err != nil {
		return nil, fmt.Errorf("DWARF: %w", err)
	}
	if x.t.Go == "" {
		return nil, errors.New("DWARF: no Go compile unit")
	}
	for _, root := range roots {
		if err := x.add(root); err != nil {
			return nil, fmt.Errorf("DWARF: %s: %w", root.name, err)
		}
	}
	return x.t, nil
}

// packages returns the compile units to read: that of package runtime, in
// which cmd/link puts all types, and those of the constants' and variables'
// packages.
func (w Want) packages() map[string]bool {
	p := map[string]bool{"runtime": true}
	for _, names := range [][]string{w.Consts, w.Vars} {
		for _, name := range names {
			dir := name[:strings.LastIndex(name, "/")+1]
			pkg, _, _ := strings.Cut(name[len(dir):], ".")
			p[dir+pkg] = true
		}
	}
	return p
}

// maxPadding bounds the null entries after the last one of a unit.
const maxPadding = 1 << 10

// langGo is DW_LANG_Go.
const langGo = 22

// root is a wanted type or variable, found by the scan.
type root struct {
	name string
	// typ is the type's entry, or the variable's type.
	typ dwarf.Offset
	// isVar tells a variable, at addr, from a type.
	isVar bool
	addr  mem.Addr
}

// extractor is the state of one FromDWARF.
type extractor struct {
	r       *dwarf.Reader
	ptrSize uint64
	types   map[dwarf.Offset]typeRef
	// resolves counts the types read, against maxResolves.
	resolves int
	t        *Table
}

// scan walks the top level of the compile units that have what is wanted. It
// stores constants and returns the rest to resolve.
func (x *extractor) scan(want Want) ([]root, error) {
	structs, consts, vars := newMatcher(want.Structs), newMatcher(want.Consts), newMatcher(want.Vars)
	packages := want.packages()
	var roots []root
	seen := map[string]bool{}
	depth := 0
	var last dwarf.Offset
	for {
		e, err := x.r.Next()
		if err != nil {
			return nil, err
		}
		if e == nil {
			return roots, nil
		}
		if e.Tag == 0 {
			// debug/dwarf returns null entries without end for a number
			// that the section cuts off.
			if depth--; depth < -maxPadding {
				return nil, errors.New("too many null entries")
			}
			continue
		}
		// A corrupt sibling attribute can lead SkipChildren backwards.
		if e.Offset < last {
			return nil, fmt.Errorf("entry 0x%x follows 0x%x", e.Offset, last)
		}
		last = e.Offset
		switch {
		case e.Tag == dwarf.TagCompileUnit:
			depth = 0
			if !x.unit(e) || !packages[entryName(e)] {
				x.r.SkipChildren()
				continue
			}
		case depth != 1:
		case e.Tag == dwarf.TagConstant:
			x.constant(e, consts)
		case e.Tag == dwarf.TagVariable:
			if v, ok := x.variable(e, vars); ok {
				roots = append(roots, v)
			}
		case isType(e.Tag):
			if name, ok := e.Val(dwarf.AttrName).(string); ok && !seen[name] && structs.match(name) {
				seen[name] = true
				roots = append(roots, root{name: name, typ: e.Offset})
			}
		}
		if e.Children {
			depth++
		}
	}
}

// unit reports whether e is a compile unit of Go code, and notes the
// compiler's version.
func (x *extractor) unit(e *dwarf.Entry) bool {
	if lang, _ := e.Val(dwarf.AttrLanguage).(int64); lang != langGo {
		return false
	}
	x.ptrSize = uint64(x.r.AddressSize())
	producer, _ := e.Val(dwarf.AttrProducer).(string)
	if v, ok := strings.CutPrefix(producer, "Go cmd/compile "); ok && x.t.Go == "" {
		// "go1.26.8; regabi". Experiments are not in it.
		x.t.Go, _, _ = strings.Cut(v, ";")
	}
	return true
}

func (x *extractor) constant(e *dwarf.Entry, consts matcher) {
	name, _ := e.Val(dwarf.AttrName).(string)
	v, ok := e.Val(dwarf.AttrConstValue).(int64)
	if ok && consts.match(name) {
		x.t.Consts[name] = v
	}
}

// opAddr is DW_OP_addr, how cmd/link places package-level variables, in
// DWARF 5 as well.
const opAddr = 0x03

func (x *extractor) variable(e *dwarf.Entry, vars matcher) (root, bool) {
	name, _ := e.Val(dwarf.AttrName).(string)
	if !vars.match(name) {
		return root{}, false
	}
	loc, _ := e.Val(dwarf.AttrLocation).([]byte)
	typ, ok := e.Val(dwarf.AttrType).(dwarf.Offset)
	if !ok || len(loc) < 1 || loc[0] != opAddr {
		return root{}, false
	}
	v := root{name: name, typ: typ, isVar: true}
	// All supported architectures are little-endian.
	switch len(loc) {
	case 1 + 8:
		v.addr = mem.Addr(binary.LittleEndian.Uint64(loc[1:]))
	case 1 + 4:
		v.addr = mem.Addr(binary.LittleEndian.Uint32(loc[1:]))
	default:
		return root{}, false
	}
	return v, true
}

// add resolves a root into the table.
func (x *extractor) add(r root) error {
	ref, err := x.resolve(r.typ, r.name, 0)
	if err != nil {
		return err
	}
	if r.isVar {
		x.t.Vars[r.name] = Var{Addr: r.addr, Size: ref.size, Type: ref.name}
	}
	return nil
}

func isType(t dwarf.Tag) bool {
	switch t {
	case dwarf.TagStructType, dwarf.TagTypedef, dwarf.TagArrayType, dwarf.TagBaseType, dwarf.TagPointerType, dwarf.TagSubroutineType:
		return true
	}
	return false
}

// matcher matches names against a list of names and of prefixes.
type matcher struct {
	exact    map[string]bool
	prefixes []string
}

func newMatcher(names []string) matcher {
	m := matcher{exact: make(map[string]bool, len(names))}
	for _, n := range names {
		if p, ok := strings.CutSuffix(n, "*"); ok {
			m.prefixes = append(m.prefixes, p)
		} else {
			m.exact[n] = true
		}
	}
	return m
}

func (m matcher) match(name string) bool {
	if m.exact[name] {
		return true
	}
	for _, p := range m.prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
