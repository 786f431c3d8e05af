package main

import (
	"syscall"
	"unsafe"

	"rtdbgtargets/internal/truth"
)

// monotonic reads CLOCK_MONOTONIC, the runtime's nanotime on linux.
func monotonic() int64 {
	var ts syscall.Timespec
	const clockMonotonic = 1
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		truth.Fatal("clock_gettime: %v", errno)
	}
	return ts.Nano()
}
