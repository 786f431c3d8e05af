package code

import (
	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
)

// instKind is what an instruction does to the flow of control.
type instKind uint8

const (
	plain instKind = iota
	call
	callIndirect
	jump
	branch // a conditional jump
	jumpIndirect
	ret
	trap // an instruction that is not meant to be executed: UD2, INT3, BRK
)

// inst is one instruction, as far as this package understands it.
type inst struct {
	// off is its offset in the function, size its length in bytes.
	off, size int
	kind      instKind
	// to is the target of a call, jump or branch, as an offset from the
	// function's start. It may lie outside the function.
	to int64
	// ref is the address in data or code that an operand names, 0 for none.
	// taken says that the address itself is the value (LEA, ADRP+ADD), not
	// what is stored there.
	ref   mem.Addr
	taken bool
	// target is what an indirect call or jump goes through, as far as it is
	// known.
	target value
}

// valueKind is how the content of a register is known.
type valueKind uint8

const (
	unknown valueKind = iota
	constant
	// address is an address in data or code, loaded the word stored at one.
	address
	loaded
	// closure is the function value that the function was called through;
	// captured is a word of it, n its offset in bytes.
	closure
	captured
)

// value is what a register holds.
type value struct {
	kind valueKind
	n    int64
}

// maxRegs is the largest number of general registers of an architecture.
const maxRegs = 32

// registers follows what is in the registers within straight-line code.
type registers [maxRegs]value

// machine is what this package knows of an architecture beyond decoding.
type machine struct {
	// args are the registers of the first integer arguments of a call
	// (ABIInternal), context that of the function value.
	args    [6]int
	context int
	// decode decodes the instruction at off of code, which is the function
	// at address base, and brings the registers up to date. It is false for
	// what it cannot decode.
	decode func(code []byte, off int, base mem.Addr, regs *registers) (inst, bool)
}

// machineOf returns the machine of an architecture.
func machineOf(a *arch.Arch) (*machine, bool) {
	switch a.Name {
	case "amd64":
		return &machine{args: [6]int{0, 3, 1, 7, 6, 8}, context: 2, decode: decodeAMD64}, true
	case "arm64":
		return &machine{args: [6]int{0, 1, 2, 3, 4, 5}, context: 26, decode: decodeARM64}, true
	}
	return nil, false
}

// arg returns what is known of the i'th integer argument of a call.
func (m *machine) arg(regs *registers, i int) value { return regs[m.args[i]] }

// afterCall forgets what a call may change: everything.
func (r *registers) afterCall() { *r = registers{} }

// walk calls visit for the instructions of the function at base, whose bytes
// are code, with the registers as they are in front of each. It ends early
// where visit returns false or, returning false itself, where an instruction
// cannot be decoded.
func (m *machine) walk(code []byte, base mem.Addr, visit func(in *inst, regs *registers) bool) bool {
	var regs, before registers
	regs[m.context] = value{kind: closure}
	for off := 0; off < len(code); {
		before = regs
		in, ok := m.decode(code, off, base, &regs)
		if !ok {
			return false
		}
		if !visit(&in, &before) {
			return true
		}
		off += in.size
		switch in.kind {
		case call, callIndirect, jump, jumpIndirect, ret, trap:
			// What stands behind them is reached from elsewhere.
			regs.afterCall()
		}
	}
	return true
}
