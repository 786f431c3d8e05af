package main

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// pools are sets of workers, and of what they share in limited number.
func pools() []shape {
	return []shape{
		{"worker-pool", workerPool},
		{"worker-pool-struct", workerPoolStruct},
		{"worker-pool-rounds", workerPoolRounds},
		{"results-in-fields", resultsInFields},
		{"semaphore-chan", semaphoreChan},
		{"semaphore-weighted", semaphoreWeighted},
		{"connection-pool", connectionPool},
		{"rate-limiter", rateLimiter},
		{"token-bucket", tokenBucket},
		{"dispatcher", dispatcher},
	}
}

type job struct {
	id     int
	result int
	done   chan struct{}
}

// workerPool has jobs and results on a channel each.
func workerPool() {
	jobs, results := make(chan job, 3), make(chan job, 3)
	for i := 0; i < 4; i++ {
		go worker(jobs, results)
	}
	go func() {
		for i := 0; ; i++ {
			pause(3)
			jobs <- job{id: i}
		}
	}()
	for range results {
	}
}

func worker(jobs <-chan job, results chan<- job) {
	for j := range jobs {
		pause(10)
		j.result = j.id * 2
		results <- j
	}
}

// pool has its channel and its WaitGroup in fields.
type pool struct {
	jobs chan func()
	wg   sync.WaitGroup
}

func newPool(n int) *pool {
	p := &pool{jobs: make(chan func())}
	p.wg.Add(n)
	for i := 0; i < n; i++ {
		go p.work()
	}
	return p
}

func (p *pool) work() {
	defer p.wg.Done()
	for f := range p.jobs {
		f()
	}
}

func (p *pool) submit(f func()) { p.jobs <- f }

func (p *pool) stop() {
	close(p.jobs)
	p.wg.Wait()
}

func workerPoolStruct() {
	p := newPool(3)
	for {
		p.submit(func() { pause(6) })
		compute()
	}
}

// workerPoolRounds makes a pool for each batch and waits for its end.
func workerPoolRounds() {
	for {
		p := newPool(3)
		for i := 0; i < 9; i++ {
			p.submit(func() { pause(6) })
		}
		p.stop()
	}
}

// resultsInFields has each job carry the channel that says it is done.
func resultsInFields() {
	jobs := make(chan *job)
	for i := 0; i < 2; i++ {
		go func() {
			for j := range jobs {
				pause(5)
				j.result = j.id
				close(j.done)
			}
		}()
	}
	for i := 0; i < 4; i++ {
		go func() {
			for {
				j := &job{done: make(chan struct{})}
				jobs <- j
				<-j.done
				compute()
			}
		}()
	}
}

func semaphoreChan() {
	sem := make(chan struct{}, 2)
	for i := 0; i < 5; i++ {
		go func() {
			for {
				sem <- struct{}{}
				pause(5)
				<-sem
				compute()
			}
		}()
	}
}

// weighted is golang.org/x/sync/semaphore.Weighted.
type weighted struct {
	size, cur int64
	mu        sync.Mutex
	waiters   list.List
}

type semWaiter struct {
	n     int64
	ready chan<- struct{}
}

func (s *weighted) acquire(ctx context.Context, n int64) error {
	done := ctx.Done()
	s.mu.Lock()
	if s.size-s.cur >= n && s.waiters.Len() == 0 {
		s.cur += n
		s.mu.Unlock()
		return nil
	}
	ready := make(chan struct{})
	elem := s.waiters.PushBack(semWaiter{n: n, ready: ready})
	s.mu.Unlock()
	select {
	case <-done:
		s.mu.Lock()
		s.waiters.Remove(elem)
		s.mu.Unlock()
		return ctx.Err()
	case <-ready:
		return nil
	}
}

func (s *weighted) release(n int64) {
	s.mu.Lock()
	s.cur -= n
	s.notifyWaiters()
	s.mu.Unlock()
}

func (s *weighted) notifyWaiters() {
	for {
		next := s.waiters.Front()
		if next == nil {
			return
		}
		w := next.Value.(semWaiter)
		if s.size-s.cur < w.n {
			return
		}
		s.cur += w.n
		s.waiters.Remove(next)
		close(w.ready)
	}
}

func semaphoreWeighted() {
	s := &weighted{size: 3}
	for i := 0; i < 6; i++ {
		n := int64(1 + i%2)
		go func() {
			for {
				if s.acquire(context.Background(), n) == nil {
					pause(4)
					s.release(n)
				}
			}
		}()
	}
}

type conn struct{ n int }

// db is database/sql's pool: a free list, and a channel for each request that
// has to wait.
type db struct {
	mu       sync.Mutex
	free     []*conn
	open     int
	requests map[int]chan *conn
	next     int
}

func (d *db) get() *conn {
	d.mu.Lock()
	if n := len(d.free); n > 0 {
		c := d.free[n-1]
		d.free = d.free[:n-1]
		d.mu.Unlock()
		return c
	}
	if d.open < 3 {
		d.open++
		d.mu.Unlock()
		return &conn{}
	}
	req := make(chan *conn, 1)
	d.next++
	d.requests[d.next] = req
	d.mu.Unlock()
	return <-req
}

func (d *db) put(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, req := range d.requests {
		delete(d.requests, key)
		req <- c
		return
	}
	d.free = append(d.free, c)
}

func (d *db) query(ms int) {
	c := d.get()
	defer d.put(c)
	pause(ms)
	c.n++
}

func connectionPool() {
	d := &db{requests: make(map[int]chan *conn)}
	for i := 0; i < 8; i++ {
		go func() {
			for {
				d.query(5)
				compute()
			}
		}()
	}
}

// rateLimiter has its clients take from a ticker.
func rateLimiter() {
	limit := time.NewTicker(4 * time.Millisecond)
	for i := 0; i < 3; i++ {
		go func() {
			for range limit.C {
				compute()
			}
		}()
	}
}

// tokenBucket has a goroutine that fills a bucket by time.
func tokenBucket() {
	tokens := make(chan struct{}, 3)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			select {
			case tokens <- struct{}{}:
			default:
			}
		}
	}()
	for i := 0; i < 4; i++ {
		go func() {
			for {
				<-tokens
				pause(2)
			}
		}()
	}
}

// hire is a worker of dispatcher, which registers its channel when it is idle.
type hire struct {
	jobs chan job
	idle chan chan job
}

func (h hire) run() {
	for {
		h.idle <- h.jobs
		<-h.jobs
		pause(6)
	}
}

// dispatcher has a channel of the idle workers' channels.
func dispatcher() {
	idle := make(chan chan job)
	for i := 0; i < 4; i++ {
		go hire{make(chan job), idle}.run()
	}
	for i := 0; ; i++ {
		pause(3)
		w := <-idle
		w <- job{id: i}
	}
}
