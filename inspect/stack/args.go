package stack

import (
	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// The operators in FUNCDATA_ArgInfo (internal/abi.TraceArgs*, the same since
// Go 1.18; cmd/compile before that name). What is below is an offset.
const (
	traceArgsEndSeq         = 0xff
	traceArgsStartAgg       = 0xfe
	traceArgsEndAgg         = 0xfd
	traceArgsDotdotdot      = 0xfc
	traceArgsOffsetTooLarge = 0xfb
)

// maxArgInfo bounds FUNCDATA_ArgInfo, in bytes (abi.TraceArgsMaxLen is 171).
const maxArgInfo = 256

// Args returns the arguments of f as the runtime prints them between the
// parentheses: the words of its arguments' memory, with "?" behind those that
// were in registers and may be stale. An argument that cannot be read is "?".
// For a function inlined there are none and the result is "...".
func (u *Unwinder) Args(t Trace, f *Frame) string {
	if f.Inlined {
		return "..."
	}
	return string(u.AppendArgs(nil, t, f))
}

// AppendArgs appends what Args returns for a frame that is not inlined
// (runtime.printArgs).
func (u *Unwinder) AppendArgs(dst []byte, t Trace, f *Frame) []byte {
	info := u.funcDataBytes(f.Fn, pcln.FuncDataArgInfo)
	if info == nil || f.Phys >= len(t.Stack.Frames) {
		return dst
	}
	pc := t.Stack.Frames[f.Phys].SymPC()
	if u.syms.table.Minor() < 21 {
		// gentraceback had stepped out of the functions inlined.
		pc = f.Line.PC
	}
	live := u.argLiveness(f.Fn, pc)
	argp := f.FP + mem.Addr(u.syms.arch.MinFrameSize)
	start, slot := true, byte(0)
	for i := 0; i < len(info); i++ {
		op := info[i]
		switch op {
		case traceArgsEndSeq:
			return dst
		case traceArgsEndAgg:
			dst = append(dst, '}')
			start = false
			continue
		}
		if !start {
			dst = append(dst, ", "...)
		}
		start = false
		switch op {
		case traceArgsStartAgg:
			dst = append(dst, '{')
			start = true
		case traceArgsDotdotdot:
			dst = append(dst, "..."...)
		case traceArgsOffsetTooLarge:
			dst = append(dst, '_')
		default:
			if i++; i == len(info) {
				return dst
			}
			dst = u.appendArg(dst, argp+mem.Addr(op), info[i])
			if !live.is(op, slot) {
				dst = append(dst, '?')
			}
			if op >= live.from {
				slot++
			}
		}
	}
	return dst
}

// appendArg appends the size bytes at a as a number.
func (u *Unwinder) appendArg(dst []byte, a mem.Addr, size byte) []byte {
	var b [8]byte
	if err := u.syms.mem.ReadAt(b[:], a); err != nil {
		return append(dst, '?')
	}
	x := u.syms.arch.Order.Uint64(b[:])
	if size < 8 {
		x &= 1<<(8*size) - 1
	}
	return appendHex(dst, x)
}

// argLiveness is FUNCDATA_ArgLiveInfo at one PC.
type argLiveness struct {
	from byte   // offsets below this one are always live
	bits []byte // nil: all are live
}

func (l argLiveness) is(off, slot byte) bool {
	if l.bits == nil || off < l.from || int(slot/8) >= len(l.bits) {
		return true
	}
	return l.bits[slot/8]&(1<<(slot%8)) != 0
}

func (u *Unwinder) argLiveness(f *pcln.Func, pc mem.Addr) argLiveness {
	l := argLiveness{from: 0xff}
	info := u.funcDataBytes(f, pcln.FuncDataArgLiveInfo)
	if info == nil {
		return l
	}
	l.from = info[0]
	// The index is the offset of the bitmap in the info.
	if i := f.PCData(pcln.PCDataArgLiveIndex, pc); i > 0 {
		b, err := u.syms.mem.View(f.FuncData(pcln.FuncDataArgLiveInfo)+mem.Addr(i), 32)
		if err == nil {
			l.bits = b
		}
	}
	return l
}

// funcDataBytes returns the first bytes of a FUNCDATA whose length it does
// not record: maxArgInfo of them, or as many as can be read.
func (u *Unwinder) funcDataBytes(f *pcln.Func, i int) []byte {
	at := f.FuncData(i)
	if at == 0 {
		return nil
	}
	for n := maxArgInfo; n > 0; n /= 2 {
		if b, err := u.syms.mem.View(at, n); err == nil {
			return b
		}
	}
	return nil
}
