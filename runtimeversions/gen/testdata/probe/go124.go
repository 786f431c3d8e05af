//go:build go1.24

package main

import (
	"fmt"
	"runtime"
	"weak"
)

func init() {
	parts = append(parts, func() {
		x := new([4]int)
		w := weak.Make(x)
		c := runtime.AddCleanup(x, func(int) {}, 1)
		c.Stop()
		fmt.Println(w.Value())
	})
}
