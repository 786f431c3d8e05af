// Package spin has loops that do not stop when the runtime asks them to.
package spin

import _ "unsafe" // for go:linkname

// Spins is exported: what only this package sees the compiler need not write.
var Spins uint64

//go:linkname procPin runtime.procPin
func procPin() int

// Pinned is a loop of a goroutine that may not be taken off its P.
func Pinned() {
	procPin()
	for {
		Spins++
	}
}

// Assembly is in no package that C code is in: the go command wants it so.
func Assembly()

// NoSplit is a loop that does not check its stack.
//
//go:nosplit
func NoSplit() {
	for {
		Spins++
	}
}
