// Package progress tells a person who waits how far the work is. Who works
// counts what is done under the name of a phase; a Bar on a terminal shows it.
// The way from one to the other is the context, so that nothing in between
// knows of it, and counting costs nothing where nobody looks.
package progress

import (
	"context"
	"sync"
	"sync/atomic"
)

// Phase is a part of the work that can be counted. A nil Phase counts nothing.
type Phase struct {
	name  string
	total int64
	done  atomic.Int64
	// outer is the phase that this is a part of, nil if none.
	outer *Phase
	in    *tracker
}

// Begin starts a phase of the work under ctx, of total things called name:
// "goroutines read". A total of 0 is not known. It is nil if nobody looks.
func Begin(ctx context.Context, name string, total int) *Phase {
	t, _ := ctx.Value(key{}).(*tracker)
	if t == nil {
		return nil
	}
	p := &Phase{name: name, total: int64(total), in: t}
	t.mu.Lock()
	defer t.mu.Unlock()
	p.outer, t.current = t.current, p
	return p
}

// Add counts n things as done. Several goroutines may count at once; counting
// them in batches keeps them from waiting for each other.
func (p *Phase) Add(n int) {
	if p != nil {
		p.done.Add(int64(n))
	}
}

// End ends the phase.
func (p *Phase) End() {
	if p == nil {
		return
	}
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	if p.in.current == p {
		p.in.current = p.outer
	}
}

// tracker knows the phase that is in progress.
type tracker struct {
	mu      sync.Mutex
	current *Phase
}

type key struct{}

// state returns the phase in progress and how far it is; name is "" for none.
func (t *tracker) state() (name string, done, total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == nil {
		return "", 0, 0
	}
	return t.current.name, t.current.done.Load(), t.current.total
}
