//go:build go1.21

package main

import (
	"context"
	"sync"
)

func contextFuncs() []shape {
	return []shape{
		{"context-cause", contextCause},
		{"context-after-func", contextAfterFunc},
		{"once-value", onceValue},
	}
}

// contextCause cancels with a reason, from where the reason is found.
func contextCause() {
	for {
		ctx, cancel := context.WithCancelCause(context.Background())
		go func() {
			pause(10)
			cancel(errLost)
		}()
		<-ctx.Done()
		if context.Cause(ctx) != errLost {
			panic("wrong cause")
		}
	}
}

// contextAfterFunc wakes what waits on a Cond when a context ends.
func contextAfterFunc() {
	var mu sync.Mutex
	cond := sync.NewCond(&mu)
	for {
		ctx, cancel := context.WithCancel(context.Background())
		stop := context.AfterFunc(ctx, func() {
			mu.Lock()
			defer mu.Unlock()
			cond.Broadcast()
		})
		go func() {
			pause(9)
			cancel()
		}()
		mu.Lock()
		for ctx.Err() == nil {
			cond.Wait()
		}
		mu.Unlock()
		stop()
	}
}

func onceValue() {
	for {
		value := sync.OnceValue(func() int { pause(8); return 1 })
		var wg sync.WaitGroup
		for i := 0; i < 3; i++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				value()
			}()
		}
		wg.Wait()
	}
}
