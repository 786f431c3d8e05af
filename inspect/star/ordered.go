package star

import (
	"context"
	"runtime"

	"rtdbg/inspect/render"
)

// part is a result of ordered that is in flight.
type part[T any] struct {
	v     T
	panic any
}

// ordered yields f of the numbers 0 … n-1, taken in parts of size, in order:
// several workers compute, not further ahead than there are workers. A panic in
// f is one of the caller.
func ordered[T any](ctx context.Context, n, size int, f func(from, to int) T) render.Seq[T] {
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		parts := make(chan chan part[T], runtime.GOMAXPROCS(0))
		go func() {
			defer close(parts)
			for from := 0; from < n; from += size {
				result := make(chan part[T], 1)
				select {
				case parts <- result:
					go func() { result <- compute(f, from, min(from+size, n)) }()
				case <-ctx.Done():
					return
				}
			}
		}()
		for result := range parts {
			select {
			case p := <-result:
				if p.panic != nil {
					panic(p.panic)
				}
				if !yield(p.v, nil) {
					return
				}
			case <-ctx.Done():
			}
			if ctx.Err() != nil {
				break
			}
		}
		if err := ctx.Err(); err != nil {
			var none T
			yield(none, err)
		}
	}
}

// compute calls f and catches its panic.
func compute[T any](f func(from, to int) T, from, to int) (p part[T]) {
	defer func() {
		if r := recover(); r != nil {
			p.panic = r
		}
	}()
	p.v = f(from, to)
	return p
}
