package tracee

import "unsafe"

// pointer is what a raw system call takes.
func pointer[T any](p *T) unsafe.Pointer { return unsafe.Pointer(p) }
