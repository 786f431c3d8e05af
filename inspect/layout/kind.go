package layout

import (
	"strconv"
	"strings"
)

// kind classifies target types by what their bytes mean.
type kind uint8

const (
	kindUnknown kind = iota
	kindBool
	kindInt
	kindUint
	// kindPointer is any one-word reference: a pointer, a map, a channel, a
	// func value.
	kindPointer
	kindString
	kindSlice
	kindInterface
	kindArray
	kindStruct
	kindFloat
)

var kindNames = [...]string{"a type of unknown kind", "a bool", "a signed integer", "an unsigned integer", "a pointer",
	"a string", "a slice", "an interface", "an array", "a struct", "a floating-point number"}

// String returns the kind with its article.
func (k kind) String() string { return kindNames[k] }

func (k kind) scalar() bool {
	return k == kindBool || k == kindInt || k == kindUint || k == kindPointer
}

// basicKinds are Go's predeclared types, as the linker spells them.
var basicKinds = map[string]kind{
	"bool": kindBool,
	"int":  kindInt, "int8": kindInt, "int16": kindInt, "int32": kindInt, "int64": kindInt,
	"uint": kindUint, "uint8": kindUint, "uint16": kindUint, "uint32": kindUint, "uint64": kindUint,
	"uintptr":        kindUint,
	"unsafe.Pointer": kindPointer,
	"string":         kindString,
	"float32":        kindFloat, "float64": kindFloat, "complex64": kindFloat, "complex128": kindFloat,
	"map": kindPointer, "chan": kindPointer,
}

// maxUnder bounds the steps from a named type to its underlying type; one is
// what a table made from DWARF needs.
const maxUnder = 4

// underlying follows t.Under from a type's name.
func (t *Table) underlying(typ string) string {
	for range maxUnder {
		u, ok := t.Under[typ]
		if !ok {
			break
		}
		typ = u
	}
	return typ
}

// kindOf classifies a type as a Field spells it.
func (t *Table) kindOf(typ string) kind {
	if t.Structs[typ] != nil {
		return kindStruct
	}
	typ = t.underlying(typ)
	if k, ok := basicKinds[typ]; ok {
		return k
	}
	switch {
	case strings.HasPrefix(typ, "*"), strings.HasPrefix(typ, "func("), strings.HasPrefix(typ, "map["),
		strings.HasPrefix(typ, "chan "), strings.HasPrefix(typ, "<-chan "), strings.HasPrefix(typ, "chan<- "):
		return kindPointer
	case strings.HasPrefix(typ, "[]"):
		return kindSlice
	case strings.HasPrefix(typ, "["):
		return kindArray
	case strings.HasPrefix(typ, "interface {"):
		return kindInterface
	case t.Structs[typ] != nil:
		return kindStruct
	}
	return kindUnknown
}

// Array splits an array type, as a Field or a Var spells it, into its length
// and the type of its elements, whose size is that of the array divided by
// the length. It follows named types: "runtime.semTable" since Go 1.19.
func (t *Table) Array(typ string) (n uint64, elem string, ok bool) {
	typ = t.underlying(typ)
	length, elem, ok := strings.Cut(strings.TrimPrefix(typ, "["), "]")
	if !ok || !strings.HasPrefix(typ, "[") {
		return 0, "", false
	}
	n, err := strconv.ParseUint(length, 10, 64)
	return n, elem, err == nil
}

// maxWrap bounds how deep a scalar may be wrapped in structs of one field.
const maxWrap = 8

// unwrap follows structs that hold nothing but one scalar down to it:
// atomic.Uint32{noCopy, value}, runtime.mutex{lockRankStruct, key}. What is
// no such wrapper is returned as it is.
func (t *Table) unwrap(r span) span {
	in := r
	for range maxWrap {
		s := t.Structs[r.typ]
		if s == nil {
			if t.kindOf(r.typ).scalar() {
				return r
			}
			return in
		}
		only := -1
		for i := range s.Fields {
			if s.Fields[i].Size == 0 {
				continue
			}
			if only >= 0 {
				return in
			}
			only = i
		}
		if only < 0 {
			return in
		}
		f := &s.Fields[only]
		if f.Off > r.size || f.Size > r.size-f.Off {
			return in
		}
		r = span{off: r.off + f.Off, size: f.Size, typ: f.Type}
	}
	return in
}
