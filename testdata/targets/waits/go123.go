//go:build go1.23

package main

import (
	"iter"

	"rtdbgtargets/internal/truth"
)

func waits123() []wait {
	return []wait{
		{waitPull, recv},
		{waitPullInside, recv},
	}
}

// waitPull made an iterator that is parked in the middle: its coroutine waits
// for the next call of next, while its user waits for something else.
func waitPull() {
	c := make(chan int)
	next, stop := iter.Pull(func(yield func(int) bool) {
		truth.Set("coro.goid", truth.Goid())
		for i := 0; yield(i); i++ {
		}
	})
	defer stop()
	next()
	enter("pull", c)
	<-c
}

// waitPullInside waits for a coroutine that in turn waits on a channel.
func waitPullInside() {
	c := make(chan int)
	truth.Set("pullouter.goid", truth.Goid())
	next, stop := iter.Pull(func(yield func(int) bool) {
		enter("pullinside", c)
		yield(<-c)
	})
	defer stop()
	next()
}
