package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// requests are goroutines that ask others and wait for the answer.
func requests() []shape {
	return []shape{
		{"actor", actor},
		{"actor-buffered", actorBuffered},
		{"actor-closures", actorClosures},
		{"rpc-pending-map", rpcPendingMap},
		{"future", futures},
		{"single-flight", singleFlight},
		{"ask-with-timeout", askWithTimeout},
		{"batcher", batcher},
	}
}

type request struct {
	key   string
	reply chan int
}

// actor serves requests that bring the channel for the reply.
func actor() { serveRequests(make(chan request), 4) }

// actorBuffered lets requests queue up: while they do, only the queue knows of
// their reply channels.
func actorBuffered() { serveRequests(make(chan request, 16), 8) }

func serveRequests(requests chan request, clients int) {
	go func() {
		counts := make(map[string]int)
		for r := range requests {
			pause(2)
			counts[r.key]++
			r.reply <- counts[r.key]
		}
	}()
	for i := 0; i < clients; i++ {
		go func() {
			for {
				r := request{key: "k", reply: make(chan int)}
				requests <- r
				<-r.reply
				pause(4)
			}
		}()
	}
}

// actorClosures sends functions that are run one after the other.
func actorClosures() {
	type machine struct {
		state int
		do    chan func(*machine)
	}
	m := &machine{do: make(chan func(*machine))}
	go func() {
		for f := range m.do {
			f(m)
		}
	}()
	for i := 0; i < 3; i++ {
		go func() {
			for {
				seen := make(chan int)
				m.do <- func(m *machine) {
					m.state++
					pause(3)
					seen <- m.state
				}
				<-seen
				pause(5)
			}
		}()
	}
}

// call is one request of a caller that is not answered yet, as in net/rpc.
type call struct {
	seq  int
	done chan *call
}

// caller matches answers to requests by number.
type caller struct {
	mu      sync.Mutex
	seq     int
	pending map[int]*call
	wire    chan int
	back    chan int
}

func (c *caller) send() *call {
	c.mu.Lock()
	c.seq++
	x := &call{seq: c.seq, done: make(chan *call, 1)}
	c.pending[x.seq] = x
	c.mu.Unlock()
	c.wire <- x.seq
	return x
}

func (c *caller) input() {
	for seq := range c.back {
		c.mu.Lock()
		x := c.pending[seq]
		delete(c.pending, seq)
		c.mu.Unlock()
		x.done <- x
	}
}

// rpcPendingMap has a goroutine that reads answers and wakes those who wait for
// them, which it finds in a map.
func rpcPendingMap() {
	c := &caller{pending: make(map[int]*call), wire: make(chan int, 8), back: make(chan int)}
	go c.input()
	go func() {
		for seq := range c.wire {
			pause(2)
			c.back <- seq
		}
	}()
	for i := 0; i < 5; i++ {
		go func() {
			for {
				<-c.send().done
				compute()
			}
		}()
	}
}

// future is a value that somebody computes while others wait for it.
type future struct {
	ready chan struct{}
	value int
}

func later(f func() int) *future {
	x := &future{ready: make(chan struct{})}
	go func() {
		defer close(x.ready)
		x.value = f()
	}()
	return x
}

func (f *future) get() int {
	<-f.ready
	return f.value
}

func futures() {
	for {
		a := later(func() int { pause(9); return 1 })
		b := later(func() int { pause(4); return a.get() + 1 })
		c := later(func() int { return a.get() + b.get() })
		if c.get() != 3 {
			panic("wrong sum")
		}
	}
}

// flight is a call of golang.org/x/sync/singleflight.
type flight struct {
	wg  sync.WaitGroup
	val int
}

type flights struct {
	mu sync.Mutex
	m  map[string]*flight
}

func (g *flights) do(key string, fn func() int) int {
	g.mu.Lock()
	if f, ok := g.m[key]; ok {
		g.mu.Unlock()
		f.wg.Wait()
		return f.val
	}
	f := new(flight)
	f.wg.Add(1)
	g.m[key] = f
	g.mu.Unlock()
	g.call(f, key, fn)
	return f.val
}

func (g *flights) call(f *flight, key string, fn func() int) {
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		f.wg.Done()
		delete(g.m, key)
	}()
	f.val = fn()
}

func singleFlight() {
	g := &flights{m: make(map[string]*flight)}
	for i := 0; i < 6; i++ {
		key := []string{"a", "b"}[i%2]
		go func() {
			for {
				g.do(key, func() int { pause(10); return 1 })
				pause(1)
			}
		}()
	}
}

var errTooLate = errors.New("too late")

// askWithTimeout gives up on answers that take too long; they go to a buffer
// that nobody reads.
func askWithTimeout() {
	ask := func(ctx context.Context) (int, error) {
		answer := make(chan int, 1)
		go func() {
			pause(9)
			answer <- 42
		}()
		select {
		case v := <-answer:
			return v, nil
		case <-time.After(10 * time.Millisecond):
			return 0, errTooLate
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	for i := 0; i < 3; i++ {
		go func() {
			for {
				ctx, cancel := context.WithTimeout(context.Background(), 12*time.Millisecond)
				_, err := ask(ctx)
				cancel()
				if err != nil && err != errTooLate && !errors.Is(err, context.DeadlineExceeded) {
					panic(err)
				}
			}
		}()
	}
}

// batcher gathers requests and answers them together, by size or by time.
func batcher() {
	in := make(chan request)
	go func() {
		var batch []request
		timer := time.NewTimer(time.Hour)
		for {
			select {
			case r := <-in:
				batch = append(batch, r)
				if len(batch) == 1 {
					timer.Reset(8 * time.Millisecond)
				}
				if len(batch) < 4 {
					continue
				}
			case <-timer.C:
			}
			for _, r := range batch {
				r.reply <- len(batch)
			}
			batch = nil
		}
	}()
	for i := 0; i < 5; i++ {
		go func() {
			for {
				r := request{reply: make(chan int)}
				in <- r
				<-r.reply
				pause(3)
			}
		}()
	}
}
