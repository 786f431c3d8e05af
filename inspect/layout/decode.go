package layout

import (
	"encoding/binary"
	"unsafe"
)

// This file holds the package's only unsafe code. It relies on what Bind and
// newPlan have established for every op: that src plus the source's size lies
// within the window, and that dst is the offset in T of an integer or bool of
// the op's size.

// opcode is what an op does: copy, or widen with or without the sign.
type opcode uint8

const (
	opNone opcode = iota
	opCopy1
	opCopy2
	opCopy4
	opCopy8
	opZero1to2
	opZero1to4
	opZero1to8
	opZero2to4
	opZero2to8
	opZero4to8
	opSign1to2
	opSign1to4
	opSign1to8
	opSign2to4
	opSign2to8
	opSign4to8
	opBool
)

// op moves one scalar: from src bytes into the source to dst bytes into T.
type op struct {
	code opcode
	src  uint32
	dst  uint32
}

// widenings are the opcodes by source size and destination size, in bytes.
var widenings = [...]struct {
	from, to   uint64
	zero, sign opcode
}{
	{1, 1, opCopy1, opCopy1},
	{2, 2, opCopy2, opCopy2},
	{4, 4, opCopy4, opCopy4},
	{8, 8, opCopy8, opCopy8},
	{1, 2, opZero1to2, opSign1to2},
	{1, 4, opZero1to4, opSign1to4},
	{1, 8, opZero1to8, opSign1to8},
	{2, 4, opZero2to4, opSign2to4},
	{2, 8, opZero2to8, opSign2to8},
	{4, 8, opZero4to8, opSign4to8},
}

// extend returns the opcode that widens from one size to another, or opNone.
func extend(from, to uint64, signed bool) opcode {
	for _, w := range widenings {
		if w.from == from && w.to == to {
			if signed {
				return w.sign
			}
			return w.zero
		}
	}
	return opNone
}

// srcSize returns the number of bytes that an op reads.
func (c opcode) srcSize() uint64 {
	for _, w := range widenings {
		if w.zero == c || w.sign == c {
			return w.from
		}
	}
	return 1 // opBool
}

func u16(p unsafe.Pointer) uint16 { return binary.LittleEndian.Uint16((*[2]byte)(p)[:]) }
func u32(p unsafe.Pointer) uint32 { return binary.LittleEndian.Uint32((*[4]byte)(p)[:]) }
func u64(p unsafe.Pointer) uint64 { return binary.LittleEndian.Uint64((*[8]byte)(p)[:]) }

// runOps executes ops from the window src, whose length the caller has
// checked, into the struct at dst.
func runOps(ops []op, dst unsafe.Pointer, src []byte) {
	base := unsafe.Pointer(unsafe.SliceData(src))
	for i := range ops {
		o := &ops[i]
		s, d := unsafe.Add(base, o.src), unsafe.Add(dst, o.dst)
		switch o.code {
		case opCopy1:
			*(*uint8)(d) = *(*uint8)(s)
		case opCopy2:
			*(*uint16)(d) = u16(s)
		case opCopy4:
			*(*uint32)(d) = u32(s)
		case opCopy8:
			*(*uint64)(d) = u64(s)
		case opZero1to2:
			*(*uint16)(d) = uint16(*(*uint8)(s))
		case opZero1to4:
			*(*uint32)(d) = uint32(*(*uint8)(s))
		case opZero1to8:
			*(*uint64)(d) = uint64(*(*uint8)(s))
		case opZero2to4:
			*(*uint32)(d) = uint32(u16(s))
		case opZero2to8:
			*(*uint64)(d) = uint64(u16(s))
		case opZero4to8:
			*(*uint64)(d) = uint64(u32(s))
		case opSign1to2:
			*(*int16)(d) = int16(*(*int8)(s))
		case opSign1to4:
			*(*int32)(d) = int32(*(*int8)(s))
		case opSign1to8:
			*(*int64)(d) = int64(*(*int8)(s))
		case opSign2to4:
			*(*int32)(d) = int32(int16(u16(s)))
		case opSign2to8:
			*(*int64)(d) = int64(int16(u16(s)))
		case opSign4to8:
			*(*int64)(d) = int64(int32(u32(s)))
		case opBool:
			*(*bool)(d) = *(*uint8)(s) != 0
		}
	}
}

// decode runs ops into dst, a *T that the ops were bound for.
func decode[T any](ops []op, dst *T, src []byte) {
	runOps(ops, unsafe.Pointer(dst), src)
}
