//go:build !cgo

package main

import "rtdbgtargets/internal/truth"

func stuckInC(func()) { truth.Fatal("-how=c needs cgo") }
