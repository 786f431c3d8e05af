package exe

import (
	"debug/dwarf"
	"fmt"
	"reflect"
)

// The attributes that cmd/link adds (cmd/internal/dwarf, DW_AT_go_*).
const (
	attrGoKind        dwarf.Attr = 0x2900
	attrGoElem        dwarf.Attr = 0x2902
	attrEmbedded      dwarf.Attr = 0x2903
	attrRuntimeType   dwarf.Attr = 0x2904
	attrClosureOffset dwarf.Attr = 0x2907 // since Go 1.23
)

// goKindMask takes the flag bits out of DW_AT_go_kind: before Go 1.26 it is the
// type descriptor's kind byte (internal/abi.KindMask).
const goKindMask = 1<<5 - 1

// The limits on one type: those of corrupt input do not exhaust memory.
const (
	maxFields   = 1 << 14
	maxTypedefs = 16
)

// Type is a Go type. The types that it consists of are offsets, for TypeAt.
type Type struct {
	// Name is as DWARF has it: "chan int", "main.pool"; pointers are "*T".
	Name string
	// Kind is reflect.Invalid where DWARF does not say it.
	Kind reflect.Kind
	// Size is in bytes.
	Size int64
	// Elem is the type of an array's, slice's, channel's or map's elements, or
	// what a pointer points to, 0 for none.
	Elem dwarf.Offset
	// Under is what the runtime makes of a channel or map: the type of the
	// structure that a value points to, 0 for others.
	Under dwarf.Offset
	// Fields are those of a struct, and of the runtime's representation of
	// interfaces, slices and strings.
	Fields []Field
}

// Field is a field of a Type.
type Field struct {
	Name string
	// Off is in bytes from the start of the struct.
	Off      int64
	Type     dwarf.Offset
	Embedded bool
}

// TypeAt returns the type that an offset stands for.
func (d *DebugInfo) TypeAt(off dwarf.Offset) (t *Type, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer recoverTo(&err, d.path)
	return d.typeAt(off)
}

func (d *DebugInfo) typeAt(off dwarf.Offset) (*Type, error) {
	if t, ok := d.types[off]; ok {
		return t, nil
	}
	t, err := d.readType(off, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: DWARF: type at %#x: %w", d.path, off, err)
	}
	d.types[off] = t
	return t, nil
}

func (d *DebugInfo) readType(off dwarf.Offset, depth int) (*Type, error) {
	r := d.data.Reader()
	r.Seek(off)
	e, err := r.Next()
	if err != nil {
		return nil, err
	}
	if e == nil || depth > maxTypedefs {
		return nil, fmt.Errorf("no type")
	}
	t := &Type{}
	t.Name, _ = e.Val(dwarf.AttrName).(string)
	t.Size, _ = e.Val(dwarf.AttrByteSize).(int64)
	t.Elem, _ = e.Val(attrGoElem).(dwarf.Offset)
	kind, _ := e.Val(attrGoKind).(int64)
	t.Kind = reflect.Kind(kind & goKindMask)
	under, _ := e.Val(dwarf.AttrType).(dwarf.Offset)
	switch e.Tag {
	case dwarf.TagTypedef:
		return d.typedef(t, under, depth)
	case dwarf.TagPointerType:
		if t.Elem, t.Size = under, 8; t.Kind == reflect.Invalid {
			t.Kind = reflect.Pointer
		}
	case dwarf.TagSubroutineType:
		t.Size, t.Kind = 8, reflect.Func
	case dwarf.TagArrayType:
		t.Elem, t.Kind = under, reflect.Array
	case dwarf.TagStructType:
		if t.Kind == reflect.Invalid {
			t.Kind = reflect.Struct
		}
		if e.Children {
			t.Fields, err = fields(r)
		}
	case dwarf.TagBaseType:
	default:
		return nil, fmt.Errorf("%v is no type of Go", e.Tag)
	}
	return t, err
}

// typedef completes t, a name for another type. Channels and maps are names
// for pointers to what the runtime makes of them, interfaces for structs.
func (d *DebugInfo) typedef(t *Type, under dwarf.Offset, depth int) (*Type, error) {
	u, err := d.readType(under, depth+1)
	if err != nil {
		return nil, err
	}
	switch t.Kind {
	case reflect.Chan, reflect.Map:
		t.Size, t.Under = 8, u.Elem
		return t, nil
	}
	named := *u
	if t.Name != "" {
		named.Name = t.Name
	}
	if t.Kind != reflect.Invalid {
		named.Kind = t.Kind
	}
	return &named, nil
}

// fields reads the members of a struct from r, which stands in front of them.
func fields(r *dwarf.Reader) ([]Field, error) {
	var list []Field
	for len(list) < maxFields {
		e, err := r.Next()
		if err != nil || e == nil || e.Tag == 0 {
			return list, err
		}
		if e.Children {
			r.SkipChildren()
		}
		if e.Tag != dwarf.TagMember {
			continue
		}
		f := Field{}
		f.Name, _ = e.Val(dwarf.AttrName).(string)
		f.Type, _ = e.Val(dwarf.AttrType).(dwarf.Offset)
		f.Off, _ = e.Val(dwarf.AttrDataMemberLoc).(int64)
		f.Embedded, _ = e.Val(attrEmbedded).(bool)
		list = append(list, f)
	}
	return list, nil
}

// RuntimeType returns the type whose descriptor (internal/abi.Type) lies at an
// offset, in bytes, from the beginning of all descriptors (moduledata.types).
// The first call reads all types.
func (d *DebugInfo) RuntimeType(offset uint64) (t *Type, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer recoverTo(&err, d.path)
	if d.runtime == nil {
		d.runtime = make(map[uint64]dwarf.Offset)
		if err := d.readRuntimeTypes(); err != nil {
			return nil, err
		}
	}
	off, ok := d.runtime[offset]
	if !ok {
		return nil, fmt.Errorf("%s: DWARF has no type for the descriptor at %#x", d.path, offset)
	}
	return d.typeAt(off)
}

// readRuntimeTypes finds the descriptors of all types, which cmd/link puts into
// the unit of package runtime.
func (d *DebugInfo) readRuntimeTypes() error {
	for _, u := range d.units {
		if u.name != "runtime" {
			continue
		}
		r := d.data.Reader()
		r.Seek(u.offset)
		e, err := r.Next()
		for depth, n := 0, 0; err == nil && e != nil && n < maxEntries; n++ {
			if e.Children {
				depth++
			}
			if e.Tag == 0 {
				if depth--; depth <= 0 {
					break
				}
			}
			switch v := e.Val(attrRuntimeType).(type) {
			case uint64:
				if v != 0 {
					d.runtime[v] = e.Offset
				}
			}
			e, err = r.Next()
		}
		if err != nil {
			return fmt.Errorf("%s: DWARF: %w", d.path, err)
		}
	}
	return nil
}
