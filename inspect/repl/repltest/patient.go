package repltest

import (
	"cmp"
	"testing"

	"rtdbg/inspect/internal/target"
)

// Patient is a target as it is built and started.
type Patient struct {
	Program, Ldflags string
	// Version is the Go version that it is built with, "" for Go.
	Version   string
	Args, Env []string
	Cgo       bool
}

func (p Patient) spec() (target.Spec, target.Options) {
	version := cmp.Or(p.Version, Go)
	return target.Spec{Program: p.Program, Go: version, Cgo: p.Cgo, Ldflags: p.Ldflags}, target.Options{Args: p.Args, Env: p.Env}
}

// Take returns the core file of p.
func (p Patient) Take(tb testing.TB) *target.Capture {
	tb.Helper()
	s, o := p.spec()
	return target.Take(tb, s, o, target.Kernel)
}

// Start starts p, which runs until the test ends or it is killed.
func (p Patient) Start(tb testing.TB) *target.Running {
	tb.Helper()
	s, o := p.spec()
	return target.Start(tb, target.Build(tb, s), o)
}

// Missing skips the test for want of what it compares with.
func Missing(tb testing.TB, format string, args ...any) {
	tb.Helper()
	target.Missing(tb, format, args...)
}
