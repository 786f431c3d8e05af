package main

import (
	"context"
	"errors"
	"sync"
)

// groups are goroutines whose end others wait for.
func groups() []shape {
	return []shape{
		{"waitgroup", waitGroup},
		{"waitgroup-tree", waitGroupTree},
		{"waitgroup-no-defer", waitGroupNoDefer},
		{"errgroup", errGroup},
		{"errgroup-limit", errGroupLimit},
		{"done-channels", doneChannels},
		{"supervisor", supervisor},
	}
}

func waitGroup() {
	for {
		var wg sync.WaitGroup
		for i := 0; i < 4; i++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				pause(12)
			}()
		}
		wg.Wait()
	}
}

// waitGroupTree has goroutines that wait for those that they started.
func waitGroupTree() {
	for {
		visit(3)
	}
}

func visit(depth int) {
	if depth == 0 {
		pause(10)
		return
	}
	var wg sync.WaitGroup
	wg.Add(2)
	for i := 0; i < 2; i++ {
		go func() {
			defer wg.Done()
			visit(depth - 1)
		}()
	}
	wg.Wait()
}

type crawl struct {
	wg    sync.WaitGroup
	mu    sync.Mutex
	pages int
}

func (c *crawl) fetch(depth int) {
	pause(6)
	c.mu.Lock()
	c.pages++
	c.mu.Unlock()
	if depth > 0 {
		c.wg.Add(2)
		go c.fetch(depth - 1)
		go c.fetch(depth - 1)
	}
	c.wg.Done()
}

func waitGroupNoDefer() {
	for {
		c := new(crawl)
		c.wg.Add(1)
		go c.fetch(2)
		c.wg.Wait()
	}
}

// group is golang.org/x/sync/errgroup.Group.
type group struct {
	cancel  func()
	wg      sync.WaitGroup
	sem     chan struct{}
	errOnce sync.Once
	err     error
}

func withContext(ctx context.Context) (*group, context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	return &group{cancel: cancel}, ctx
}

func (g *group) done() {
	if g.sem != nil {
		<-g.sem
	}
	g.wg.Done()
}

func (g *group) wait() error {
	g.wg.Wait()
	if g.cancel != nil {
		g.cancel()
	}
	return g.err
}

func (g *group) run(f func() error) {
	if g.sem != nil {
		g.sem <- struct{}{}
	}
	g.wg.Add(1)
	go func() {
		defer g.done()
		if err := f(); err != nil {
			g.errOnce.Do(func() {
				g.err = err
				if g.cancel != nil {
					g.cancel()
				}
			})
		}
	}()
}

var errLost = errors.New("lost")

// errGroup has one of its goroutines fail at times, which ends the others.
func errGroup() {
	for {
		g, ctx := withContext(context.Background())
		c := make(chan int)
		g.run(func() error {
			defer close(c)
			for i := 0; i < 10; i++ {
				pause(2)
				select {
				case c <- i:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
		for i := 0; i < 2; i++ {
			g.run(func() error {
				for v := range c {
					if v == 7 && chance(2) == 0 {
						return errLost
					}
				}
				return nil
			})
		}
		g.run(func() error {
			<-ctx.Done()
			return nil
		})
		go func(ctx context.Context, cancel func()) {
			pause(40)
			cancel()
		}(ctx, g.cancel)
		if err := g.wait(); err != nil && err != errLost && err != context.Canceled {
			panic(err)
		}
	}
}

func errGroupLimit() {
	for {
		g := &group{sem: make(chan struct{}, 2)}
		for i := 0; i < 6; i++ {
			g.run(func() error { pause(5); return nil })
		}
		if err := g.wait(); err != nil {
			panic(err)
		}
	}
}

// doneChannels waits for goroutines by a channel of each.
func doneChannels() {
	for {
		var done []chan struct{}
		for i := 0; i < 3; i++ {
			c := make(chan struct{})
			done = append(done, c)
			go func() {
				defer close(c)
				pause(9)
			}()
		}
		for _, c := range done {
			<-c
		}
	}
}

// service is started and stopped by supervisor.
type service struct {
	quit, stopped chan struct{}
}

func startService() *service {
	s := &service{quit: make(chan struct{}), stopped: make(chan struct{})}
	go s.serve()
	return s
}

func (s *service) serve() {
	defer close(s.stopped)
	<-s.quit
	pause(4)
}

func (s *service) stop() {
	close(s.quit)
	<-s.stopped
}

func supervisor() {
	services := make(map[string]*service)
	for {
		for _, name := range []string{"http", "grpc", "metrics"} {
			services[name] = startService()
		}
		pause(15)
		for name, s := range services {
			s.stop()
			delete(services, name)
		}
	}
}
