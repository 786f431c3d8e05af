package stack

import (
	"fmt"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// bitmap is runtime.bitvector: bit i is set when word i holds a pointer.
type bitmap struct {
	n    int // in bits
	bits []byte
}

func (m bitmap) has(i int) bool { return i/8 < len(m.bits) && m.bits[i/8]>>(i%8)&1 != 0 }

// object is a stack object: a variable of the frame whose address is taken
// (runtime.stackObjectRecord, runtime/stack.go).
type object struct {
	// off is from varp when it is negative, from argp otherwise.
	off, size int32
	// ptrs says which words hold pointers. It is nil for the types that
	// describe themselves by a GC program (before Go 1.24): any word may.
	ptrs *bitmap
}

// frameMap is what the garbage collector knows of a frame at one PC.
type frameMap struct {
	locals, args bitmap
	objects      []object
	// dynamicArgs says that the argument map is that of a call that
	// reflect makes, and lies in the frame.
	dynamicArgs bool
	err         error
}

// Bounds on the maps of one frame, in words and objects. The compiler's
// limit of a frame is 1 GB on the stack, but frames of such size have no maps.
const (
	maxMapWords = 1 << 22
	maxObjects  = 1 << 16
)

// liveMap returns the maps of frame i of t. It mirrors
// runtime.(*stkframe).getStackMap. dead says that the frame will not run
// again, so that nothing in it is live.
func (u *Unwinder) liveMap(st *Stack, i int) (m *frameMap, dead bool) {
	p := &st.Frames[i]
	if i > 0 && st.Frames[i-1].Func.ID == pcln.FuncIDSigpanic {
		// The frame faulted: it goes on, if at all, in deferreturn.
		if p.Func.DeferReturn == 0 {
			return nil, true
		}
		m := u.buildMap(p.Func, p.Func.Entry+mem.Addr(p.Func.DeferReturn)+1)
		return &m, false
	}
	if m := p.live.Load(); m != nil {
		return m, false
	}
	built := u.buildMap(p.Func, p.PC)
	p.live.Store(&built)
	return &built, false
}

func (u *Unwinder) buildMap(f *pcln.Func, pc mem.Addr) frameMap {
	var m frameMap
	index := int32(-1)
	if pc != f.Entry {
		index = f.PCData(pcln.PCDataStackMapIndex, pc-1)
	}
	// In a prologue there is no index: the entry's map is the first.
	index = max(index, 0)
	if m.locals, m.err = u.stackMap(f, pcln.FuncDataLocalsPointerMaps, index); m.err != nil {
		return m
	}
	switch {
	case f.Args == pcln.ArgsSizeUnknown:
		m.dynamicArgs = f.Name == "reflect.makeFuncStub" || f.Name == "reflect.methodValueCall"
	case f.Args > 0:
		if m.args, m.err = u.stackMap(f, pcln.FuncDataArgsPointerMaps, index); m.err != nil {
			return m
		}
	}
	if m.dynamicArgs {
		m.objects = []object{u.syms.traits.regArgs.object()}
		return m
	}
	m.objects, m.err = u.objects(f)
	return m
}

// object is the object that runtime.stkobjinit makes for reflect's stubs.
func (r regArgs) object() object {
	words := int(r.ptrs / 8)
	m := bitmap{n: words + int(r.nptrs), bits: make([]byte, (words+int(r.nptrs)+7)/8)}
	for i := words; i < m.n; i++ {
		m.bits[i/8] |= 1 << (i % 8)
	}
	return object{off: -int32(r.size), size: int32(r.size), ptrs: &m}
}

// stackMap reads bitmap number index of a runtime.stackmap. A function
// without the FUNCDATA has the zero bitmap, with n = 0.
func (u *Unwinder) stackMap(f *pcln.Func, data int, index int32) (bitmap, error) {
	at := f.FuncData(data)
	if at == 0 {
		return bitmap{n: -1}, nil
	}
	b, err := u.syms.mem.View(at, 8)
	if err != nil {
		return bitmap{}, fmt.Errorf("stack: pointer map of %s: %w", f.Name, err)
	}
	n, nbit := int32(u.syms.arch.Order.Uint32(b)), int32(u.syms.arch.Order.Uint32(b[4:]))
	if nbit == 0 && n > 0 {
		return bitmap{}, nil
	}
	if index >= n || nbit < 0 || nbit > maxMapWords {
		return bitmap{}, fmt.Errorf("stack: pointer map %d of %d of %s, %d bits: corrupt", index, n, f.Name, nbit)
	}
	size := (int(nbit) + 7) / 8
	if b, err = u.syms.mem.View(at+8+mem.Addr(index)*mem.Addr(size), size); err != nil {
		return bitmap{}, fmt.Errorf("stack: pointer map of %s: %w", f.Name, err)
	}
	return bitmap{n: int(nbit), bits: b}, nil
}

// objects reads FUNCDATA_StackObjects.
func (u *Unwinder) objects(f *pcln.Func) ([]object, error) {
	at := f.FuncData(pcln.FuncDataStackObjects)
	if at == 0 {
		return nil, nil
	}
	order := u.syms.arch.Order
	b, err := u.syms.mem.View(at, 8)
	if err != nil {
		return nil, fmt.Errorf("stack: stack objects of %s: %w", f.Name, err)
	}
	n := order.Uint64(b)
	if n > maxObjects {
		return nil, fmt.Errorf("stack: %d stack objects of %s: corrupt", n, f.Name)
	}
	const recordSize = 16 // off, size, ptrBytes int32; gcdataoff uint32
	if b, err = u.syms.mem.View(at+8, int(n)*recordSize); err != nil {
		return nil, fmt.Errorf("stack: stack objects of %s: %w", f.Name, err)
	}
	objs := make([]object, 0, n)
	for ; len(b) > 0; b = b[recordSize:] {
		o := object{off: int32(order.Uint32(b)), size: int32(order.Uint32(b[4:]))}
		ptrBytes := int32(order.Uint32(b[8:]))
		if o.size < 0 || ptrBytes > o.size {
			return nil, fmt.Errorf("stack: stack object of %d bytes of %s: corrupt", o.size, f.Name)
		}
		if ptrBytes >= 0 {
			m := bitmap{n: int(ptrBytes) / 8}
			mask := f.Module().RoData + mem.Addr(order.Uint32(b[12:]))
			if m.bits, err = u.syms.mem.View(mask, (m.n+7)/8); err != nil {
				return nil, fmt.Errorf("stack: pointer mask of a stack object of %s: %w", f.Name, err)
			}
			o.ptrs = &m
		}
		objs = append(objs, o)
	}
	return objs, nil
}
