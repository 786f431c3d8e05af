package code

import (
	"encoding/binary"

	"rtdbg/inspect/mem"
)

// form is what follows the opcode of an x86 instruction.
type form uint8

const (
	modrm form = 1 << iota // a ModRM byte and what it asks for
	imm8
	imm16
	immZ // 4 bytes, 2 with the operand-size prefix
	immV // 8 bytes with REX.W, else as immZ
	moffs
	group3 // imm8 or immZ if ModRM.reg is 0 or 1 (TEST in F6 and F7)
	undefined
)

// oneByte returns the form of the one-byte opcodes (Intel SDM volume 2,
// appendix A, table A-2), prefixes and escapes left out.
func oneByte(op byte) form {
	switch {
	case op < 0x40:
		return [8]form{modrm, modrm, modrm, modrm, imm8, immZ, undefined, undefined}[op&7]
	case op == 0x63, 0x84 <= op && op <= 0x8f, 0xd0 <= op && op <= 0xd3, 0xd8 <= op && op <= 0xdf, op >= 0xfe:
		return modrm
	case op == 0x68, op == 0xa9, op == 0xe8, op == 0xe9:
		return immZ
	case op == 0x69, op == 0x81, op == 0xc7:
		return modrm | immZ
	case op == 0x6a, 0x70 <= op && op <= 0x7f, op == 0xa8, 0xb0 <= op && op <= 0xb7, op == 0xcd,
		0xe0 <= op && op <= 0xe7, op == 0xeb:
		return imm8
	case op == 0x6b, op == 0x80, op == 0x83, op == 0xc0, op == 0xc1, op == 0xc6:
		return modrm | imm8
	case 0xa0 <= op && op <= 0xa3:
		return moffs
	case 0xb8 <= op && op <= 0xbf:
		return immV
	case op == 0xc2, op == 0xca:
		return imm16
	case op == 0xc8:
		return imm16 | imm8
	case op == 0xf6:
		return modrm | group3 | imm8
	case op == 0xf7:
		return modrm | group3 | immZ
	case 0x60 <= op && op <= 0x62, op == 0x82, op == 0x9a, op == 0xce, 0xd4 <= op && op <= 0xd6, op == 0xea:
		return undefined
	}
	return 0
}

// twoByte returns the form of the opcodes behind 0F (table A-3).
func twoByte(op byte) form {
	switch {
	case op == 0x05, 0x06 <= op && op <= 0x09, op == 0x0b, op == 0x0e, 0x30 <= op && op <= 0x37, op == 0x77,
		0xa0 <= op && op <= 0xa2, 0xa8 <= op && op <= 0xaa, 0xc8 <= op && op <= 0xcf:
		return 0
	case op == 0x04, op == 0x0a, op == 0x0c, 0x24 <= op && op <= 0x27, op == 0x39, 0x3b <= op && op <= 0x3f,
		op == 0xa6, op == 0xa7:
		return undefined
	case 0x80 <= op && op <= 0x8f:
		return immZ
	case op == 0x0f, 0x70 <= op && op <= 0x73, op == 0xa4, op == 0xac, op == 0xba, op == 0xc2,
		0xc4 <= op && op <= 0xc6:
		return modrm | imm8
	}
	return modrm
}

// vector returns the form of an opcode behind a VEX or EVEX prefix, in opcode
// map number mmap.
func vector(mmap, op byte) form {
	switch {
	case mmap == 1 && op == 0x77:
		return 0
	case mmap == 3, mmap == 1 && (0x70 <= op && op <= 0x73 || op == 0xc2 || 0xc4 <= op && op <= 0xc6):
		return modrm | imm8
	case mmap == 0:
		return undefined
	}
	return modrm
}

// x86 decodes one instruction.
type x86 struct {
	code []byte // from the instruction on, at most its longest length
	at   int
	rex  byte
	// opSize says that the operand-size prefix is there.
	opSize bool
	// escape is the opcode map: 0 for one-byte opcodes, 1 behind 0F, 2 and 3
	// behind 0F 38 and 0F 3A, vex for those of AVX.
	escape byte
	op     byte
	form   form

	mod, reg, rm byte
	base         int // register of the memory operand if it is all there is, else -1
	disp         int32
	ripRelative  bool
}

