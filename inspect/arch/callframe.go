package arch

// CallFrame is what unwind tables (DWARF call frame information) and the C
// calling convention of the platform say of registers, which both number alike.
type CallFrame struct {
	// SP, FP and Return are the numbers of the stack pointer, of the frame
	// pointer, and of the register, or the column, that stands for the return
	// address.
	SP, FP, Return int
	// Saved are the registers that a function leaves as they were for its caller.
	Saved []int
	// words are the registers' places in the general register block.
	words []int
}

// MaxCallRegs is above the number of every general register in unwind tables.
const MaxCallRegs = 33

// CallRegs are registers by their numbers in unwind tables.
type CallRegs struct {
	value [MaxCallRegs]uint64
	known uint64
}

// Get returns the value of register n, and whether it is known.
func (r *CallRegs) Get(n int) (uint64, bool) {
	if n < 0 || n >= MaxCallRegs {
		return 0, false
	}
	return r.value[n], r.known>>n&1 != 0
}

// Set makes v the value of register n. It ignores registers that are not general
// ones.
func (r *CallRegs) Set(n int, v uint64) {
	if n >= 0 && n < MaxCallRegs {
		r.value[n] = v
		r.known |= 1 << n
	}
}

// CallRegs returns the registers of a thread by their numbers in unwind tables:
// all general ones where General is in the order of the kernel's register block,
// which the program counter and the stack pointer in it prove, else those alone
// that Regs has by name.
func (a *Arch) CallRegs(r *Regs) CallRegs {
	var c CallRegs
	if b := &a.regs; r.General[b.pc] == r.PC && r.General[b.sp] == r.SP && r.General[b.fp] == r.FP {
		for n, word := range a.CallFrame.words {
			c.Set(n, r.General[word])
		}
		return c
	}
	c.Set(a.CallFrame.SP, r.SP)
	c.Set(a.CallFrame.FP, r.FP)
	if a.UsesLR {
		c.Set(a.CallFrame.Return, r.LR)
	}
	return c
}
