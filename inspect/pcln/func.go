package pcln

import (
	"bytes"

	"rtdbg/inspect/mem"
)

// Func is one function of the target (runtime._func, runtime/runtime2.go).
// It is immutable and safe for concurrent use; the same function is always
// the same *Func.
type Func struct {
	// Name is the linker's symbol name, such as "main.(*T).m", with the
	// full type arguments of a generic function since Go 1.21.
	Name string
	// Entry is the address of the first instruction, End that of the next
	// function.
	Entry, End mem.Addr
	ID         FuncID
	Flag       FuncFlag
	// Args is the size in bytes of the arguments and results on the stack,
	// or ArgsSizeUnknown.
	Args int32
	// StartLine is the line of the func keyword, 0 before Go 1.20.
	StartLine int32
	// DeferReturn is the offset from Entry of a deferreturn call, 0 when
	// there is none.
	DeferReturn uint32

	mod                *module
	pcsp, pcfile, pcln uint32
	cuOffset           uint32
	pcdata, funcdata   []byte // the arrays after the _func, 4 bytes each
}

// funcAt returns the i'th function of m, decoding it the first time, or nil
// if its _func lies outside the table.
func (m *module) funcAt(i int) *Func {
	if f := m.funcs[i].Load(); f != nil {
		return f
	}
	f := m.decode(i)
	if f == nil {
		return nil
	}
	if m.funcs[i].CompareAndSwap(nil, f) {
		return f
	}
	return m.funcs[i].Load()
}

func (m *module) decode(i int) *Func {
	off, b := m.raw(i)
	if b == nil {
		return nil
	}
	order, fm := m.tab.order, m.tab.format
	f := &Func{
		Name:        m.nameAt(order.Uint32(b[4:])),
		Entry:       m.textAddr(order.Uint32(b)),
		End:         m.textAddr(m.entryOff(i + 1)),
		Args:        int32(order.Uint32(b[8:])),
		DeferReturn: order.Uint32(b[12:]),
		mod:         m,
		pcsp:        order.Uint32(b[16:]),
		pcfile:      order.Uint32(b[20:]),
		pcln:        order.Uint32(b[24:]),
		cuOffset:    order.Uint32(b[32:]),
	}
	// The fixed part ends with funcID, flag, a pad byte and nfuncdata.
	tail := b[fm.funcSize-4:]
	f.ID, f.Flag = fm.funcID(tail[0]), FuncFlag(tail[1])
	if fm.startLine >= 0 {
		f.StartLine = int32(order.Uint32(b[fm.startLine:]))
	}
	rest := m.pcln[off+fm.funcSize:]
	npcdata, nfuncdata := uint64(order.Uint32(b[28:])), uint64(tail[3])
	if 4*(npcdata+nfuncdata) <= uint64(len(rest)) {
		f.pcdata = rest[:4*npcdata]
		f.funcdata = rest[4*npcdata : 4*(npcdata+nfuncdata)]
	}
	return f
}

// nameAt mirrors moduledata.funcName, which takes offset 0 for no name: so the
// first function of the text, the build ID, has none.
func (m *module) nameAt(off uint32) string {
	if off == 0 {
		return ""
	}
	return cstring(m.funcname, uint64(off))
}

// cstring returns the NUL-terminated string at off in b, "" if it is not in
// b whole.
func cstring(b []byte, off uint64) string {
	if off >= uint64(len(b)) {
		return ""
	}
	b = b[off:]
	n := bytes.IndexByte(b, 0)
	if n < 0 {
		return ""
	}
	return string(b[:n])
}

// Module returns the module that the function belongs to.
func (f *Func) Module() Module { return f.mod.Module }

// External reports whether the function has no frame information, as C code
// linked in has none. The runtime's traceback stops in front of it.
func (f *Func) External() bool { return f.pcsp == 0 }

// SPDelta returns the distance in bytes from SP at pc to SP at the
// function's entry (runtime.funcspdelta). It is false when the table does not
// cover pc.
func (f *Func) SPDelta(pc mem.Addr) (int32, bool) { return f.pcvalue(f.pcsp, pc) }

// PCData returns the value at pc of one PCDATA table (runtime.pcdatavalue):
// -1 when the function does not have the table or it does not cover pc.
func (f *Func) PCData(table int, pc mem.Addr) int32 {
	if table < 0 || table >= len(f.pcdata)/4 {
		return -1
	}
	v, _ := f.pcvalue(f.mod.tab.order.Uint32(f.pcdata[4*table:]), pc)
	return v
}

// FuncData returns the address of the function's i'th FUNCDATA, 0 when it
// has none (runtime.funcdata).
func (f *Func) FuncData(i int) mem.Addr {
	if i < 0 || i >= len(f.funcdata)/4 || f.mod.GoFunc == 0 {
		return 0
	}
	off := f.mod.tab.order.Uint32(f.funcdata[4*i:])
	if off == ^uint32(0) {
		return 0
	}
	return f.mod.GoFunc + mem.Addr(off)
}

// maxSteps bounds the walk of one pcvalue table. A step covers at least one
// instruction in a sound table, and no function has this many.
const maxSteps = 1 << 22

// pcvalue returns the value at pc of the table at off in pctab
// (runtime.pcvalue). It is -1, false when there is no table (off 0) or the
// table ends in front of pc.
func (f *Func) pcvalue(off uint32, target mem.Addr) (int32, bool) {
	p := f.mod.pctab
	if off == 0 || uint64(off) >= uint64(len(p)) {
		return -1, false
	}
	p = p[off:]
	quantum := mem.Addr(f.mod.tab.arch.PCQuantum)
	pc, val := f.Entry, int32(-1)
	for range maxSteps {
		uv, n := readvarint(p)
		if n == 0 || uv == 0 && pc != f.Entry {
			return -1, false
		}
		val += int32(-(uv & 1) ^ (uv >> 1))
		p = p[n:]
		delta, n := readvarint(p)
		if n == 0 {
			return -1, false
		}
		p = p[n:]
		pc += mem.Addr(delta) * quantum
		if target < pc {
			return val, true
		}
	}
	return -1, false
}

// readvarint decodes a varint at the start of p and returns it with the
// number of bytes read, 0 when p ends too soon.
func readvarint(p []byte) (v uint32, n int) {
	if len(p) > 0 && p[0] < 0x80 {
		return uint32(p[0]), 1
	}
	for shift := uint(0); n < len(p) && shift < 35; shift += 7 {
		b := p[n]
		n++
		v |= uint32(b&0x7f) << shift
		if b < 0x80 {
			return v, n
		}
	}
	return 0, 0
}
