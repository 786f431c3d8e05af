//go:build go1.25

package main

import (
	"testing"
	"testing/synctest"
)

// run runs f in a bubble. Package testing/synctest wants a testing.T.
func run(f func()) {
	everything := func(string, string) (bool, error) { return true, nil }
	testing.Main(everything, []testing.InternalTest{{
		Name: "bubble",
		F:    func(t *testing.T) { synctest.Test(t, func(*testing.T) { f() }) },
	}}, nil, nil)
}
