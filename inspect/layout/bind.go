package layout

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// tagKey is the struct tag that names a field's source.
const tagKey = "rt"

// maxOps bounds a plan: an array takes an op for each element.
const maxOps = 1 << 16

// maxStruct bounds the size of a structure in bytes: offsets in it fit an op.
// The runtime's largest is heapArena, 2 MiB.
const maxStruct = 1 << 26

var (
	sliceType  = reflect.TypeFor[Slice]()
	stringType = reflect.TypeFor[String]()
	ifaceType  = reflect.TypeFor[Iface]()
)

// Bind compiles the plan that decodes target structures called structName
// into T. structName may list alternatives, "runtime.synctestBubble|
// runtime.synctestGroup", of which the first that t has is taken.
//
// T is a struct whose every field says with a tag what it is made from:
//
//	Status uint32   `rt:"atomicstatus"`        // a field
//	SchedPC mem.Addr `rt:"sched.pc"`           // of a nested struct
//	Elem   mem.Addr `rt:"elem.vu|elem"`        // the first of these that is there
//	Parent uint64   `rt:"parentGoid,optional"` // or none: then it is not written
//	Addr   mem.Addr `rt:"-"`                   // never written
//
// A field without a name (embedded) and without a tag contributes its own
// fields. Other fields may be
//   - integers and bool: from integers, bools and one-word references that are
//     not wider, sign-extended if the source is signed; a bool is true for
//     any byte but 0. A struct that wraps a single scalar (atomic.Uint32,
//     runtime.mutex) stands for that scalar;
//   - mem.Addr: as any unsigned integer of 8 bytes;
//   - Slice, String, Iface: from a header of that kind;
//   - arrays of these, of the same length;
//   - structs with tags of their own: from a nested struct.
//
// Errors name the structure, the field of T, and every path tried.
func Bind[T any](t *Table, structName string) (*Plan[T], error) {
	typ := reflect.TypeFor[T]()
	b := binder{t: t, offsets: map[string]uint64{}}
	s := t.anyStruct(structName)
	if s == nil {
		return nil, fmt.Errorf("%s: no such structure in %s", structName, t.describe())
	}
	if typ.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s: cannot decode into %v, which is not a struct", s.Name, typ)
	}
	if s.Size > maxStruct {
		return nil, fmt.Errorf("%s: a struct of %d bytes", s.Name, s.Size)
	}
	if !littleEndian(t.GOARCH) {
		return nil, fmt.Errorf("%s: structures of %s cannot be decoded, only little-endian ones", s.Name, t.GOARCH)
	}
	if err := b.bindStruct(typ, s.Name, 0, 0, ""); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return newPlan[T](s, &b)
}

// anyStruct returns the first structure of the alternatives in names.
func (t *Table) anyStruct(names string) *Struct {
	for name := range strings.SplitSeq(names, "|") {
		if s := t.Structs[name]; s != nil {
			return s
		}
	}
	return nil
}

func littleEndian(goarch string) bool {
	return !slices.Contains([]string{"s390x", "ppc64", "mips", "mips64"}, goarch)
}

// binder collects the ops of one plan.
type binder struct {
	t *Table
	// ops have src relative to the start of the structure.
	ops []op
	// offsets are those of the fields' sources, by the path of the field in T;
	// for a field of an array's elements, that of the first element.
	offsets map[string]uint64
}

// bindStruct binds the fields of typ, which lies at dst in T, to the target
// structure called name at src. prefix is the path of typ in T, with a final
// dot, or "".
func (b *binder) bindStruct(typ reflect.Type, name string, src uint64, dst uintptr, prefix string) error {
	for i := range typ.NumField() {
		f := typ.Field(i)
		tag, tagged := f.Tag.Lookup(tagKey)
		if tag == "-" {
			continue
		}
		at := dst + f.Offset
		if !tagged {
			if !f.Anonymous || f.Type.Kind() != reflect.Struct {
				return fmt.Errorf("field %s%s of %v has no %s tag", prefix, f.Name, typ, tagKey)
			}
			if err := b.bindStruct(f.Type, name, src, at, prefix+f.Name+"."); err != nil {
				return err
			}
			continue
		}
		if err := b.bindField(f.Type, tag, name, src, at, prefix+f.Name); err != nil {
			return fmt.Errorf("field %s%s: %w", prefix, f.Name, err)
		}
	}
	return nil
}