const (
	maxX86   = 15
	vex      = 0xff
	stackReg = 4
)

func decodeAMD64(code []byte, off int, base mem.Addr, regs *registers, in *inst) bool {
	x := x86{code: code[off:min(off+maxX86, len(code))], base: -1}
	if !x.opcode() || x.form&undefined != 0 || !x.operands() {
		return false
	}
	*in = newInst(off, x.at)
	x.control(in)
	if x.ripRelative {
		in.ref = base + mem.Addr(int64(off+x.at)+int64(x.disp))
		in.taken = x.escape == 0 && x.op == 0x8d
	}
	x.effect(in, regs)
	return true
}

// byte returns the next byte; a cut instruction yields false.
func (x *x86) byte() (byte, bool) {
	if x.at >= len(x.code) {
		return 0, false
	}
	b := x.code[x.at]
	x.at++
	return b, true
}

// opcode reads the prefixes and the opcode.
func (x *x86) opcode() bool {
	for {
		b, ok := x.byte()
		if !ok {
			return false
		}
		switch {
		case b == 0x66:
			x.opSize, x.rex = true, 0
		case b == 0xf0, b == 0xf2, b == 0xf3, b == 0x2e, b == 0x36, b == 0x3e, b == 0x26, b == 0x64, b == 0x65, b == 0x67:
			x.rex = 0
		case b&0xf0 == 0x40:
			x.rex = b
		case b == 0xc4, b == 0xc5, b == 0x62:
			return x.vectorOpcode(b)
		case b == 0x0f:
			return x.escaped()
		default:
			x.op, x.form = b, oneByte(b)
			return true
		}
	}
}

func (x *x86) escaped() bool {
	b, ok := x.byte()
	x.escape, x.op, x.form = 1, b, twoByte(b)
	if ok && (b == 0x38 || b == 0x3a) {
		x.escape, x.form = 2, modrm
		if b == 0x3a {
			x.escape, x.form = 3, modrm|imm8
		}
		x.op, ok = x.byte()
	}
	return ok
}

// vectorOpcode reads the rest of a VEX (C4, C5) or EVEX (62) prefix and the
// opcode.
func (x *x86) vectorOpcode(prefix byte) bool {
	payload := 3
	switch prefix {
	case 0xc5:
		payload = 1
	case 0xc4:
		payload = 2
	}
	if x.at+payload >= len(x.code) {
		return false
	}
	mmap := byte(1)
	if prefix != 0xc5 {
		mmap = x.code[x.at] & 7
	}
	x.at += payload
	op, ok := x.byte()
	x.escape, x.op, x.form = vex, op, vector(mmap, op)
	return ok
}

// operands reads ModRM, SIB, displacement and immediates.
func (x *x86) operands() bool {
	if x.form&modrm != 0 && !x.modRM() {
		return false
	}
	if x.form&group3 != 0 && x.reg > 1 {
		x.form &^= imm8 | immZ
	}
	switch {
	case x.form&moffs != 0:
		x.at += 8
	case x.form&immV != 0 && x.rex&8 != 0:
		x.at += 8
	case x.form&(immV|immZ) != 0 && x.opSize && !x.nearBranch():
		x.at += 2
	case x.form&(immV|immZ) != 0:
		x.at += 4
	}
	if x.form&imm16 != 0 {
		x.at += 2
	}
	if x.form&imm8 != 0 {
		x.at++
	}
	return x.at <= len(x.code)
}

// nearBranch reports whether the operand size does not matter.
func (x *x86) nearBranch() bool {
	return x.escape == 0 && (x.op == 0xe8 || x.op == 0xe9) || x.escape == 1 && x.op&0xf0 == 0x80
}

