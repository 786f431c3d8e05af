// Firing has a goroutine that waits, again and again, for a channel that only
// the function of a timer closes: at the instant at which the runtime calls that
// function it is in no heap of timers any more and on no goroutine's stack. It
// prints waiter.goid.
package main

import (
	"time"

	"rtdbgtargets/internal/truth"
)

var entered = make(chan int64)

//go:noinline
func rounds() {
	entered <- truth.Goid()
	for {
		fired := make(chan struct{})
		time.AfterFunc(50*time.Millisecond, func() { close(fired) })
		<-fired
	}
}

func main() {
	truth.Limit()
	go rounds()
	truth.Set("waiter.goid", <-entered)
	truth.Park()
}