// bindField binds one tagged field.
func (b *binder) bindField(typ reflect.Type, tag, name string, src uint64, dst uintptr, path string) error {
	paths, option, _ := strings.Cut(tag, ",")
	if option != "" && option != "optional" {
		return fmt.Errorf("tag %q: unknown option %q", tag, option)
	}
	if paths == "" {
		return fmt.Errorf("tag %q names nothing", tag)
	}
	var errs []error
	for alt := range strings.SplitSeq(paths, "|") {
		s, err := b.t.find(name, alt)
		if absent := (*absentError)(nil); errors.As(err, &absent) {
			errs = append(errs, err)
			continue
		}
		if err != nil {
			return err
		}
		s.off += src
		if _, again := b.offsets[path]; !again {
			b.offsets[path] = s.off
		}
		if err := b.bindValue(typ, s, dst, path); err != nil {
			return fmt.Errorf("%s.%s: %w", name, alt, err)
		}
		return nil
	}
	if option == "optional" {
		return nil
	}
	return fmt.Errorf("none of %q: %s", paths, joinLine(errs))
}

// joinLine joins errors in one line.
func joinLine(errs []error) string {
	return strings.ReplaceAll(errors.Join(errs...).Error(), "\n", "; ")
}

// bindValue emits the ops that make a value of typ at dst from s.
func (b *binder) bindValue(typ reflect.Type, s span, dst uintptr, path string) error {
	if len(b.ops) > maxOps {
		return fmt.Errorf("more than %d values", maxOps)
	}
	switch {
	case typ == sliceType:
		return b.bindWords(kindSlice, 3, s, dst)
	case typ == stringType:
		return b.bindWords(kindString, 2, s, dst)
	case typ == ifaceType:
		return b.bindWords(kindInterface, 2, s, dst)
	case typ.Kind() == reflect.Array:
		return b.bindArray(typ, s, dst, path)
	case typ.Kind() == reflect.Struct:
		st := b.t.Structs[s.typ]
		if st == nil {
			return fmt.Errorf("%s is %v, not a struct", s.typ, b.t.kindOf(s.typ))
		}
		return b.bindStruct(typ, st.Name, s.off, dst, path+".")
	}
	return b.bindScalar(typ, s, dst)
}

// bindWords emits the ops for a header of n words.
func (b *binder) bindWords(want kind, n uint64, s span, dst uintptr) error {
	if k := b.t.kindOf(s.typ); k != want {
		return fmt.Errorf("%s is %v, not %v", s.typ, k, want)
	}
	word := s.size / n
	if word*n != s.size || (word != 4 && word != 8) {
		return fmt.Errorf("%s has %d bytes", s.typ, s.size)
	}
	for i := range n {
		b.ops = append(b.ops, op{code: extend(word, 8, false), src: uint32(s.off + i*word), dst: uint32(dst + uintptr(i)*8)})
	}
	return nil
}

func (b *binder) bindArray(typ reflect.Type, s span, dst uintptr, path string) error {
	n, elem, ok := b.t.Array(s.typ)
	if !ok {
		return fmt.Errorf("%s is %v, not an array", s.typ, b.t.kindOf(s.typ))
	}
	if n != uint64(typ.Len()) {
		return fmt.Errorf("%s has %d elements, not %d", s.typ, n, typ.Len())
	}
	if n == 0 {
		return nil
	}
	stride := s.size / n
	if stride*n != s.size {
		return fmt.Errorf("%s has %d bytes", s.typ, s.size)
	}
	for i := range n {
		e := span{off: s.off + i*stride, size: stride, typ: elem}
		if err := b.bindValue(typ.Elem(), e, dst+uintptr(i)*typ.Elem().Size(), path); err != nil {
			return err
		}
	}
	return nil
}

func (b *binder) bindScalar(typ reflect.Type, s span, dst uintptr) error {
	s = b.t.unwrap(s)
	k := b.t.kindOf(s.typ)
	if !k.scalar() {
		return fmt.Errorf("%s is %v, which does not fit %v", s.typ, k, typ)
	}
	o := op{src: uint32(s.off), dst: uint32(dst)}
	switch typ.Kind() {
	case reflect.Bool:
		if s.size != 1 {
			return fmt.Errorf("%s has %d bytes, bool has 1", s.typ, s.size)
		}
		o.code = opBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if s.size > uint64(typ.Size()) {
			return fmt.Errorf("%s has %d bytes, %v has %d", s.typ, s.size, typ, typ.Size())
		}
		o.code = extend(s.size, uint64(typ.Size()), k == kindInt)
	default:
		return fmt.Errorf("cannot decode into %v", typ)
	}
	if o.code == opNone {
		return fmt.Errorf("%s has %d bytes", s.typ, s.size)
	}
	b.ops = append(b.ops, o)
	return nil
}
