//go:build go1.23
// +build go1.23

package main

import (
	"iter"

	"rtdbgtargets/internal/scene"
)

func versionCases() []scene.Case {
	return []scene.Case{{Name: "pull-under-wait", Stage: pullUnderWait}}
}

// pullUnderWait: who pulls waits for an iterator that waits for a channel that
// only the puller would close.
func pullUnderWait(s *scene.Scene) {
	done := make(chan int)
	s.Start("puller", func() {
		next, stop := iter.Pull(func(yield func(int) bool) {
			<-done
			yield(1)
		})
		defer stop()
		next()
		close(done)
	})
}
