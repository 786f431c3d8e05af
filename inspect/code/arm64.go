package code

import (
	"encoding/binary"
	"math/bits"

	"rtdbg/inspect/mem"
)

// zeroReg is the number of the zero register, which is SP as a base.
const zeroReg = 31

// decodeARM64 decodes one instruction by the encodings of the Arm Architecture
// Reference Manual, section C4.1. Those it does not name are plain.
func decodeARM64(code []byte, off int, base mem.Addr, regs *registers, in *inst) bool {
	if off+4 > len(code) {
		return false
	}
	w := binary.LittleEndian.Uint32(code[off:])
	*in = newInst(off, 4)
	rd, rn := int(w&31), int(w>>5&31)
	rel := func(n int64) int64 { return int64(off) + n*4 }
	switch {
	case w>>26 == 0b100101:
		in.kind, in.to = call, rel(signed(w, 0, 26))
	case w>>26 == 0b000101:
		in.kind, in.to = jump, rel(signed(w, 0, 26))
	case w>>24 == 0x54, w&0x7e000000 == 0x34000000: // B.cond, CBZ, CBNZ
		in.kind, in.to = branch, rel(signed(w, 5, 19))
	case w&0x7e000000 == 0x36000000: // TBZ, TBNZ
		in.kind, in.to = branch, rel(signed(w, 5, 14))
	case w&0xfffffc1f == 0xd61f0000:
		in.kind, in.target = jumpIndirect, regs[rn]
	case w&0xfffffc1f == 0xd63f0000:
		in.kind, in.target = callIndirect, regs[rn]
	case w&0xfffffc1f == 0xd65f0000:
		in.kind = ret
	case w>>16 == 0, w&0xffe0001f == 0xd4200000: // UDF, BRK
		in.kind = trap
	default:
		dataARM64(w, rd, rn, base+mem.Addr(off), in, regs)
	}
	return true
}

// dataARM64 fills in the address that the instruction w at pc names, and what
// it leaves in registers. What it does not know it forgets.
func dataARM64(w uint32, rd, rn int, pc mem.Addr, in *inst, regs *registers) {
	src, result := regs[rn], value{}
	switch {
	case w&0x9f000000 == 0x90000000: // ADRP
		imm := signed(w, 5, 19)<<2 | int64(w>>29&3)
		result = value{address, int64(pc&^0xfff) + imm<<12}
	case w&0x9f000000 == 0x10000000: // ADR
		result = value{address, int64(pc) + (signed(w, 5, 19)<<2 | int64(w>>29&3))}
		in.ref, in.taken = mem.Addr(result.n), true
	case w&0xff800000 == 0x91000000: // ADD immediate
		imm := int64(w >> 10 & 0xfff)
		if w>>22&1 != 0 {
			imm <<= 12
		}
		switch {
		case rn == zeroReg:
			result = value{frame, imm}
		case src.kind == address:
			result = value{address, src.n + imm}
			in.ref, in.taken = mem.Addr(result.n), true
		case w>>31 != 0:
			result = src.plus(imm)
		}
	case w&0xfffffc00 == 0x885ffc00, w&0xffe0fc00 == 0x88e0fc00, w&0xffe0fc00 == 0xb8e00000: // LDAXR, CASAL, LDADDAL of 32 bits
		if rn != zeroReg {
			in.atomic = src.plus(0)
		}
		if w>>24 == 0x88 && w>>23&1 != 0 { // CASAL puts the old value into Rs
			rd = int(w >> 16 & 31)
		}
	case w&0x3b000000 == 0x39000000: // LDR, STR and kin, unsigned offset
		result = memoryARM64(w, rd, rn, in, regs)
	case w&0x7f800000 == 0x52800000: // MOVZ
		result = value{constant, int64(w>>5&0xffff) << (16 * (w >> 21 & 3))}
	case w&0x7f800000 == 0x12800000: // MOVN
		result = value{constant, ^(int64(w>>5&0xffff) << (16 * (w >> 21 & 3)))}
	case w&0xff800000 == 0xb2000000 && rn == zeroReg: // ORR bitmask, ZR
		if n, ok := bitmask(w); ok {
			result = value{constant, n}
		}
	case w&0xffe0ffe0 == 0xaa0003e0: // MOV register
		if rm := int(w >> 16 & 31); rm == zeroReg {
			result = value{kind: constant}
		} else {
			result = regs[rm]
		}
	case w&0x3a000000 == 0x28000000: // LDP, STP
		pair, second := int(w>>10&31), value{}
		if w>>22&1 == 0 {
			if at := signed(w, 15, 7) * 8; rn == zeroReg && w>>30 == 2 {
				in.stores = [2]store{{true, at, regs.stored(rd)}, {true, at + 8, regs.stored(pair)}}
			}
			return
		}
		if rn != zeroReg && src.kind == closure && w>>30 == 2 {
			at := signed(w, 15, 7) * 8
			second, result = value{captured, at + 8}, value{captured, at}
		}
		if pair != zeroReg {
			in.set(pair, second)
		}
	}
	if rd != zeroReg {
		in.set(rd, result)
	}
}