func (x *x86) modRM() bool {
	b, ok := x.byte()
	if !ok {
		return false
	}
	x.mod, x.reg, x.rm = b>>6, b>>3&7, b&7
	if x.mod == 3 {
		return true
	}
	size := [3]int{0, 1, 4}[x.mod]
	switch {
	case x.rm == 4:
		sib, ok := x.byte()
		if !ok {
			return false
		}
		if x.mod == 0 && sib&7 == 5 {
			size = 4
		} else if sib>>3&7 == 4 && x.rex&2 == 0 {
			x.base = int(sib&7) | int(x.rex&1)<<3
		}
	case x.mod == 0 && x.rm == 5:
		size, x.ripRelative = 4, true
	default:
		x.base = int(x.rm) | int(x.rex&1)<<3
	}
	if x.at+size > len(x.code) {
		return false
	}
	switch size {
	case 1:
		x.disp = int32(int8(x.code[x.at]))
	case 4:
		x.disp = int32(binary.LittleEndian.Uint32(x.code[x.at:]))
	}
	x.at += size
	return true
}

// control fills in what the instruction does to the flow of control.
func (x *x86) control(in *inst) {
	rel32 := func() int64 {
		return int64(in.off+x.at) + int64(int32(binary.LittleEndian.Uint32(x.code[x.at-4:])))
	}
	rel8 := func() int64 { return int64(in.off+x.at) + int64(int8(x.code[x.at-1])) }
	switch op := x.op; x.escape {
	case 0:
		switch {
		case op == 0xe8:
			in.kind, in.to = call, rel32()
		case op == 0xe9:
			in.kind, in.to = jump, rel32()
		case op == 0xeb:
			in.kind, in.to = jump, rel8()
		case 0x70 <= op && op <= 0x7f, 0xe0 <= op && op <= 0xe3:
			in.kind, in.to = branch, rel8()
		case op == 0xc2, op == 0xc3:
			in.kind = ret
		case op == 0xcc, op == 0xf4:
			in.kind = trap
		case op == 0xff && (x.reg == 2 || x.reg == 3):
			in.kind = callIndirect
		case op == 0xff && (x.reg == 4 || x.reg == 5):
			in.kind = jumpIndirect
		}
	case 1:
		switch {
		case 0x80 <= op && op <= 0x8f:
			in.kind, in.to = branch, rel32()
		case op == 0x0b:
			in.kind = trap
		}
	}
}

// effect fills in what the instruction leaves in registers. What it does not
// know it forgets.
func (x *x86) effect(in *inst, regs *registers) {
	reg, rm := int(x.reg)|int(x.rex&4)<<1, int(x.rm)|int(x.rex&1)<<3
	if in.kind == callIndirect || in.kind == jumpIndirect {
		if x.mod == 3 {
			in.target = regs[rm]
		}
		return
	}
	switch {
	case x.escape == 0:
		x.effectOneByte(in, regs, reg, rm)
	case x.escape == vex:
		in.clears = true
	case x.escape == 1 && (x.op == 0xb1 || x.op == 0xc1) && x.base >= 0: // CMPXCHG, XADD
		in.atomic = regs[x.base].plus(int64(x.disp))
		x.forget(in, reg, rm)
	case x.escape == 1 && (x.op == 0xb1 || x.op == 0xc1) && x.ripRelative:
		in.atomic = value{address, int64(in.ref)}
		x.forget(in, reg, rm)
	default:
		x.forget(in, reg, rm)
	}
}

