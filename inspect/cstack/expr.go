package cstack

import (
	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
)

// Bounds of an expression: compilers and glibc write them of a dozen operations.
const (
	maxOperations = 256
	maxOperands   = 64
)

// operands is the stack of an expression.
type operands struct {
	list []uint64
	err  error
}

func (s *operands) push(v uint64) {
	if len(s.list) == maxOperands {
		s.err = errDamaged
		return
	}
	s.list = append(s.list, v)
}

// peek returns the operand n below the top.
func (s *operands) peek(n int) uint64 {
	if n >= len(s.list) {
		s.err = errDamaged
		return 0
	}
	return s.list[len(s.list)-1-n]
}

func (s *operands) pop() uint64 {
	v := s.peek(0)
	if s.err == nil {
		s.list = s.list[:len(s.list)-1]
	}
	return v
}

// evaluate computes a DWARF expression; start, if not nil, is on its stack at
// first. What it does not know is an error.
func (t *Tables) evaluate(e reader, regs *arch.CallRegs, start *uint64) (uint64, error) {
	var s operands
	if start != nil {
		s.push(*start)
	}
	for n := 0; len(e.b) > 0; n++ {
		if n == maxOperations {
			return 0, errDamaged
		}
		op := e.u8()
		if !s.constant(op, &e) && !s.register(op, &e, regs) && !s.arithmetic(op, &e) {
			if err := t.load(op, &e, &s); err != nil {
				return 0, err
			}
		}
		if e.err != nil || s.err != nil {
			return 0, errDamaged
		}
	}
	v := s.pop()
	return v, s.err
}

// load executes the operations that read memory.
func (t *Tables) load(op byte, e *reader, s *operands) error {
	size := byte(8)
	switch op {
	case 0x06: // DW_OP_deref
	case 0x94: // DW_OP_deref_size
		if size = e.u8(); size == 0 || size > 8 {
			return errDamaged
		}
	default:
		return errDamaged
	}
	var b [8]byte
	if err := t.mem.ReadAt(b[:size], mem.Addr(s.pop())); err != nil {
		return err
	}
	s.push(t.arch.Order.Uint64(b[:]))
	return nil
}

// constant executes the operations that push a constant.
func (s *operands) constant(op byte, e *reader) bool {
	switch {
	case op >= 0x30 && op <= 0x4f: // DW_OP_lit0…
		s.push(uint64(op - 0x30))
	case op == 0x03 || op == 0x0e || op == 0x0f: // DW_OP_addr, const8u, const8s
		s.push(e.u64())
	case op == 0x08: // DW_OP_const1u…
		s.push(uint64(e.u8()))
	case op == 0x09:
		s.push(uint64(int8(e.u8())))
	case op == 0x0a:
		s.push(uint64(e.u16()))
	case op == 0x0b:
		s.push(uint64(int16(e.u16())))
	case op == 0x0c:
		s.push(uint64(e.u32()))
	case op == 0x0d:
		s.push(uint64(int32(e.u32())))
	case op == 0x10: // DW_OP_constu
		s.push(e.uleb())
	case op == 0x11: // DW_OP_consts
		s.push(uint64(e.sleb()))
	default:
		return false
	}
	return true
}

// register executes the operations that push a register and an offset.
func (s *operands) register(op byte, e *reader, regs *arch.CallRegs) bool {
	n := uint64(op - 0x70)
	switch {
	case op == 0x92: // DW_OP_bregx
		n = e.uleb()
	case op < 0x70 || op > 0x8f: // DW_OP_breg0…
		return false
	}
	v, known := regs.Get(int(min(n, arch.MaxCallRegs)))
	if !known {
		s.err = errDamaged
	}
	s.push(v + uint64(e.sleb()))
	return true
}

// arithmetic executes the operations on the stack.
func (s *operands) arithmetic(op byte, e *reader) bool {
	switch op {
	case 0x96: // DW_OP_nop
	case 0x12: // DW_OP_dup
		s.push(s.peek(0))
	case 0x13: // DW_OP_drop
		s.pop()
	case 0x14: // DW_OP_over
		s.push(s.peek(1))
	case 0x1f: // DW_OP_neg
		s.push(-s.pop())
	case 0x20: // DW_OP_not
		s.push(^s.pop())
	case 0x23: // DW_OP_plus_uconst
		s.push(s.pop() + e.uleb())
	case 0x16: // DW_OP_swap
		b, a := s.pop(), s.pop()
		s.push(b)
		s.push(a)
	case 0x1a, 0x1c, 0x1e, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e:
		b, a := s.pop(), s.pop()
		s.push(binary2(op, a, b))
	default:
		return false
	}
	return true
}

// binary2 is an operation on two operands.
func binary2(op byte, a, b uint64) uint64 {
	truth := false
	switch op {
	case 0x1a: // DW_OP_and
		return a & b
	case 0x1c: // DW_OP_minus
		return a - b
	case 0x1e: // DW_OP_mul
		return a * b
	case 0x21: // DW_OP_or
		return a | b
	case 0x22: // DW_OP_plus
		return a + b
	case 0x24: // DW_OP_shl
		return a << b
	case 0x25: // DW_OP_shr
		return a >> b
	case 0x26: // DW_OP_shra
		return uint64(int64(a) >> b)
	case 0x27: // DW_OP_xor
		return a ^ b
	case 0x29: // DW_OP_eq
		truth = a == b
	case 0x2a: // DW_OP_ge
		truth = int64(a) >= int64(b)
	case 0x2b: // DW_OP_gt
		truth = int64(a) > int64(b)
	case 0x2c: // DW_OP_le
		truth = int64(a) <= int64(b)
	case 0x2d: // DW_OP_lt
		truth = int64(a) < int64(b)
	case 0x2e: // DW_OP_ne
		truth = a != b
	}
	if truth {
		return 1
	}
	return 0
}