// memoryARM64 decodes a load or store with an unsigned offset and returns
// what register rd holds then.
func memoryARM64(w uint32, rd, rn int, in *inst, regs *registers) value {
	size, vectorReg, opc := w>>30, w>>26&1 != 0, w>>22&3
	scale := size
	if vectorReg && opc >= 2 {
		scale = 4
	}
	at := int64(w>>10&0xfff) << scale
	src := value{}
	if rn != zeroReg {
		src = regs[rn]
	}
	if src.kind == address {
		in.ref = mem.Addr(src.n + at)
	}
	switch {
	case vectorReg, opc == 0: // a store, or into a register of another kind
		if size == 3 && !vectorReg && rn == zeroReg {
			in.stores[0] = store{true, at, regs.stored(rd)}
			if rd != zeroReg {
				return regs[rd].spilled(at)
			}
		}
		return regs[rd]
	case size == 3 && opc == 1 && src.kind == address:
		return value{loaded, src.n + at}
	case size == 3 && opc == 1 && src.kind == closure:
		return value{captured, at}
	case size == 3 && opc == 1 && rn == zeroReg:
		return value{slot, at}
	case size == 3 && opc == 1 && src.kind == captured:
		return value{method, src.n<<32 | at}
	case size == 3 && opc == 1 && src.kind == frame:
		return value{slot, src.n + at}
	case size == 3 && opc == 1 && src.kind == canceller && at == 0:
		return value{kind: cancels}
	case size == 3 && opc == 1 && src.kind == slot && at == 0:
		return value{through, src.n}
	}
	return value{}
}

// stored is what a store of register r stores.
func (r *registers) stored(reg int) value {
	if reg == zeroReg {
		return value{kind: constant}
	}
	return r[reg]
}

// signed returns the n bits of w from bit lo on as a signed number.
func signed(w uint32, lo, n int) int64 {
	return int64(int32(w<<(32-lo-n))) >> (32 - n)
}

// bitmask decodes the immediate of a 64-bit logical instruction
// (DecodeBitMasks in the manual).
func bitmask(w uint32) (int64, bool) {
	n, immr, imms := w>>22&1, int(w>>16&63), w>>10&63
	length := bits.Len32(n<<6|^imms&63) - 1
	if length < 1 {
		return 0, false
	}
	size := 1 << length
	ones := int(imms&uint32(size-1)) + 1
	if ones == size {
		return 0, false
	}
	elem := uint64(1)<<ones - 1
	r := immr & (size - 1)
	mask := ^uint64(0) >> (64 - size)
	elem = (elem>>r | elem<<(size-r)) & mask
	for ; size < 64; size *= 2 {
		elem |= elem << size
	}
	return int64(elem), true
}
