//go:build go1.24 && !go1.25 && goexperiment.synctest

package main

import "testing/synctest"

// run runs f in a bubble.
func run(f func()) { synctest.Run(f) }
