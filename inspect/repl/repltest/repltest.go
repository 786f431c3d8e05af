// Package repltest gives the tests of rtdbg's faces (star, repl, scripts, cmd)
// the targets that they share.
package repltest

import (
	"testing"

	"rtdbg/inspect/internal/target"
)

// Go is the version that the targets are built with, so that what tests expect
// of the runtime's own goroutines does not depend on the machine.
const Go = "go1.26.8"

// Pool is a core file of the target "pool": three workers, whose producer is
// gone, a collector that waits for their results, and a goroutine that waits
// for them with a WaitGroup.
func Pool(tb testing.TB) *target.Capture {
	tb.Helper()
	return target.Take(tb, target.Spec{Program: "pool", Go: Go}, target.Options{
		Args: []string{"-workers=3"}, Env: []string{"GOMAXPROCS=2"},
	}, target.Kernel)
}

// Healthy is a core file of the target "healthy", whose goroutines wait as those
// of a deadlock do and can all be woken.
func Healthy(tb testing.TB) *target.Capture {
	tb.Helper()
	return target.Take(tb, target.Spec{Program: "healthy", Go: Go}, target.Options{}, target.Kernel)
}
