package names

import (
	"debug/dwarf"
	"fmt"
	"reflect"
	"strings"

	"rtdbg/inspect/exe"
	"rtdbg/inspect/mem"
)

// value is a variable or a part of one, whose bytes may lie in several places.
type value struct {
	name  string
	typ   *exe.Type
	at    func(off int64) (mem.Addr, bool)
	inMap bool
	via   string
}

// part returns the field or element of a struct or array around an offset, and
// the offset in that.
func (n *Names) part(v value, off int64) (value, int64, bool) {
	base := v.at
	sub := func(start int64) func(int64) (mem.Addr, bool) {
		return func(o int64) (mem.Addr, bool) { return base(start + o) }
	}
	switch v.typ.Kind {
	case reflect.Struct:
		for i := range v.typ.Fields {
			f := &v.typ.Fields[i]
			if off < f.Off {
				continue
			}
			t, err := n.info.TypeAt(f.Type)
			if err != nil || off >= f.Off+t.Size {
				continue
			}
			return value{name: v.field(f), typ: t, at: sub(f.Off), inMap: v.inMap && !element(f.Name), via: v.via}, off - f.Off, true
		}
	case reflect.Array:
		t, err := n.info.TypeAt(v.typ.Elem)
		if err != nil || t.Size <= 0 {
			return v, 0, false
		}
		i := off / t.Size
		name := v.name
		if !v.inMap && !strings.HasSuffix(name, "[…]") {
			name = fmt.Sprintf("%s[%d]", name, i)
		}
		return value{name: name, typ: t, at: sub(i * t.Size), inMap: v.inMap, via: v.via}, off - i*t.Size, true
	}
	return v, 0, false
}

// field names a field of v. The runtime's own structures have no names in the
// program.
func (v value) field(f *exe.Field) string {
	switch {
	case v.inMap && element(f.Name):
		return v.name + "[…]"
	case v.inMap, strings.HasPrefix(v.typ.Name, "sync/atomic."):
		return v.name
	case buffer(v.typ, f.Name):
		return "(<-" + v.name + ")"
	}
	return v.name + "." + f.Name
}

// buffer reports whether a field is the buffer of a channel.
func buffer(t *exe.Type, field string) bool {
	return field == "buf" && strings.HasPrefix(t.Name, "hchan<")
}

// element reports whether a field of the runtime's structures holds keys or
// elements of a map: bucket.keys and values up to Go 1.23, slots.key and elem
// since Go 1.24.
func element(field string) bool {
	switch field {
	case "keys", "values", "key", "elem", "elems":
		return true
	}
	return false
}

// pointer returns what the pointer at an offset in a value points to.
func (n *Names) pointer(v value, off int64) (locus, bool) {
	for range maxNesting {
		switch v.typ.Kind {
		case reflect.Struct, reflect.Array:
			outer := v
			var ok bool
			if v, off, ok = n.part(v, off); !ok {
				return locus{}, false
			}
			if t, ok := n.atomic(outer.typ, v.typ); ok {
				v.typ = t
			} else if t, ok := n.smallMap(outer); ok && v.inMap {
				v.typ = t
			}
			continue
		}
		break
	}
	want := int64(0)
	if v.typ.Kind == reflect.Interface {
		want = 8
	}
	at, ok := v.at(off)
	if !ok || off != want {
		return locus{}, false
	}
	w, err := n.rt.ReadWord(at)
	if err != nil || w == 0 {
		return locus{}, false
	}
	x := locus{name: v.name, pointer: true, at: mem.Addr(w), inMap: v.inMap, via: v.via}
	if v.typ.Kind == reflect.Interface {
		return n.dynamic(v, x)
	}
	return n.pointee(v.typ, x)
}

// atomic returns the type of an atomic.Pointer[T], which holds a [0]*T beside
// an unsafe.Pointer.
func (n *Names) atomic(outer, inner *exe.Type) (*exe.Type, bool) {
	if inner.Kind != reflect.UnsafePointer || !strings.HasPrefix(outer.Name, "sync/atomic.Pointer[") || len(outer.Fields) == 0 {
		return nil, false
	}
	array, err := n.info.TypeAt(outer.Fields[0].Type)
	if err != nil || array.Kind != reflect.Array {
		return nil, false
	}
	t, err := n.info.TypeAt(array.Elem)
	return t, err == nil
}

