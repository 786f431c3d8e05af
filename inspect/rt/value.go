package rt

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// Limits on a value that is printed.
const (
	maxValueDepth  = 3
	maxValueFields = 12
	maxValueElems  = 8
	maxValueString = 64
)

// Offsets in the type descriptors that say more than abi.Type does, in bytes
// after its 48: the same since Go 1.18 (internal/abi/type.go; runtime/type.go
// before Go 1.21).
const (
	elemTypeOffset  = typeSize      // ArrayType.Elem, ChanType, PtrType, SliceType
	arrayLenOffset  = typeSize + 16 // ArrayType.Len
	fieldsOffset    = typeSize + 8  // StructType.Fields
	structFieldSize = 24            // StructField{Name, Typ, Offset}
)

// Value prints the value of the type with the descriptor at typ that lies at a,
// as %+v would but bounded: structures to a small depth, pointers as addresses.
// What the value itself points to, or a pointer in an interface, is shown
// behind the address. What is unreadable is written as such.
func (r *Runtime) Value(typ, a mem.Addr) string {
	if a == 0 {
		return "?"
	}
	var b strings.Builder
	r.value(&b, typ, a, 0)
	r.pointed(&b, typ, a)
	return b.String()
}

// pointed appends what the pointer of type typ at a points to, one level of it;
// nothing for another type or nil.
func (r *Runtime) pointed(b *strings.Builder, typ, a mem.Addr) {
	t, err := r.ReadType(typ)
	if err != nil || reflect.Kind(t.Kind) != reflect.Pointer {
		return
	}
	elem, err := r.ReadWord(typ + elemTypeOffset)
	if err != nil {
		return
	}
	if w, err := r.ReadWord(a); err == nil && w != 0 {
		b.WriteString(" → ")
		r.value(b, mem.Addr(elem), mem.Addr(w), maxValueDepth-1)
	}
}

func (r *Runtime) value(b *strings.Builder, typ, a mem.Addr, depth int) {
	t, err := r.ReadType(typ)
	if err != nil {
		b.WriteString("<unreadable: " + err.Error() + ">")
		return
	}
	switch reflect.Kind(t.Kind) {
	case reflect.Struct:
		r.structValue(b, &t, a, depth)
	case reflect.Array:
		r.arrayValue(b, &t, a, depth)
	case reflect.Interface:
		r.interfaceValue(b, &t, a, depth)
	default:
		b.WriteString(r.scalar(&t, a))
	}
}

// scalar prints a value that holds no others.
func (r *Runtime) scalar(t *Type, a mem.Addr) string {
	const most = 24
	if t.Size > most {
		return fmt.Sprintf("<%d bytes>", t.Size)
	}
	var raw [most]byte
	if err := r.Mem.ReadAt(raw[:t.Size], a); err != nil {
		return "<unreadable: " + err.Error() + ">"
	}
	o := r.Arch.Order
	w := o.Uint64(raw[:])
	switch k := reflect.Kind(t.Kind); k {
	case reflect.Bool:
		return strconv.FormatBool(raw[0] != 0)
	case reflect.Int, reflect.Int64:
		return strconv.FormatInt(int64(w), 10)
	case reflect.Int8:
		return strconv.Itoa(int(int8(raw[0])))
	case reflect.Int16:
		return strconv.Itoa(int(int16(o.Uint16(raw[:]))))
	case reflect.Int32:
		return strconv.Itoa(int(int32(o.Uint32(raw[:]))))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.FormatUint(w, 10)
	case reflect.Float32:
		return strconv.FormatFloat(float64(math.Float32frombits(o.Uint32(raw[:]))), 'g', -1, 32)
	case reflect.Float64:
		return strconv.FormatFloat(math.Float64frombits(w), 'g', -1, 64)
	case reflect.Complex128:
		return fmt.Sprint(complex(math.Float64frombits(w), math.Float64frombits(o.Uint64(raw[8:]))))
	case reflect.Complex64:
		return fmt.Sprint(complex(math.Float32frombits(o.Uint32(raw[:])), math.Float32frombits(o.Uint32(raw[4:]))))
	case reflect.String:
		return r.stringValue(layout.String{Ptr: w, Len: o.Uint64(raw[8:])})
	case reflect.Slice:
		return fmt.Sprintf("%v (len %d, cap %d)", mem.Addr(w), o.Uint64(raw[8:]), o.Uint64(raw[16:]))
	case reflect.Pointer, reflect.Chan, reflect.Map, reflect.Func, reflect.UnsafePointer:
		if w == 0 {
			return "nil"
		}
		return mem.Addr(w).String()
	default:
		return "<" + k.String() + ">"
	}
}

