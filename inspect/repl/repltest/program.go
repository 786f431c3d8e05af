package repltest

import (
	"testing"

	"rtdbg/inspect/internal/target"
)

// Program is a core file of the target program called name.
func Program(tb testing.TB, name string) *target.Capture {
	tb.Helper()
	return target.Take(tb, target.Spec{Program: name, Go: Go}, target.Options{}, target.Kernel)
}
