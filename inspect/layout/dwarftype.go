package layout

import (
	"cmp"
	"debug/dwarf"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// The attributes that cmd/link adds to types (cmd/internal/dwarf, DW_AT_go_*).
const (
	attrGoKind dwarf.Attr = 0x2900
	attrGoElem dwarf.Attr = 0x2902
)

// goKindMask takes the flag bits out of DW_AT_go_kind: before Go 1.26 it is
// the type descriptor's kind byte (internal/abi.KindMask).
const goKindMask = 1<<5 - 1

// Limits on what is read from debug information, far above what the runtime
// has: corrupt input must not exhaust memory, time or the stack.
const (
	maxFields   = 1 << 12
	maxResolves = 1 << 20
	maxNesting  = 64
	maxTypeSize = 1 << 40
)

// typeRef is a resolved type: its name as a Field has it, and its size.
type typeRef struct {
	name string
	size uint64
}

// resolve reads the type at off, and adds the struct types that it holds by
// value to the table. A struct type without a name is called owner.
func (x *extractor) resolve(off dwarf.Offset, owner string, depth int) (typeRef, error) {
	if ref, ok := x.types[off]; ok {
		return ref, nil
	}
	if x.resolves++; x.resolves > maxResolves {
		return typeRef{}, fmt.Errorf("more than %d types", maxResolves)
	}
	if depth > maxNesting {
		return typeRef{}, fmt.Errorf("types nest more than %d deep", maxNesting)
	}
	e, err := x.entry(off)
	if err != nil {
		return typeRef{}, err
	}
	ref, err := x.resolveEntry(e, owner, depth)
	if err != nil {
		return typeRef{}, err
	}
	if ref.size > maxTypeSize {
		return typeRef{}, fmt.Errorf("type %s has %d bytes", ref.name, ref.size)
	}
	// A struct type without a name has one name for each of its owners.
	if !strings.Contains(entryName(e), "struct {") {
		x.types[off] = ref
	}
	return ref, nil
}

func (x *extractor) resolveEntry(e *dwarf.Entry, owner string, depth int) (typeRef, error) {
	name := entryName(e)
	goKind, _ := e.Val(attrGoKind).(int64)
	kind := reflect.Kind(goKind & goKindMask)
	switch {
	case e.Tag == dwarf.TagTypedef && kind == reflect.Interface:
		return x.named(name, "interface {", "interface {}", 2*x.ptrSize), nil
	case e.Tag == dwarf.TagTypedef && kind == reflect.Map:
		return x.named(name, "map[", "map", x.ptrSize), nil
	case e.Tag == dwarf.TagTypedef && kind == reflect.Chan:
		return x.namedChan(name), nil
	case e.Tag == dwarf.TagTypedef:
		target, ok := e.Val(dwarf.AttrType).(dwarf.Offset)
		if !ok {
			return typeRef{}, fmt.Errorf("typedef %s has no type", name)
		}
		return x.resolve(target, owner, depth+1)
	case e.Tag == dwarf.TagSubroutineType:
		return x.named(name, "func(", "func()", x.ptrSize), nil
	case e.Tag == dwarf.TagPointerType:
		if name == "unsafe.Pointer" {
			return typeRef{name, x.ptrSize}, nil
		}
		return x.named(name, "*", "unsafe.Pointer", x.ptrSize), nil
	case e.Tag == dwarf.TagBaseType:
		return x.baseType(e, name)
	case e.Tag == dwarf.TagArrayType:
		return x.array(e, name, owner, depth)
	case e.Tag == dwarf.TagStructType && kind == reflect.String:
		if name != "string" {
			x.t.Under[name] = "string"
		}
		return typeRef{name, 2 * x.ptrSize}, nil
	case e.Tag == dwarf.TagStructType && kind == reflect.Slice:
		return x.slice(e, name)
	case e.Tag == dwarf.TagStructType:
		return x.structType(e, name, owner, depth)
	}
	return typeRef{}, fmt.Errorf("entry %v at 0x%x is not a Go type", e.Tag, e.Offset)
}

// named is a type that is a literal if its name begins with literal, and
// otherwise a named type with that underlying type.
func (x *extractor) named(name, literal, under string, size uint64) typeRef {
	if !strings.HasPrefix(name, literal) {
		x.t.Under[name] = under
	}
	return typeRef{name, size}
}

func (x *extractor) namedChan(name string) typeRef {
	if strings.HasPrefix(name, "<-chan ") || strings.HasPrefix(name, "chan<- ") {
		return typeRef{name, x.ptrSize}
	}
	return x.named(name, "chan ", "chan", x.ptrSize)
}

// DW_ATE_* encodings of base types.
const (
	encBoolean  = 0x02
	encComplex  = 0x03
	encFloat    = 0x04
	encSigned   = 0x05
	encUnsigned = 0x07
)

func (x *extractor) baseType(e *dwarf.Entry, name string) (typeRef, error) {
	size, err := entrySize(e, name)
	if err != nil {
		return typeRef{}, err
	}
	enc, _ := e.Val(dwarf.AttrEncoding).(int64)
	bits := strconv.FormatUint(8*size, 10)
	var under string
	switch enc {
	case encBoolean:
		under = "bool"
	case encSigned:
		under = "int" + bits
	case encUnsigned:
		under = "uint" + bits
	case encFloat:
		under = "float" + bits
	case encComplex:
		under = "complex" + bits
	default:
		return typeRef{}, fmt.Errorf("type %s has encoding %d", name, enc)
	}
	if _, basic := basicKinds[name]; !basic {
		x.t.Under[name] = under
	}
	return typeRef{name, size}, nil
}

func (x *extractor) slice(e *dwarf.Entry, name string) (typeRef, error) {
	if strings.HasPrefix(name, "[]") {
		return typeRef{name, 3 * x.ptrSize}, nil
	}
	elem := "?"
	if off, ok := e.Val(attrGoElem).(dwarf.Offset); ok {
		el, err := x.entry(off)
		if err != nil {
			return typeRef{}, err
		}
		elem = entryName(el)
	}
	x.t.Under[name] = "[]" + elem
	return typeRef{name, 3 * x.ptrSize}, nil
}

func (x *extractor) array(e *dwarf.Entry, name, owner string, depth int) (typeRef, error) {
	count, err := x.arrayCount(e)
	if err != nil {
		return typeRef{}, fmt.Errorf("array %s: %w", name, err)
	}
	off, ok := e.Val(dwarf.AttrType).(dwarf.Offset)
	if !ok {
		return typeRef{}, fmt.Errorf("array %s has no element type", name)
	}
	literal := strings.HasPrefix(name, "[")
	if !literal {
		owner = name + ".elem"
	}
	elem, err := x.resolve(off, owner, depth+1)
	if err != nil {
		return typeRef{}, err
	}
	if count > 0 && elem.size > maxTypeSize/count {
		return typeRef{}, fmt.Errorf("array %s has %d elements of %d bytes", name, count, elem.size)
	}
	ref := typeRef{fmt.Sprintf("[%d]%s", count, elem.name), count * elem.size}
	if !literal {
		x.t.Under[name] = ref.name
		ref.name = name
	}
	return ref, nil
}

// arrayCount reads the length from the array's subrange entry.
func (x *extractor) arrayCount(e *dwarf.Entry) (uint64, error) {
	x.r.Seek(e.Offset)
	if _, err := x.r.Next(); err != nil {
		return 0, err
	}
	c, err := x.r.Next()
	if err != nil {
		return 0, err
	}
	if c == nil || c.Tag != dwarf.TagSubrangeType {
		return 0, errors.New("no length")
	}
	n, ok := c.Val(dwarf.AttrCount).(int64)
	if !ok || n < 0 {
		return 0, errors.New("no length")
	}
	return uint64(n), nil
}

// structType adds a struct and its fields to the table. The members are read
// before their types, because there is one reader.
func (x *extractor) structType(e *dwarf.Entry, name, owner string, depth int) (typeRef, error) {
	if strings.HasPrefix(name, "struct {") {
		name = owner
	}
	size, err := entrySize(e, name)
	if err != nil {
		return typeRef{}, err
	}
	ref := typeRef{name, size}
	if x.t.Structs[name] != nil {
		return ref, nil
	}
	s := &Struct{Name: name, Size: size}
	x.t.Structs[name] = s
	members, err := x.members(e)
	if err != nil {
		return ref, fmt.Errorf("struct %s: %w", name, err)
	}
	for _, m := range members {
		t, err := x.resolve(m.typ, name+"."+m.name, depth+1)
		if err != nil {
			return ref, fmt.Errorf("%s.%s: %w", name, m.name, err)
		}
		if m.off > size || t.size > size-m.off {
			return ref, fmt.Errorf("%s.%s: bytes %d to %d of a struct of %d", name, m.name, m.off, m.off+t.size, size)
		}
		s.Fields = append(s.Fields, Field{Name: m.name, Off: m.off, Size: t.size, Type: t.name})
	}
	slices.SortStableFunc(s.Fields, func(a, b Field) int {
		return cmp.Or(cmp.Compare(a.Off, b.Off), cmp.Compare(a.Size, b.Size))
	})
	return ref, nil
}

// member is a field as its entry has it.
type member struct {
	name string
	off  uint64
	typ  dwarf.Offset
}

func (x *extractor) members(e *dwarf.Entry) ([]member, error) {
	if !e.Children {
		return nil, nil
	}
	x.r.Seek(e.Offset)
	if _, err := x.r.Next(); err != nil {
		return nil, err
	}
	var ms []member
	for {
		c, err := x.r.Next()
		if err != nil {
			return nil, err
		}
		if c == nil || c.Tag == 0 {
			return ms, nil
		}
		off, okOff := c.Val(dwarf.AttrDataMemberLoc).(int64)
		typ, okType := c.Val(dwarf.AttrType).(dwarf.Offset)
		if c.Tag != dwarf.TagMember || !okOff || !okType || off < 0 || c.Children {
			return nil, fmt.Errorf("entry %v at 0x%x is not a field", c.Tag, c.Offset)
		}
		if len(ms) == maxFields {
			return nil, fmt.Errorf("more than %d fields", maxFields)
		}
		ms = append(ms, member{entryName(c), uint64(off), typ})
	}
}

func (x *extractor) entry(off dwarf.Offset) (*dwarf.Entry, error) {
	x.r.Seek(off)
	e, err := x.r.Next()
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, fmt.Errorf("no entry at 0x%x", off)
	}
	return e, nil
}

func entryName(e *dwarf.Entry) string {
	name, _ := e.Val(dwarf.AttrName).(string)
	return name
}

func entrySize(e *dwarf.Entry, name string) (uint64, error) {
	n, ok := e.Val(dwarf.AttrByteSize).(int64)
	if !ok || n < 0 || n > maxTypeSize {
		return 0, fmt.Errorf("type %s has no valid size", name)
	}
	return uint64(n), nil
}
