// Spinners has many Ps and little work: goroutines that wake each other in
// turn, so that threads look for work most of the time.
package main

import (
	"runtime"

	"rtdbgtargets/internal/truth"
)

func pass(from, to chan int) {
	for n := range from {
		to <- n
	}
}

func main() {
	truth.LimitTo(5 * 60) // it takes a processor
	runtime.GOMAXPROCS(16)
	for i := 0; i < 2; i++ {
		a, b := make(chan int), make(chan int)
		go pass(a, b)
		go pass(b, a)
		a <- 1
	}
	truth.Park()
}
