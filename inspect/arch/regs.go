package arch

import (
	"fmt"
	"strings"
)

// none marks a register that the architecture or its register block lacks.
const none = -1

// regBlock says where the registers of Regs lie in the general register block
// that the kernel writes into NT_PRSTATUS, as indexes of 8-byte words.
type regBlock struct {
	words                  int
	pc, sp, fp, lr, g, tls int
	// call is the number of the system call, all ones outside of one; arg
	// its first argument.
	call, arg int
	names     regNames
}

// regNames are the registers' names in lower case, "" where there is none.
type regNames struct{ pc, sp, fp, lr, g, tls string }

// RegsSize returns the size in bytes of the general register block in
// NT_PRSTATUS.
func (a *Arch) RegsSize() int { return a.regs.words * 8 }

// DecodeRegs decodes the general register block of NT_PRSTATUS (pr_reg, what
// PTRACE_GETREGSET returns for NT_PRSTATUS). On arm64 the thread pointer is
// not part of it, and TLS stays 0: it comes in a note of its own, NT_ARM_TLS.
func (a *Arch) DecodeRegs(block []byte) (Regs, error) {
	if len(block) < a.RegsSize() {
		return Regs{}, fmt.Errorf("%s register block has %d bytes, want %d", a.Name, len(block), a.RegsSize())
	}
	word := func(i int) uint64 {
		if i == none {
			return 0
		}
		return a.Order.Uint64(block[i*8:])
	}
	b := &a.regs
	r := Regs{
		PC: word(b.pc), SP: word(b.sp), FP: word(b.fp),
		LR: word(b.lr), G: word(b.g), TLS: word(b.tls),
	}
	if call := word(b.call); b.call != none && int64(call) >= 0 {
		r.InSyscall, r.Syscall, r.Arg = true, call, word(b.arg)
	}
	for i := range min(b.words, len(r.General)) {
		r.General[i] = word(i)
	}
	return r, nil
}

// EncodeRegs makes a general register block as NT_PRSTATUS has it, with PC, SP
// and the system call of r; the other registers are 0.
func (a *Arch) EncodeRegs(r Regs) []byte {
	block := make([]byte, a.RegsSize())
	put := func(i int, v uint64) {
		if i != none {
			a.Order.PutUint64(block[i*8:], v)
		}
	}
	put(a.regs.pc, r.PC)
	put(a.regs.sp, r.SP)
	put(a.regs.call, ^uint64(0))
	if r.InSyscall {
		put(a.regs.call, r.Syscall)
		put(a.regs.arg, r.Arg)
	}
	return block
}

// SetByName stores v in the register called name, in any case, and reports
// whether that is one of the registers of Regs. Debuggers list registers by
// such names: "Rip", "R14", "X28", "Fs_base".
func (a *Arch) SetByName(r *Regs, name string, v uint64) bool {
	n := &a.regs.names
	for _, e := range [...]struct {
		name string
		dst  *uint64
	}{
		{n.pc, &r.PC}, {n.sp, &r.SP}, {n.fp, &r.FP},
		{n.lr, &r.LR}, {n.g, &r.G}, {n.tls, &r.TLS},
	} {
		if e.name != "" && strings.EqualFold(e.name, name) {
			*e.dst = v
			return true
		}
	}
	return false
}
