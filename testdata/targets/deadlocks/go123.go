//go:build go1.23
// +build go1.23

package main

import (
	"iter"

	"rtdbgtargets/internal/scene"
	"rtdbgtargets/internal/truth"
)

func versionCases() []scene.Case {
	return []scene.Case{{Name: "pull-under-wait", Stage: pullUnderWait}}
}

// pullUnderWait: who pulls waits for an iterator that waits for a channel that
// only the puller would close.
func pullUnderWait(s *scene.Scene) {
	done := make(chan int)
	id := make(chan int64, 1)
	s.Start("puller", func() {
		next, stop := iter.Pull(func(yield func(int) bool) {
			id <- truth.Goid()
			<-done
			yield(1)
		})
		defer stop()
		next()
		close(done)
	})
	s.Also("iterator", <-id)
	s.Cycle("puller", "iterator")
	s.Coroutine()
}
