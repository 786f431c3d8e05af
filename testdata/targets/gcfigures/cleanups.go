//go:build go1.25

package main

import (
	"runtime"
	"sync/atomic"

	"rtdbgtargets/internal/truth"
)

var cleaning int32

func cleanUp(int) {
	atomic.StoreInt32(&cleaning, 1)
	<-never
}

// cleanups has a cleanup run that waits on a channel, and others wait behind
// it.
func cleanups() {
	for i := 0; i < 2; i++ {
		done := make(chan bool)
		go func() {
			for j := 0; j < 1+3*i; j++ {
				runtime.AddCleanup(&object{}, cleanUp, 0)
			}
			done <- true
		}()
		<-done
		runtime.GC()
		truth.Until(&cleaning)
	}
}
