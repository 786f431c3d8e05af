package tracee

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Types of register sets (include/uapi/linux/elf.h).
const (
	notePRSTATUS  = 1     // NT_PRSTATUS
	notePRFPREG   = 2     // NT_PRFPREG
	noteX86XSTATE = 0x202 // NT_X86_XSTATE
	noteARMTLS    = 0x401 // NT_ARM_TLS
)

// maxRegisterSet is above the size of any of these in bytes: with AMX an XSAVE
// area has some 11,000.
const maxRegisterSet = 32 << 10

// ptrace makes one request of ptrace(2).
func ptrace(request, tid int, addr, data uintptr) error {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), addr, data, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// read reads the registers of the stopped thread.
func (t *Thread) read() {
	buf := make([]byte, maxRegisterSet)
	t.General = registerSet(t.TID, notePRSTATUS, buf)
	t.Float = registerSet(t.TID, notePRFPREG, buf)
	t.Extended = registerSet(t.TID, noteX86XSTATE, buf)
	t.TLS = registerSet(t.TID, noteARMTLS, buf)
}

// registerSet returns a register set of a stopped thread, nil if it has none of
// that type.
func registerSet(tid, typ int, buf []byte) []byte {
	iov := unix.Iovec{Base: &buf[0]}
	iov.SetLen(len(buf))
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GETREGSET, uintptr(tid), uintptr(typ), uintptr(unsafe.Pointer(&iov)), 0, 0)
	if errno != 0 {
		return nil
	}
	return append([]byte(nil), buf[:iov.Len]...)
}
