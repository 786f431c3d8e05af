package repl

import (
	"context"
	"fmt"

	"rtdbg/inspect"
)

// population counts the goroutines for the prompt.
type population struct {
	// most is how many there are at most, alive how many there are; done is
	// closed when that is known.
	most, alive int
	done        chan struct{}
}

// manyGoroutines is how many are counted beside the first prompts and not
// before them: their descriptors are all over the memory.
const manyGoroutines = 1 << 17

// count begins to count the goroutines of p, and ends when ctx does.
func count(ctx context.Context, p *inspect.Process) (*population, error) {
	most, err := p.RT.Descriptors()
	if err != nil {
		return nil, err
	}
	n := &population{most: most, done: make(chan struct{})}
	go func() {
		defer close(n.done)
		n.alive = most
		if c, err := p.Count(ctx); err == nil {
			n.alive = c.Alive()
		}
	}()
	if most <= manyGoroutines {
		<-n.done
	}
	return n, ctx.Err()
}

// String is the number as far as it is known: "~1000000 goroutines".
func (n *population) String() string {
	select {
	case <-n.done:
		return fmt.Sprintf("%d goroutines", n.alive)
	default:
		return fmt.Sprintf("~%d goroutines", n.most)
	}
}
