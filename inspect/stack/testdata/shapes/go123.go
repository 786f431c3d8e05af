//go:build go1.23

package main

import "iter"

func startVersion() {
	start(func() {
		next, _ := iter.Pull(func(yield func(int) bool) { yield(<-never) })
		next()
	})
	start(func() {
		for range func(yield func() bool) { yield() } {
			<-never
		}
	})
	next, _ := iter.Pull(func(yield func(int) bool) {
		for yield(1) {
		}
	})
	next()
}