// smallMap returns the type of a pointer to the only group of a small map. Its
// dirPtr is declared as a pointer to a directory of tables, which larger maps
// have (internal/runtime/maps.Map, since Go 1.24).
func (n *Names) smallMap(m value) (*exe.Type, bool) {
	t := m.typ
	if !m.inMap || !strings.HasPrefix(t.Name, "map<") {
		return nil, false
	}
	var tables *exe.Type
	for i := range t.Fields {
		f := &t.Fields[i]
		switch f.Name {
		case "dirPtr":
			tables, _ = n.info.TypeAt(f.Type)
		case "dirLen":
			at, _ := m.at(f.Off)
			if length, err := n.rt.ReadWord(at); err != nil || length != 0 {
				return nil, false
			}
		}
	}
	// **table has groups.data, which points to groups.
	for _, name := range []string{"", "", "groups", "data"} {
		if tables == nil {
			return nil, false
		}
		if tables, _ = n.info.TypeAt(follow(tables, name)); tables == nil {
			return nil, false
		}
	}
	return tables, true
}

// follow returns the type of a field, or with name "" what t points to.
func follow(t *exe.Type, name string) dwarf.Offset {
	if name == "" {
		return t.Elem
	}
	for i := range t.Fields {
		if t.Fields[i].Name == name {
			return t.Fields[i].Type
		}
	}
	return 0
}

// pointee completes x, which a value of type t points to.
func (n *Names) pointee(t *exe.Type, x locus) (locus, bool) {
	elem := t.Elem
	switch t.Kind {
	case reflect.Pointer:
		// In the runtime's structures a pointer may lead to any number.
		x.many = x.inMap || strings.HasPrefix(x.name, "(<-")
	case reflect.Slice:
		if len(t.Fields) == 0 {
			return x, false
		}
		array, err := n.info.TypeAt(t.Fields[0].Type)
		if err != nil {
			return x, false
		}
		x.many, elem = true, array.Elem
	case reflect.Func:
		return x, true
	case reflect.Chan:
		x.shown, elem = t, t.Under
	case reflect.Map:
		x.inMap, x.shown, elem = true, t, t.Under
	default:
		return x, false
	}
	u, err := n.info.TypeAt(elem)
	if err != nil {
		return x, false
	}
	x.typ = u
	return x, true
}

// dynamic completes x, the data of an interface v, by its dynamic type.
func (n *Names) dynamic(v value, x locus) (locus, bool) {
	at, ok := v.at(0)
	if !ok || len(v.typ.Fields) == 0 {
		return x, false
	}
	tab, err := n.rt.ReadWord(at)
	if err != nil || tab == 0 {
		return x, false
	}
	if v.typ.Fields[0].Name == "tab" {
		a, err := n.rt.ItabType(mem.Addr(tab))
		if err != nil {
			return x, false
		}
		tab = uint64(a)
	}
	t, ok := n.runtimeType(mem.Addr(tab))
	if !ok {
		return x, false
	}
	switch t.Kind {
	case reflect.Pointer, reflect.Chan, reflect.Map, reflect.Func:
		return n.pointee(t, x)
	}
	x.typ, x.pointer = t, false
	return x, true
}

// runtimeType returns the type with this descriptor.
func (n *Names) runtimeType(at mem.Addr) (*exe.Type, bool) {
	if len(n.rt.Modules) == 0 || at < n.rt.Modules[0].Types {
		return nil, false
	}
	t, err := n.info.RuntimeType(uint64(at - n.rt.Modules[0].Types))
	if err != nil {
		return nil, false
	}
	described, err := n.rt.ReadType(at)
	if err != nil || reflect.Kind(described.Kind) != t.Kind || int64(described.Size) != t.Size {
		return nil, false
	}
	return t, true
}
