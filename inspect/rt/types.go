package rt

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"rtdbg/inspect/mem"
)

// Type is the part of a type descriptor (internal/abi.Type; runtime._type
// before Go 1.21) that rtdbg reads. Its layout is the same since Go 1.18.
type Type struct {
	Addr mem.Addr
	// Size is the size of a value in bytes; PtrBytes the length of its
	// prefix that can contain pointers.
	Size, PtrBytes uint64
	TFlag          uint8
	Kind           uint8
	// GCData is the pointer mask, one bit a word.
	GCData mem.Addr
	// Str is the offset of the name in the module's types.
	Str int32
}

// typeSize is the size of the common prefix of type descriptors in bytes.
const typeSize = 48

// tflagExtraStar says that the name has a leading "*" that does not belong to
// the type (internal/abi.TFlagExtraStar).
const tflagExtraStar = 1 << 1

// kindMask masks the kind out of abi.Type.Kind_, whose higher bits were flags
// before Go 1.24.
const kindMask = 1<<5 - 1

// ReadType reads the type descriptor at a.
func (r *Runtime) ReadType(a mem.Addr) (Type, error) {
	if a == 0 {
		return Type{}, &mem.Fault{Addr: a, Len: typeSize, Err: mem.ErrUnmapped}
	}
	var b [typeSize]byte
	if err := r.Mem.ReadAt(b[:], a); err != nil {
		return Type{}, fmt.Errorf("type descriptor: %w", err)
	}
	o := r.Arch.Order
	return Type{
		Addr:     a,
		Size:     o.Uint64(b[0:]),
		PtrBytes: o.Uint64(b[8:]),
		TFlag:    b[20],
		Kind:     b[23] & kindMask,
		GCData:   mem.Addr(o.Uint64(b[32:])),
		Str:      int32(o.Uint32(b[40:])),
	}, nil
}

// inTypes reports whether a lies in the types section of a module.
func (r *Runtime) inTypes(a mem.Addr) bool {
	for i := range r.Modules {
		if m := &r.Modules[i]; a >= m.Types && a < m.ETypes {
			return true
		}
	}
	return false
}

// maxTypeName bounds the name of a type in bytes; instantiated generic types
// get long.
const maxTypeName = 1 << 14

// TypeName returns the type's name as reflect prints it, such as
// "map[string]main.T". A type that was made at run time by reflect has its
// name outside the modules and yields an error.
func (r *Runtime) TypeName(a mem.Addr) (string, error) {
	if name, ok := r.typeNames.known.Load(a); ok {
		return name.(string), nil
	}
	name, err := r.readTypeName(a)
	if err == nil && r.typeNames.n.Add(1) <= maxTypeNames {
		r.typeNames.known.Store(a, name)
	}
	return name, err
}

// typeNames are the names of types that lie in modules, which never change, by
// address: a million channels have a few types.
type typeNames struct {
	known sync.Map
	n     atomic.Int64
}

// maxTypeNames bounds the names that are kept.
const maxTypeNames = 1 << 16

func (r *Runtime) readTypeName(a mem.Addr) (string, error) {
	t, err := r.ReadType(a)
	if err != nil {
		return "", err
	}
	for i := range r.Modules {
		m := &r.Modules[i]
		if a < m.Types || a >= m.ETypes {
			continue
		}
		name, err := r.readName(m.Types + mem.Addr(t.Str))
		if err != nil {
			return "", fmt.Errorf("type %v: name: %w", a, err)
		}
		if t.TFlag&tflagExtraStar != 0 {
			name = strings.TrimPrefix(name, "*")
		}
		return name, nil
	}
	return "", fmt.Errorf("type %v: made at run time, its name is not in a module", a)
}

// readName reads an abi.Name: a flag byte, the length as a varint, the bytes.
func (r *Runtime) readName(a mem.Addr) (string, error) {
	var head [4]byte
	if err := r.Mem.ReadAt(head[:], a); err != nil {
		return "", err
	}
	n, shift, i := 0, 0, 1
	for ; i < len(head); i++ {
		n |= int(head[i]&0x7f) << shift
		shift += 7
		if head[i]&0x80 == 0 {
			i++
			break
		}
	}
	if n == 0 || n > maxTypeName {
		return "", fmt.Errorf("corrupt name of %d bytes at %v", n, a)
	}
	b := make([]byte, n)
	if err := r.Mem.ReadAt(b, a+mem.Addr(i)); err != nil {
		return "", err
	}
	return string(b), nil
}
