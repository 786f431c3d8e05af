package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"rtdbgtargets/internal/scene"
	"rtdbgtargets/internal/truth"
)

func leakCases() []scene.Case {
	return []scene.Case{
		{Name: "receiver-timed-out", Stage: receiverTimedOut},
		{Name: "first-answer-wins", Stage: firstAnswerWins},
		{Name: "missing-close", Stage: missingClose},
		{Name: "producer-died", Stage: producerDied},
		{Name: "early-return", Stage: earlyReturn},
		{Name: "forgotten-cancel", Stage: forgottenCancel},
		{Name: "background-done", Stage: backgroundDone},
		{Name: "child-context", Stage: childContext},
		{Name: "nil-recv", Stage: nilRecv},
		{Name: "nil-send", Stage: nilSend},
		{Name: "nil-select", Stage: nilSelect},
		{Name: "empty-select", Stage: emptySelect},
		{Name: "stopped-ticker", Stage: stoppedTicker},
		{Name: "stopped-timer", Stage: stoppedTimer},
		{Name: "closed-over", Stage: closedOver},
		{Name: "error-before-send", Stage: errorBeforeSend},
		{Name: "quit-lost", Stage: quitLost},
		{Name: "behind-a-leak", Stage: behindALeak},
	}
}

// receiverTimedOut: the answer comes after its receiver has given up.
func receiverTimedOut(s *scene.Scene) {
	answer := make(chan int)
	s.Start("late", func() {
		time.Sleep(5 * time.Millisecond)
		answer <- 1
	})
	select {
	case <-answer:
		truth.Fatal("the answer came early")
	case <-time.After(time.Millisecond):
	}
}

// firstAnswerWins: only the first of three answers is received.
func firstAnswerWins(s *scene.Scene) {
	answers := make(chan int)
	scene.Begin(func() { answers <- 1 })()
	for _, role := range []string{"second", "third"} {
		s.Start(role, func() { answers <- 2 })
		s.Blocked(role)
	}
	if <-answers != 1 {
		truth.Fatal("the wrong answer came first")
	}
}

func missingClose(s *scene.Scene) {
	items := make(chan int)
	s.Start("consumer", func() {
		for range items {
		}
	})
	for i := 0; i < 3; i++ {
		items <- i
	}
}

func producerDied(s *scene.Scene) {
	jobs := make(chan int)
	for i := 0; i < 3; i++ {
		s.Start(fmt.Sprint(i), func() {
			for range jobs {
			}
		})
	}
	func() {
		defer func() { recover() }()
		var limits []int
		for i := 0; ; i++ {
			jobs <- i
			_ = limits[i]
		}
	}()
}

// earlyReturn: the sink of a pipeline stops at the first error.
func earlyReturn(s *scene.Scene) {
	numbers, squares := make(chan int), make(chan int)
	s.Start("generate", func() {
		defer close(numbers)
		for i := 0; i < 100; i++ {
			numbers <- i
		}
	})
	s.Start("square", func() {
		defer close(squares)
		for n := range numbers {
			squares <- n * n
		}
	})
	for n := range squares {
		if n > 3 {
			break
		}
	}
}

func forgottenCancel(s *scene.Scene) {
	ctx, cancel := context.WithCancel(context.Background())
	s.Start("watch", func() { <-ctx.Done() })
	_ = cancel
}

func backgroundDone(s *scene.Scene) {
	updates := make(chan int)
	ctx := context.Background()
	s.Start("watch", func() {
		select {
		case <-ctx.Done():
		case <-updates:
		}
	})
}

func childContext(s *scene.Scene) {
	type key struct{}
	parent, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, 1))
	child, cancelChild := context.WithCancel(parent)
	s.Start("parent", func() { <-parent.Done() })
	s.Start("child", func() { <-child.Done() })
	_, _ = cancel, cancelChild
}

func nilRecv(s *scene.Scene) {
	var c chan int
	s.Start("recv", func() { <-c })
}

func nilSend(s *scene.Scene) {
	var c chan int
	s.Start("send", func() { c <- 1 })
}

func nilSelect(s *scene.Scene) {
	var a, b chan int
	s.Start("select", func() {
		select {
		case <-a:
		case b <- 1:
		}
	})
}

func emptySelect(s *scene.Scene) {
	s.Start("select", func() { select {} })
}

func stoppedTicker(s *scene.Scene) {
	t := time.NewTicker(time.Hour)
	s.Start("range", func() {
		for range t.C {
		}
	})
	s.Blocked("range")
	t.Stop()
}

func stoppedTimer(s *scene.Scene) {
	t := time.NewTimer(time.Hour)
	s.Start("wait", func() { <-t.C })
	s.Blocked("wait")
	t.Stop()
}

// closedOver: every loop sends to the last channel.
func closedOver(s *scene.Scene) {
	var c chan int
	var sends []func()
	var first chan int
	for i := 0; i < 2; i++ {
		c = make(chan int)
		if first == nil {
			first = c
		}
		sends = append(sends, func() { c <- 1 })
	}
	s.Start("send0", sends[0])
	s.Start("send1", sends[1])
	s.Start("recv", func() { <-first })
}

func errorBeforeSend(s *scene.Scene) {
	ready := make(chan bool)
	start := func() error { return errors.New("no such host") }
	s.Start("waiter", func() { <-ready })
	go func() {
		if err := start(); err != nil {
			return
		}
		ready <- true
	}()
}

type worker struct {
	quit  chan struct{}
	tasks chan int
}

func (w *worker) run() {
	for {
		select {
		case <-w.quit:
			return
		case t := <-w.tasks:
			_ = t
		}
	}
}

// quitLost: a worker is dropped without a word.
func quitLost(s *scene.Scene) {
	w := &worker{make(chan struct{}), make(chan int)}
	s.Start("worker", w.run)
	w.tasks <- 1
}

// behindALeak: one waits for a goroutine that waits for nobody.
func behindALeak(s *scene.Scene) {
	var mu sync.Mutex
	lost := make(chan int)
	s.Start("holder", func() {
		mu.Lock()
		defer mu.Unlock()
		<-lost
	})
	s.Blocked("holder")
	s.Start("behind", func() {
		mu.Lock()
		defer mu.Unlock()
	})
}
