//go:build go1.23

package main

import (
	"iter"

	"rtdbgtargets/internal/truth"
)

// never is never sent to.
var never = make(chan int)

// kept holds the functions of iterators.
var kept []interface{}

func coroutines() {
	// The sequence has yielded once.
	next, stop := iter.Pull(func(yield func(int) bool) {
		truth.Set("yielded.goid", truth.Goid())
		yield(1)
	})
	next()
	kept = append(kept, next, stop)

	// The sequence waits for a channel, and who asked it for a value waits.
	go func() {
		next, stop := iter.Pull(func(yield func(int) bool) {
			enter("producing")
			yield(<-never)
		})
		truth.Set("asking.goid", truth.Goid())
		next()
		stop()
	}()
	<-entered

	// The sequence has not begun.
	next, stop = iter.Pull(func(func(int) bool) {})
	kept = append(kept, next, stop)
	truth.Set("coroutines", "all")
}
