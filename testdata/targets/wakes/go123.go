//go:build go1.23

package main

import "iter"

func iterators() []shape {
	return []shape{{"iter-pull", iterPull}}
}

// numbers is a sequence that waits for its values.
func numbers(c <-chan int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for v := range c {
			if !yield(v) {
				return
			}
		}
	}
}

// iterPull merges two sequences by pulling from each in turn: while one side
// of the pair runs the other is parked.
func iterPull() {
	for {
		one, stopOne := iter.Pull(numbers(burst(5)))
		two, stopTwo := iter.Pull(numbers(burst(5)))
		for {
			_, more := one()
			_, any := two()
			if !more && !any {
				break
			}
			compute()
		}
		stopOne()
		stopTwo()
	}
}
