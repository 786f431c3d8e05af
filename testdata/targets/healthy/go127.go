//go:build go1.27
// +build go1.27

package main

import (
	"io"
	"runtime/pprof"

	"rtdbgtargets/internal/truth"
)

// detect runs the leak detector.
func detect() {
	truth.Check(pprof.Lookup("goroutineleak").WriteTo(io.Discard, 0))
}
