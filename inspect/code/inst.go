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

	// stores are the words that it stores into the frame.
	stores [2]store
	// atomic is the address that an instruction such as compare-and-swap
	// works on, as far as it is known.
	atomic value

	// sets says what the registers hold behind the instruction where that
	// differs; clears that nothing is known of any.
	sets   [2]setting
	clears bool
}

// store is a word stored at an offset from SP.
type store struct {
	ok  bool
	off int64
	value
}

// setting is what a register holds from some instruction on; reg is -1 for none.
type setting struct {
	reg int
	value
}

func newInst(off, size int) inst {
	return inst{off: off, size: size, sets: [2]setting{{reg: -1}, {reg: -1}}}
}

// set records that a register holds v behind the instruction.
func (in *inst) set(reg int, v value) {
	i := 0
	if in.sets[0].reg >= 0 && in.sets[0].reg != reg {
		i = 1
	}
	in.sets[i] = setting{reg, v}
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
	// slot is a word of the frame, n its offset from SP; through is what the
	// function value in such a word points to: the code that it calls.
	slot
	through
	// frame is an address in the frame, n its offset from SP.
	frame
	// field is an address behind what a word of the frame points to: n is the
	// word's offset from SP << 32 and the offset behind it.
	field
	// canceller is the function that a context comes with, cancels the code
	// that it calls.
	canceller
	cancels
	// method is a word of what a captured word points to: n is the offset in
	// the function value << 32 and the offset of the word. The methods of an
	// interface are found so.
	method
)

// value is what a register holds.
type value struct {
	kind valueKind
	n    int64
}

// plus is the address n bytes behind v, if v is one that is known.
func (v value) plus(n int64) value {
	switch {
	case v.kind == address:
		return value{address, v.n + n}
	case n < 0 || n > maxField:
	case v.kind == slot && v.n >= 0 && v.n <= maxField:
		return value{field, v.n<<32 | n}
	case v.kind == field && v.n&maxField+n <= maxField:
		return value{field, v.n + n}
	}
	return value{}
}

// minus is the address n bytes in front of v, if v is one that is known.
func (v value) minus(n int64) value {
	switch {
	case v.kind == address:
		return value{address, v.n - n}
	case v.kind == field && v.n&maxField >= n:
		return value{field, v.n - n}
	}
	return value{}
}

// maxField bounds the two offsets of a field.
const maxField = 1<<31 - 1

// spilled is what a register holds that is stored at an offset from SP: what
// is not known otherwise is known by that word.
func (v value) spilled(at int64) value {
	if v.kind == unknown {
		return value{slot, at}
	}
	return v
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
	// decode decodes into in the instruction at off of code, which is the
	// function at address base, with the registers as they are in front of
	// it. It is false for what it cannot decode.
	decode func(code []byte, off int, base mem.Addr, regs *registers, in *inst) bool
	// compares tells whether the instruction at the start of code compares
	// the first result of a call with a constant, and with which.
	compares func(code []byte) (n int64, ok bool)
}

// machineOf returns the machine of an architecture.
func machineOf(a *arch.Arch) (*machine, bool) {
	switch a.Name {
	case "amd64":
		return &machine{args: [6]int{0, 3, 1, 7, 6, 8}, context: 2, decode: decodeAMD64, compares: comparesAMD64}, true
	case "arm64":
		return &machine{args: [6]int{0, 1, 2, 3, 4, 5}, context: 26, decode: decodeARM64, compares: comparesARM64}, true
	}
	return nil, false
}

// arg returns what is known of the i'th integer argument of a call.
func (m *machine) arg(regs *registers, i int) value { return regs[m.args[i]] }

// apply brings the registers up to date with an instruction that was executed.
func (r *registers) apply(in *inst) {
	switch in.kind {
	case call, callIndirect, jump, jumpIndirect, ret, trap:
		// A call may change all; what stands behind the others is reached
		// from elsewhere.
		in.clears = true
	}
	if in.clears {
		*r = registers{}
	}
	for _, s := range in.sets {
		if s.reg >= 0 {
			r[s.reg] = s.value
		}
	}
}

// walk calls visit for the instructions of the function at base, whose bytes
// are code, with the registers as they are in front of each. It ends early
// where visit returns false or, returning false itself, where an instruction
// cannot be decoded.
func (m *machine) walk(code []byte, base mem.Addr, visit func(in *inst, regs *registers) bool) bool {
	return m.walkWith(nil, code, base, visit)
}

// walkWith is walk that also follows values through the words of the frame, if
// words is not nil.
func (m *machine) walkWith(words map[int64]value, code []byte, base mem.Addr, visit func(in *inst, regs *registers) bool) bool {
	var in inst
	var regs registers
	regs[m.context] = value{kind: closure}
	for off := 0; off < len(code); {
		if !m.decode(code, off, base, &regs, &in) {
			return false
		}
		if words != nil {
			in.throughFrame(words)
		}
		if !visit(&in, &regs) {
			return true
		}
		off += in.size
		regs.apply(&in)
	}
	return true
}

// throughFrame notes what the instruction stores into the frame, and replaces
// what it loads from there by what is known of that.
func (in *inst) throughFrame(words map[int64]value) {
	for _, s := range in.stores {
		if s.ok {
			words[s.off] = s.value
		}
	}
	for i := range in.sets {
		if s := &in.sets[i]; s.kind == slot {
			if v, ok := words[s.n]; ok && v.kind != unknown {
				s.value = v
			}
		}
	}
}
