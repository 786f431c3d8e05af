package progress

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestLine(t *testing.T) {
	for _, tt := range []struct {
		name        string
		done, total int64
		width       int
		want        string
	}{
		{"goroutines read", 0, 0, 80, "goroutines read: 0"},
		{"goroutines read", 1234567, 0, 80, "goroutines read: 1 234 567"},
		{"stacks", 500, 1000, 80, "[==========          ] stacks: 500 of 1 000"},
		{"stacks", 2000, 1000, 80, "[====================] stacks: 2 000 of 1 000"},
		{"stacks", 500, 1000, 10, "[========="},
		{"stacks", 500, 1000, -1, ""},
	} {
		if got := line(tt.name, tt.done, tt.total, tt.width); got != tt.want {
			t.Errorf("line(%q, %d, %d, %d) = %q, want %q", tt.name, tt.done, tt.total, tt.width, got, tt.want)
		}
	}
}

func TestWithoutABarNothingIsCounted(t *testing.T) {
	p := Begin(context.Background(), "stacks", 10)
	if p != nil {
		t.Error("a phase without anybody who looks")
	}
	p.Add(3)
	p.End()
	var b *Bar
	ctx, stop := b.Start(context.Background())
	b.Clear()
	stop()
	if Begin(ctx, "stacks", 1) != nil {
		t.Error("a nil bar looks")
	}
}

func TestPhasesNest(t *testing.T) {
	tr := &tracker{}
	ctx := context.WithValue(context.Background(), key{}, tr)
	outer := Begin(ctx, "outer", 2)
	inner := Begin(ctx, "inner", 5)
	inner.Add(4)
	if name, done, total := tr.state(); name != "inner" || done != 4 || total != 5 {
		t.Errorf("%s %d %d", name, done, total)
	}
	inner.End()
	if name, _, _ := tr.state(); name != "outer" {
		t.Errorf("%s after the inner phase", name)
	}
	outer.End()
	if name, _, _ := tr.state(); name != "" {
		t.Errorf("%s after all phases", name)
	}
}

// screen is a terminal's memory.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestTheBarIsShownAfterHalfASecondAndErased drives a bar by hand.
func TestTheBarIsShownAfterHalfASecondAndErased(t *testing.T) {
	var s screen
	b := NewBar(&s, 80)
	ticks := make(chan time.Time)
	b.ticks = func(time.Duration) (<-chan time.Time, func()) { return ticks, func() {} }
	ctx, stop := b.Start(context.Background())
	p := Begin(ctx, "stacks", 10)
	p.Add(5)
	for range int(patience / interval) {
		ticks <- time.Time{}
	}
	if got := s.String(); got != "" {
		t.Errorf("before its time: %q", got)
	}
	ticks <- time.Time{}
	ticks <- time.Time{} // the one before has been dealt with
	if got := s.String(); !strings.HasPrefix(got, "\r[==========          ] stacks: 5 of 10\x1b[K") {
		t.Errorf("shown: %q", got)
	}
	b.Before(&s).Write([]byte("answer\n"))
	ticks <- time.Time{}
	ticks <- time.Time{}
	stop()
	stop()
	if got := s.String(); !strings.HasSuffix(got, "\r\x1b[Kanswer\n") {
		t.Errorf("after an answer: %q", got)
	}
}

func TestTheBarIsErasedAtTheEnd(t *testing.T) {
	var s screen
	b := NewBar(&s, 80)
	ticks := make(chan time.Time)
	b.ticks = func(time.Duration) (<-chan time.Time, func()) { return ticks, func() {} }
	ctx, stop := b.Start(context.Background())
	Begin(ctx, "stacks", 0).Add(5)
	for range int(patience/interval) + 2 {
		ticks <- time.Time{}
	}
	stop()
	if got := s.String(); !strings.HasPrefix(got, "\rstacks: 5\x1b[K") || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("%q", got)
	}
}
