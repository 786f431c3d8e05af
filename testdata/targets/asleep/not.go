//go:build !cgo

package main

import "rtdbgtargets/internal/truth"

func sleeps() chan struct{} {
	truth.Fatal("this target needs cgo")
	return nil
}
