package rt

import (
	"reflect"

	"rtdbg/inspect/mem"
)

// itabTypeOffset is the offset in an itab of the concrete type (runtime.itab;
// internal/abi.ITab since Go 1.22): the second word, in every version.
const itabTypeOffset = 8

// ItabType returns the concrete type of the itab at a. The address is checked:
// an itab's first word is an interface type, its second the concrete type.
func (r *Runtime) ItabType(a mem.Addr) (mem.Addr, error) {
	b, err := r.Mem.View(a, 2*r.Arch.PtrSize)
	if err != nil {
		return 0, err
	}
	inter, typ := mem.Addr(r.word(b)), mem.Addr(r.word(b[itabTypeOffset:]))
	if !r.inTypes(inter) || !r.inTypes(typ) {
		return 0, &NotAnObjectError{Kind: "itab", Addr: a, Why: "it does not lead to an interface and a type"}
	}
	t, err := r.ReadType(inter)
	if err != nil {
		return 0, err
	}
	if reflect.Kind(t.Kind) != reflect.Interface {
		return 0, &NotAnObjectError{Kind: "itab", Addr: a, Why: "its first word is no interface type"}
	}
	return typ, nil
}

// ItabTypeName returns the name of the concrete type of the itab at a, such as
// "*context.cancelCtx".
func (r *Runtime) ItabTypeName(a mem.Addr) (string, error) {
	t, err := r.ItabType(a)
	if err != nil {
		return "", err
	}
	return r.TypeName(t)
}

// ItabInterfaceName returns the name of the interface type of the itab at a,
// such as "context.Context".
func (r *Runtime) ItabInterfaceName(a mem.Addr) (string, error) {
	if _, err := r.ItabType(a); err != nil {
		return "", err
	}
	inter, err := r.ReadWord(a)
	if err != nil {
		return "", err
	}
	return r.TypeName(mem.Addr(inter))
}

// InModules reports whether a lies in a module outside its code: in read-only
// data, where itabs and types are, or among the variables.
func (r *Runtime) InModules(a mem.Addr) bool {
	for i := range r.Modules {
		m := &r.Modules[i]
		if a >= min(m.Text, m.Types) && a < max(m.ENoPtrBSS, m.ETypes) && (a < m.Text || a >= m.EText) {
			return true
		}
	}
	return false
}
