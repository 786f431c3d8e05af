package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"rtdbgtargets/internal/scene"
)

func chanCases() []scene.Case {
	return []scene.Case{
		{Name: "slow-producer", Stage: slowProducer},
		{Name: "slow-consumer", Stage: slowConsumer},
		{Name: "full-buffer", Stage: fullBuffer},
		{Name: "idle-pool", Stage: idlePool},
		{Name: "idle-pool-global", Stage: idlePoolGlobal},
		{Name: "ack-late", Stage: ackLate},
		{Name: "ring-with-token", Stage: ringWithToken},
		{Name: "results-drained", Stage: resultsDrained},
		{Name: "server-of-channels", Stage: serverOfChannels},
		{Name: "one-nil-case", Stage: oneNilCase},
		{Name: "select-with-timeout", Stage: selectWithTimeout},
		{Name: "ticker", Stage: ticker},
		{Name: "registered-quit", Stage: registeredQuit},
		{Name: "closed-by-timer", Stage: closedByTimer},
		{Name: "context-timeout", Stage: contextTimeout},
		{Name: "context-cancelled-later", Stage: contextCancelledLater},
		{Name: "child-of-live-context", Stage: childOfLiveContext},
		{Name: "semaphore-held", Stage: semaphoreHeld},
		{Name: "slow-pipe", Stage: slowPipe},
		{Name: "slow-conn", Stage: slowConn},
		{Name: "publisher", Stage: publisher},
		{Name: "pipeline", Stage: pipeline},
	}
}

func slowProducer(s *scene.Scene) {
	c := make(chan int)
	s.Start("consumer", func() {
		for range c {
		}
	})
	s.Start("producer", func() {
		for i := 0; ; i++ {
			time.Sleep(long)
			c <- i
		}
	})
}

func slowConsumer(s *scene.Scene) {
	c := make(chan int)
	s.Start("producer", func() { c <- 1 })
	s.Start("consumer", func() {
		for {
			time.Sleep(long)
			<-c
		}
	})
}

func fullBuffer(s *scene.Scene) {
	c := make(chan int, 2)
	c <- 1
	c <- 2
	for i := 0; i < 2; i++ {
		i := i
		s.Start(fmt.Sprint(i), func() { c <- i })
	}
	s.Start("consumer", func() {
		time.Sleep(long)
		for range c {
		}
	})
}

// idlePool: workers without work, and one who may bring some.
func idlePool(s *scene.Scene) {
	jobs := make(chan int)
	for i := 0; i < 3; i++ {
		s.Start(fmt.Sprint(i), func() {
			for range jobs {
			}
		})
	}
	s.Start("dispatch", func() {
		for range time.NewTicker(long).C {
			jobs <- 1
		}
	})
}

var queue = make(chan int)

func idlePoolGlobal(s *scene.Scene) {
	for i := 0; i < 3; i++ {
		s.Start(fmt.Sprint(i), func() {
			for range queue {
			}
		})
	}
}

func ackLate(s *scene.Scene) {
	items, acks := make(chan int), make(chan bool)
	s.Start("producer", func() {
		for i := 0; ; i++ {
			items <- i
			<-acks
		}
	})
	s.Start("consumer", func() {
		for range items {
			time.Sleep(long)
			acks <- true
		}
	})
}

func ringWithToken(s *scene.Scene) {
	var chans [3]chan int
	for i := range chans {
		chans[i] = make(chan int)
	}
	for i := range chans {
		in, out := chans[i], chans[(i+1)%3]
		s.Start(fmt.Sprint(i), func() {
			for v := range in {
				time.Sleep(long)
				out <- v
			}
		})
	}
	chans[0] <- 1
}

// resultsDrained: the results are read beside the jobs.
func resultsDrained(s *scene.Scene) {
	jobs, results := make(chan int), make(chan int)
	var wg sync.WaitGroup
	for i := 0; i < 2; i++ {
		wg.Add(1)
		s.Start(fmt.Sprint(i), func() {
			defer wg.Done()
			for j := range jobs {
				time.Sleep(long)
				results <- j
			}
		})
	}
	s.Start("closer", func() {
		wg.Wait()
		close(results)
	})
	s.Start("collector", func() {
		for range results {
		}
	})
	s.Start("producer", func() {
		for i := 0; i < 10; i++ {
			jobs <- i
		}
		close(jobs)
	})
}

