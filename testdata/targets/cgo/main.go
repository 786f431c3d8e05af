// Cgo has goroutines that wait in C, that wait in Go called back from C, and
// that C started a thread for. Built without cgo it says unsupported and no
// more.
package main

import "rtdbgtargets/internal/truth"

func main() {
	truth.Limit()
	waits()
	truth.Park()
}
