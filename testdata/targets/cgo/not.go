//go:build !cgo

package main

import "rtdbgtargets/internal/truth"

func waits() { truth.Set("unsupported", "cgo") }
