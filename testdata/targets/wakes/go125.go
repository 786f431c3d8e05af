//go:build go1.25

package main

import "sync"

func waitGroupGo() []shape {
	return []shape{{"waitgroup-go", groupGo}}
}

func groupGo() {
	for {
		var wg sync.WaitGroup
		for i := 0; i < 4; i++ {
			wg.Go(func() { pause(10) })
		}
		wg.Wait()
	}
}
