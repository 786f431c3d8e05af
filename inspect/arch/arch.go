// Package arch describes what differs between the processor architectures
// that rtdbg reads: data, no behaviour beyond decoding registers.
package arch

import "encoding/binary"

// Arch describes one architecture as the Go toolchain uses it.
type Arch struct {
	// Name is the GOARCH value.
	Name string
	// PtrSize is the size of a pointer in bytes.
	PtrSize int
	// Order is the byte order of the target's memory.
	Order binary.ByteOrder
	// PCQuantum is the smallest instruction's size in bytes, the unit of
	// the pcvalue tables (sys.PCQuantum).
	PCQuantum int
	// MinFrameSize is the size in bytes of the smallest frame that the
	// compiler makes, 0 where calls push the return address
	// (sys.MinFrameSize).
	MinFrameSize int
	// UsesLR says that a call leaves its return address in a link register.
	UsesLR bool
	// Trap is the instruction that debuggers write as a breakpoint.
	Trap []byte
	// CallFrame is what unwind tables say of registers.
	CallFrame CallFrame

	machine uint16
	regs    regBlock
}

// Regs are the registers of a stopped thread that rtdbg uses.
type Regs struct {
	PC, SP uint64
	// FP is the frame pointer register (RBP, R29).
	FP uint64
	// LR is the link register, 0 where there is none.
	LR uint64
	// G is the register that holds the current g in Go code (R14 on amd64,
	// R28 on arm64). It means nothing while the thread runs C code.
	G uint64
	// TLS is the thread pointer (FS base on amd64, TPIDR_EL0 on arm64),
	// 0 where the source does not record it.
	TLS uint64
	// InSyscall says that the thread was in a system call, as far as the
	// source records that, with the number Syscall and the first argument
	// Arg (orig_rax and rdi on amd64).
	InSyscall    bool
	Syscall, Arg uint64
	// General are all register words that the source has, in its own order,
	// for the search for pointers that are in a register only; 0 beyond the
	// last.
	General [64]uint64
}

// Thread is a stopped thread of the target.
type Thread struct {
	// TID is the kernel's thread id, as the target saw it (m.procid).
	TID  int
	Regs Regs
}
