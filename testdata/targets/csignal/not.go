//go:build !cgo

package main

import "rtdbgtargets/internal/truth"

func threads() { truth.Set("unsupported", "cgo") }
