package progress

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// How long work may take before the bar is shown, and how often that changes.
const (
	patience = 500 * time.Millisecond
	interval = 100 * time.Millisecond
)

// Bar shows the phase in progress on the last line of a terminal. A nil Bar
// shows nothing.
type Bar struct {
	w     io.Writer
	width int

	mu sync.Mutex
	// shown says that the line is on the terminal, silent that it must not
	// come back before the next Start.
	shown, silent bool
	ticks         func(time.Duration) (<-chan time.Time, func())
}

// NewBar returns a Bar on the terminal w, which is so many columns wide.
func NewBar(w io.Writer, width int) *Bar {
	return &Bar{w: w, width: width, ticks: func(d time.Duration) (<-chan time.Time, func()) {
		t := time.NewTicker(d)
		return t.C, t.Stop
	}}
}

// Start shows the progress of the work under the context that it returns, once
// that has taken half a second, and until stop is called.
func (b *Bar) Start(ctx context.Context) (_ context.Context, stop func()) {
	if b == nil {
		return ctx, func() {}
	}
	t := &tracker{}
	b.mu.Lock()
	b.silent = false
	b.mu.Unlock()
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticks, release := b.ticks(interval)
		defer release()
		for waited := time.Duration(0); ; waited += interval {
			select {
			case <-end:
				return
			case <-ticks:
				if waited >= patience {
					b.draw(t)
				}
			}
		}
	}()
	var once sync.Once
	return context.WithValue(ctx, key{}, t), func() {
		once.Do(func() {
			close(end)
			<-ended
			b.Clear()
		})
	}
}

// Clear takes the line off the terminal, for others to write. It may come back.
func (b *Bar) Clear() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clear()
}

// Quiet takes the line off the terminal until the next Start.
func (b *Bar) Quiet() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clear()
	b.silent = true
}

func (b *Bar) clear() {
	if b.shown {
		fmt.Fprint(b.w, "\r\x1b[K")
		b.shown = false
	}
}

// Before returns a writer to w, on the same terminal, of what takes the place
// of the bar: with the first byte it goes, not to come back before the next
// Start.
func (b *Bar) Before(w io.Writer) io.Writer {
	if b == nil {
		return w
	}
	return before{b, w}
}

type before struct {
	b *Bar
	w io.Writer
}

func (o before) Write(p []byte) (int, error) {
	o.b.Quiet()
	return o.w.Write(p)
}

// draw shows the state of t.
func (b *Bar) draw(t *tracker) {
	name, done, total := t.state()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.silent || name == "" {
		b.clear()
		return
	}
	fmt.Fprint(b.w, "\r"+line(name, done, total, b.width-1)+"\x1b[K")
	b.shown = true
}

// line is the state of a phase in at most width columns.
func line(name string, done, total int64, width int) string {
	s := fmt.Sprintf("%s: %s", name, thousands(done))
	if total > 0 {
		s += " of " + thousands(total)
		const cells = 20
		full := int(min(done, total) * cells / total)
		s = "[" + strings.Repeat("=", full) + strings.Repeat(" ", cells-full) + "] " + s
	}
	if len(s) > max(width, 0) {
		s = s[:max(width, 0)]
	}
	return s
}

// thousands writes n with a blank between each three digits.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}
