package main

import (
	"fmt"
	"sync"
	"time"

	"rtdbgtargets/internal/scene"
)

func chanCases() []scene.Case {
	return []scene.Case{
		{Name: "two-chans", Stage: twoChans},
		{Name: "ack", Stage: ack},
		{Name: "ring", Stage: ring},
		{Name: "results-full", Stage: resultsFull},
		{Name: "wait-before-drain", Stage: waitBeforeDrain},
		{Name: "self-request", Stage: selfRequest},
		{Name: "chan-of-chans", Stage: chanOfChans},
		{Name: "select-cycle", Stage: selectCycle},
		{Name: "select-both-send", Stage: selectBothSend},
		{Name: "semaphore-nested", Stage: semaphoreNested},
		{Name: "weighted-semaphore", Stage: weightedSemaphore},
		{Name: "pipeline-feedback", Stage: pipelineFeedback},
	}
}

func twoChans(s *scene.Scene) {
	a, b := make(chan int), make(chan int)
	s.Start("ab", func() {
		a <- 1
		<-b
	})
	s.Start("ba", func() {
		b <- 1
		<-a
	})
	s.Cycle("ab", "ba")
}

// ack: each waits for the other to begin.
func ack(s *scene.Scene) {
	items, acks := make(chan int), make(chan bool)
	s.Start("producer", func() {
		for i := 0; ; i++ {
			<-acks
			items <- i
		}
	})
	s.Start("consumer", func() {
		for range items {
			acks <- true
		}
	})
	s.Cycle("producer", "consumer")
}

// ring: four pass a token on, and nobody has it.
func ring(s *scene.Scene) {
	chans := make([]chan int, 4)
	for i := range chans {
		chans[i] = make(chan int)
	}
	pass := func(in <-chan int, out chan<- int) {
		for v := range in {
			out <- v
		}
	}
	for i := range chans {
		in, out := chans[i], chans[(i+1)%4]
		s.Start(fmt.Sprint(i), func() { pass(in, out) })
	}
	s.Cycle("0", "3", "2", "1")
}

// resultsFull: the producer reads the results only after the last job.
func resultsFull(s *scene.Scene) {
	jobs, results := make(chan int), make(chan int)
	work := func() {
		for j := range jobs {
			results <- j * j
		}
	}
	s.Start("w1", work)
	s.Start("w2", work)
	s.Start("producer", func() {
		for i := 0; i < 10; i++ {
			jobs <- i
		}
		close(jobs)
		for i := 0; i < 10; i++ {
			<-results
		}
	})
	s.Cycle("producer", "w1|w2")
}

// waitBeforeDrain: workers send what is only read when they have ended.
func waitBeforeDrain(s *scene.Scene) {
	var wg sync.WaitGroup
	errs := make(chan error)
	for _, name := range []string{"w1", "w2", "w3"} {
		wg.Add(1)
		s.Start(name, func() {
			defer wg.Done()
			errs <- nil
		})
	}
	s.Start("waiter", func() {
		wg.Wait()
		close(errs)
		for range errs {
		}
	})
	s.Cycle("waiter", "w1|w2|w3")
}

// selfRequest: a server asks itself through its own queue.
func selfRequest(s *scene.Scene) {
	requests := make(chan func())
	s.Start("server", func() {
		for f := range requests {
			f()
		}
	})
	requests <- func() { requests <- func() {} }
}

type request struct {
	n     int
	reply chan int
}

// chanOfChans: two servers ask each other while they answer.
func chanOfChans(s *scene.Scene) {
	left, right := make(chan request), make(chan request)
	serve := func(mine <-chan request, other chan<- request) func() {
		return func() {
			for r := range mine {
				ask := request{r.n - 1, make(chan int)}
				other <- ask
				r.reply <- <-ask.reply
			}
		}
	}
	s.Start("left", serve(left, right))
	s.Start("right", serve(right, left))
	first := request{8, make(chan int)}
	s.Start("client", func() {
		left <- first
		<-first.reply
	})
	// left asks right, which asks left.
	s.Cycle("left", "right")
}

// selectCycle: two wait in selects that only the other could end.
func selectCycle(s *scene.Scene) {
	a, b, c := make(chan int), make(chan int), make(chan string)
	s.Start("x", func() {
		select {
		case v := <-a:
			b <- v
		case v := <-c:
			c <- v
		}
	})
	s.Start("y", func() {
		select {
		case v := <-b:
			a <- v
			c <- ""
		}
	})
	s.Cycle("x", "y")
}

// selectBothSend: two offer each other something, and nobody takes it.
func selectBothSend(s *scene.Scene) {
	type peer struct{ in, out chan int }
	x, y := make(chan int), make(chan int)
	quit := make(chan bool)
	run := func(p peer) {
		select {
		case p.out <- 1:
		case <-quit:
			return
		}
		<-p.in
	}
	s.Start("x", func() { run(peer{x, y}) })
	s.Start("y", func() { run(peer{y, x}) })
	s.Cycle("x", "y")
}

// semaphoreNested: who holds the only token asks for another.
func semaphoreNested(s *scene.Scene) {
	tokens := make(chan struct{}, 1)
	var group func(f func())
	group = func(f func()) {
		tokens <- struct{}{}
		defer func() { <-tokens }()
		f()
	}
	s.Start("self", func() { group(func() { group(func() {}) }) })
	s.Blocked("self")
}

// weighted is the weighted semaphore of golang.org/x/sync in short.
type weighted struct {
	mu      sync.Mutex
	size    int
	waiters []waiter
}

type waiter struct {
	n     int
	ready chan struct{}
}

func (w *weighted) acquire(n int) {
	w.mu.Lock()
	if w.size >= n && len(w.waiters) == 0 {
		w.size -= n
		w.mu.Unlock()
		return
	}
	ready := make(chan struct{})
	w.waiters = append(w.waiters, waiter{n, ready})
	w.mu.Unlock()
	<-ready
}

func (w *weighted) release(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.size += n
	for len(w.waiters) > 0 && w.waiters[0].n <= w.size {
		w.size -= w.waiters[0].n
		close(w.waiters[0].ready)
		w.waiters = w.waiters[1:]
	}
}

// weightedSemaphore: two hold a half each and want the other half.
func weightedSemaphore(s *scene.Scene) {
	w := &weighted{size: 2}
	meet := scene.Barrier(2)
	run := func() {
		w.acquire(1)
		defer w.release(1)
		meet()
		w.acquire(1)
		defer w.release(1)
	}
	s.Start("x", run)
	s.Start("y", run)
	s.Cycle("x", "y")
}

// pipelineFeedback: the last stage feeds the first, whose queue is full.
func pipelineFeedback(s *scene.Scene) {
	in, mid := make(chan int, 1), make(chan int)
	s.Start("expand", func() {
		for v := range in {
			mid <- v
			mid <- v
		}
	})
	s.Start("retry", func() {
		for v := range mid {
			in <- v
		}
	})
	in <- 1
	s.Cycle("expand", "retry")
	time.Sleep(time.Millisecond)
}
