//go:build go1.25

package main

import (
	"runtime"
	"sync"
)

func waits125() []wait {
	return []wait{
		{waitGroupGo, recv},
		{waitCleanup, recv},
	}
}

func waitGroupGo() {
	c := make(chan int)
	var wg sync.WaitGroup
	wg.Go(func() {
		enter("wggo", c)
		<-c
	})
	wg.Wait()
}

// waitCleanup is not itself the goroutine that waits: it has the runtime's
// goroutine that runs cleanups block. Go 1.24 runs cleanups in the goroutine
// that waitFinalizer has blocked.
func waitCleanup() {
	c := make(chan int)
	runtime.AddCleanup(new([64]byte), func(c chan int) {
		enter("cleanup", c)
		<-c
	}, c)
	runtime.GC()
}