// effectOneByte is effect for one-byte opcodes. MOV, XOR and LEA are those
// that carry values.
func (x *x86) effectOneByte(in *inst, regs *registers, reg, rm int) {
	imm := func() value {
		return value{constant, int64(int32(binary.LittleEndian.Uint32(x.code[x.at-4:])))}
	}
	wide, toReg := x.rex&8 != 0, x.mod == 3
	switch op := x.op; {
	case 0xb8 <= op && op <= 0xbf && !x.opSize && !wide:
		in.set(int(op&7)|int(x.rex&1)<<3, imm())
	case op == 0xc7 && toReg && !x.opSize:
		in.set(rm, imm())
	case op == 0xc7 && wide && x.base == stackReg:
		in.stores[0] = store{true, int64(x.disp), imm()}
	case (op == 0x31 || op == 0x33) && toReg && reg == rm:
		in.set(reg, value{kind: constant})
	case op == 0x89 && toReg:
		in.set(rm, regs[reg])
	case op == 0x8b && toReg:
		in.set(reg, regs[rm])
	case op == 0x89:
		if x.base == stackReg && wide {
			in.stores[0] = store{true, int64(x.disp), regs[reg]}
			in.set(reg, regs[reg].spilled(int64(x.disp)))
		}
	case op == 0x8d && wide && x.base >= 0 && x.base != stackReg:
		in.set(reg, regs[x.base].plus(int64(x.disp)))
	case op == 0x8d && x.base == stackReg:
		in.set(reg, value{frame, int64(x.disp)})
	case op == 0x8b && wide:
		in.set(reg, x.load(in, regs))
	case op == 0x8d && x.ripRelative:
		in.set(reg, value{address, int64(in.ref)})
	default:
		x.forget(in, reg, rm)
	}
}

// forget says that nothing is known of the registers that an instruction may
// change.
func (x *x86) forget(in *inst, reg, rm int) {
	switch {
	case x.reads():
	case x.form&modrm == 0:
		in.clears = !x.keeps()
	case x.escape == 0 && x.op&0xfe == 0xf6 || x.escape == 1 && x.op&0xfe == 0xb0:
		in.clears = true // MUL, DIV, CMPXCHG
	default:
		in.set(reg, value{})
		if x.mod == 3 {
			in.set(rm, value{})
		}
	}
}

// load is what a 64-bit load puts into its register.
func (x *x86) load(in *inst, regs *registers) value {
	switch {
	case x.ripRelative:
		return value{loaded, int64(in.ref)}
	case x.base == stackReg:
		return value{slot, int64(x.disp)}
	case x.base >= 0 && regs[x.base].kind == closure:
		return value{captured, int64(x.disp)}
	case x.base >= 0 && regs[x.base].kind == captured && x.disp >= 0:
		return value{method, regs[x.base].n<<32 | int64(x.disp)}
	case x.base >= 0 && regs[x.base].kind == frame:
		return value{slot, regs[x.base].n + int64(x.disp)}
	case x.base >= 0 && x.disp == 0 && regs[x.base].kind == canceller:
		return value{kind: cancels}
	case x.base >= 0 && x.disp == 0 && regs[x.base].kind == slot:
		return value{through, regs[x.base].n}
	}
	return value{}
}

// reads reports whether an instruction with ModRM changes no register: TEST,
// CMP, MOV of an immediate or of a vector register to memory, NOP.
func (x *x86) reads() bool {
	if x.form&modrm == 0 {
		return false
	}
	switch op := x.op; x.escape {
	case 0:
		return op == 0x84 || op == 0x85 || 0x38 <= op && op <= 0x3b || (op == 0x80 || op == 0x81 || op == 0x83) && (x.reg == 7 || x.mod != 3) ||
			(op == 0xc6 || op == 0xc7 || op == 0x88) && x.mod != 3
	case 1:
		return op == 0x10 || op == 0x11 || op == 0x28 || op == 0x29 || op == 0x1f || op == 0x6f || op == 0x7f || op == 0x57
	}
	return false
}

// keeps reports whether an instruction without ModRM changes no register that
// carries an argument or a constant: NOP, PUSH, branches, CMP and TEST of AX.
func (x *x86) keeps() bool {
	op := x.op
	return x.escape == 0 && (op == 0x90 || 0x50 <= op && op <= 0x57 || 0x70 <= op && op <= 0x7f || op == 0x3c || op == 0x3d || op == 0xa8 || op == 0xa9) ||
		x.escape == 1 && 0x80 <= op && op <= 0x8f
}