func (r *Runtime) stringValue(s layout.String) string {
	whole := s.Len
	s.Len = min(s.Len, maxValueString)
	text, err := r.ReadString(s)
	if err != nil {
		return "<unreadable: " + err.Error() + ">"
	}
	if whole > maxValueString {
		return fmt.Sprintf("%s… (%d bytes)", strconv.Quote(text), whole)
	}
	return strconv.Quote(text)
}

func (r *Runtime) structValue(b *strings.Builder, t *Type, a mem.Addr, depth int) {
	fields, err := r.readSliceAt(t.Addr + fieldsOffset)
	if err != nil || fields.Len > fields.Cap {
		b.WriteString("{<unreadable>}")
		return
	}
	if depth >= maxValueDepth && fields.Len > 0 {
		b.WriteString("{…}")
		return
	}
	b.WriteByte('{')
	for i := range fields.Len {
		if i > 0 {
			b.WriteByte(' ')
		}
		if i == maxValueFields {
			b.WriteString("…")
			break
		}
		w, err := r.readWords(mem.Addr(fields.Ptr+i*structFieldSize), 3)
		if err != nil {
			b.WriteString("<unreadable>")
			break
		}
		off := w[2]
		if r.oldStructFields() {
			off >>= 1 // the last bit said that the field is embedded
		}
		if name, err := r.readName(mem.Addr(w[0])); err == nil {
			b.WriteString(name + ":")
		}
		if off > t.Size {
			b.WriteString("<corrupt>")
			break
		}
		r.value(b, mem.Addr(w[1]), a+mem.Addr(off), depth+1)
	}
	b.WriteByte('}')
}

// oldStructFields reports whether the offset of a field shares its word with a
// flag (runtime.structfield.offsetAnon, up to Go 1.18).
func (r *Runtime) oldStructFields() bool {
	s := r.Layout.Structs["runtime.structfield"]
	return s != nil && s.Field("offsetAnon") != nil
}

func (r *Runtime) arrayValue(b *strings.Builder, t *Type, a mem.Addr, depth int) {
	w, err := r.readWords(t.Addr+elemTypeOffset, 1)
	n, nerr := r.ReadWord(t.Addr + arrayLenOffset)
	if err != nil || nerr != nil {
		b.WriteString("[<unreadable>]")
		return
	}
	elem, err := r.ReadType(mem.Addr(w[0]))
	if err != nil || depth >= maxValueDepth && n > 0 {
		b.WriteString("[…]")
		return
	}
	b.WriteByte('[')
	for i := range min(n, maxValueElems) {
		if i > 0 {
			b.WriteByte(' ')
		}
		r.value(b, elem.Addr, a+mem.Addr(i*elem.Size), depth+1)
	}
	if n > maxValueElems {
		b.WriteString(" …")
	}
	b.WriteByte(']')
}

// interfaceValue prints the dynamic type and the value, which lies behind the
// data word unless the type is a pointer itself.
func (r *Runtime) interfaceValue(b *strings.Builder, t *Type, a mem.Addr, depth int) {
	w, err := r.readWords(a, 2)
	if err != nil {
		b.WriteString("<unreadable: " + err.Error() + ">")
		return
	}
	if w[0] == 0 {
		b.WriteString("nil")
		return
	}
	// An interface without methods holds the type, one with methods an itab.
	typ := mem.Addr(w[0])
	if methods, err := r.readSliceAt(t.Addr + fieldsOffset); err == nil && methods.Len > 0 {
		if typ, err = r.ItabType(typ); err != nil {
			b.WriteString("<" + err.Error() + ">")
			return
		}
	}
	name, err := r.TypeName(typ)
	if err != nil {
		name = typ.String()
	}
	dyn, err := r.ReadType(typ)
	if err != nil {
		b.WriteString(name)
		return
	}
	b.WriteString(name + "(")
	switch {
	case depth >= maxValueDepth:
		b.WriteString("…")
	case pointerShaped(&dyn):
		data := a + mem.Addr(r.Arch.PtrSize)
		r.value(b, typ, data, depth+1)
		if depth == 0 {
			r.pointed(b, typ, data)
		}
	default:
		r.value(b, typ, mem.Addr(w[1]), depth+1)
	}
	b.WriteByte(')')
}

// pointerShaped reports whether an interface holds values of the type in its
// data word itself: those that are one pointer, alone or wrapped.
func pointerShaped(t *Type) bool {
	switch reflect.Kind(t.Kind) {
	case reflect.Pointer, reflect.Chan, reflect.Map, reflect.Func, reflect.UnsafePointer:
		return true
	case reflect.Struct, reflect.Array:
		return t.Size == 8 && t.PtrBytes == 8
	}
	return false
}
