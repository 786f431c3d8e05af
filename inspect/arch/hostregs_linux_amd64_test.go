package arch

import "golang.org/x/sys/unix"

func hostRegs() ([]byte, hostRegister) {
	r := unix.PtraceRegs{Rip: 1, Rsp: 2, Rbp: 3, R14: 4, Fs_base: 5, R15: 6, Orig_rax: 7}
	return bytesOf(&r), hostRegister{"amd64", Regs{PC: 1, SP: 2, FP: 3, G: 4, TLS: 5, InSyscall: true, Syscall: 7}}
}