type request struct{ reply chan int }

func serverOfChannels(s *scene.Scene) {
	requests := make(chan request)
	s.Start("server", func() {
		for r := range requests {
			time.Sleep(long)
			r.reply <- 1
		}
	})
	for i := 0; i < 2; i++ {
		s.Start(fmt.Sprint("client", i), func() {
			r := request{make(chan int)}
			requests <- r
			<-r.reply
		})
	}
}

func oneNilCase(s *scene.Scene) {
	var never chan int
	done := make(chan bool)
	s.Start("select", func() {
		select {
		case <-never:
		case <-done:
		}
	})
	s.Start("closer", func() {
		time.Sleep(long)
		close(done)
	})
}

func selectWithTimeout(s *scene.Scene) {
	c := make(chan int)
	s.Start("select", func() {
		select {
		case <-c:
		case <-time.After(long):
		}
	})
}

func ticker(s *scene.Scene) {
	s.Start("range", func() {
		for range time.NewTicker(long).C {
		}
	})
}

var quits = map[string]chan bool{}

func registeredQuit(s *scene.Scene) {
	quit := make(chan bool)
	quits["worker"] = quit
	s.Start("worker", func() { <-quit })
}

func closedByTimer(s *scene.Scene) {
	done := make(chan bool)
	time.AfterFunc(long, func() { close(done) })
	s.Start("waiter", func() { <-done })
}

func contextTimeout(s *scene.Scene) {
	ctx, cancel := context.WithTimeout(context.Background(), long)
	s.Start("waiter", func() { <-ctx.Done() })
	_ = cancel
}

func contextCancelledLater(s *scene.Scene) {
	ctx, cancel := context.WithCancel(context.Background())
	s.Start("waiter", func() { <-ctx.Done() })
	s.Start("canceller", func() {
		defer cancel()
		time.Sleep(long)
	})
}

func childOfLiveContext(s *scene.Scene) {
	parent, cancel := context.WithTimeout(context.Background(), long)
	child, cancelChild := context.WithCancel(parent)
	s.Start("waiter", func() { <-child.Done() })
	_, _ = cancel, cancelChild
}

func semaphoreHeld(s *scene.Scene) {
	tokens := make(chan struct{}, 1)
	run := func(d time.Duration) func() {
		return func() {
			tokens <- struct{}{}
			defer func() { <-tokens }()
			time.Sleep(d)
		}
	}
	behind(s, 3, run(long), run(0))
}

func slowPipe(s *scene.Scene) {
	r, w := io.Pipe()
	s.Start("writer", func() { w.Write([]byte("x")) })
	s.Start("reader", func() {
		time.Sleep(long)
		r.Read(make([]byte, 1))
	})
}

func slowConn(s *scene.Scene) {
	a, b := net.Pipe()
	s.Start("client", func() { a.Read(make([]byte, 1)) })
	s.Start("server", func() {
		time.Sleep(long)
		b.Write([]byte("x"))
	})
}

type broker struct {
	mu   sync.Mutex
	subs []chan int
}

func (b *broker) publish() {
	for range time.NewTicker(long).C {
		b.mu.Lock()
		for _, c := range b.subs {
			c <- 1
		}
		b.mu.Unlock()
	}
}

// publisher: the way from who sends to the channel leads through the heap.
func publisher(s *scene.Scene) {
	b := new(broker)
	for i := 0; i < 3; i++ {
		c := make(chan int)
		b.subs = append(b.subs, c)
		s.Start(fmt.Sprint(i), func() {
			for range c {
			}
		})
	}
	s.Start("publisher", b.publish)
}

func pipeline(s *scene.Scene) {
	var in chan int
	for i := 0; i < 4; i++ {
		from, out := in, make(chan int)
		in = out
		s.Start(fmt.Sprint(i), func() {
			if from == nil {
				time.Sleep(long)
				close(out)
				return
			}
			for v := range from {
				out <- v
			}
			close(out)
		})
	}
}
