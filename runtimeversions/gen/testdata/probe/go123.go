//go:build go1.23

package main

import (
	"fmt"
	"iter"
	"unique"
)

func init() {
	parts = append(parts, func() {
		next, stop := iter.Pull(func(yield func(string) bool) { yield("") })
		s, _ := next()
		stop()
		fmt.Println(unique.Make(s).Value())
	})
}
