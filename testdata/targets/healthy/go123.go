//go:build go1.23
// +build go1.23

package main

import (
	"iter"
	"time"

	"rtdbgtargets/internal/scene"
)

func versionCases() []scene.Case {
	return []scene.Case{{Name: "pull-in-use", Stage: pullInUse}, {Name: "pull-sleeps", Stage: pullSleeps}}
}

// pullInUse: the iterator's coroutine waits for who pulls to come back.
func pullInUse(s *scene.Scene) {
	s.Start("puller", func() {
		next, stop := iter.Pull(func(yield func(int) bool) {
			for i := 0; yield(i); i++ {
			}
		})
		defer stop()
		next()
		time.Sleep(long)
		next()
	})
}

// pullSleeps: who pulls waits for the iterator, which sleeps.
func pullSleeps(s *scene.Scene) {
	s.Start("puller", func() {
		next, stop := iter.Pull(func(yield func(int) bool) {
			time.Sleep(long)
			yield(1)
		})
		defer stop()
		next()
	})
}
