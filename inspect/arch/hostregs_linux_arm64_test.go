package arch

import "golang.org/x/sys/unix"

func hostRegs() ([]byte, hostRegister) {
	r := unix.PtraceRegs{Pc: 1, Sp: 2, Pstate: 6}
	r.Regs[29], r.Regs[28], r.Regs[30] = 3, 4, 5
	return bytesOf(&r), hostRegister{"arm64", Regs{PC: 1, SP: 2, FP: 3, G: 4, LR: 5}}
}
