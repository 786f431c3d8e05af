// Leaks has goroutines that nobody can wake and goroutines that somebody might,
// and has the runtime's own leak detector judge them (Go 1.27): those that it
// finds have status leaked afterwards. Each case prints NAME.goid.
package main

import (
	"context"
	"reflect"
	"sync"
	"time"

	"rtdbgtargets/internal/truth"
)

// entered carries the id of each goroutine that is about to block.
var entered = make(chan int64)

// launch starts f, which calls enter before it blocks, and prints its id.
func launch(name string, f func()) {
	go f()
	truth.Set(name+".goid", <-entered)
}

func enter() { entered <- truth.Goid() }

// These keep what they hold within everybody's reach.
var (
	globalChan  = make(chan int)
	globalMutex sync.Mutex
	registry    = map[string]*service{}
)

// numbered has an address that is no pointer: it keeps nothing within reach.
var numbered struct {
	name string
	addr uintptr
}

type service struct {
	quit chan struct{}
	mu   sync.Mutex
}

func main() {
	truth.Limit()
	channels()
	locks()
	chains()
	reachable()
	time.Sleep(200 * time.Millisecond)
	detect()
	truth.Park()
}

func channels() {
	recv := make(chan int)
	launch("recv", func() { enter(); <-recv })
	send := make(chan int)
	launch("send", func() { enter(); send <- 1 })
	a, b := make(chan int), make(chan string)
	launch("select", func() {
		enter()
		select {
		case <-a:
		case b <- "":
		}
	})
	launch("nil", func() { enter(); var c chan int; <-c })
	launch("none", func() { enter(); select {} })
	launch("numbered", func() {
		c := make(chan int)
		numbered.name, numbered.addr = reflect.TypeOf(c).String(), reflect.ValueOf(c).Pointer()
		enter()
		<-c
	})
	pool := make(chan int)
	for _, name := range []string{"worker1", "worker2"} {
		launch(name, func() {
			enter()
			for range pool {
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	launch("context", func() { enter(); <-ctx.Done() })
	_ = cancel
}

func locks() {
	mu := new(sync.Mutex)
	mu.Lock()
	launch("mutex", func() { enter(); mu.Lock() })
	rw := new(sync.RWMutex)
	rw.Lock()
	launch("rlock", func() { enter(); rw.RLock() })
	wg := new(sync.WaitGroup)
	wg.Add(1)
	launch("waitgroup", func() { enter(); wg.Wait() })
	cond := sync.NewCond(new(sync.Mutex))
	launch("cond", func() { cond.L.Lock(); enter(); cond.Wait() })
	x, y := new(sync.Mutex), new(sync.Mutex)
	both := new(sync.WaitGroup)
	both.Add(2)
	launch("ab", func() {
		x.Lock()
		enter()
		both.Done()
		both.Wait()
		y.Lock()
		x.Unlock()
	})
	launch("ba", func() {
		y.Lock()
		enter()
		both.Done()
		both.Wait()
		x.Lock()
		y.Unlock()
	})
}

// chains are goroutines that wait for goroutines that wait.
func chains() {
	first, second := make(chan int), make(chan int)
	launch("chain.stuck", func() { enter(); <-second })
	launch("chain.end", func() { enter(); <-first; second <- 1 })
	third := make(chan int)
	launch("chain.alive", func() { enter(); <-third })
	launch("chain.sleeper", func() { enter(); time.Sleep(time.Hour); third <- 1 })
}

// reachable are goroutines that somebody might wake.
func reachable() {
	launch("global", func() { enter(); <-globalChan })
	globalMutex.Lock()
	launch("globalmutex", func() { enter(); globalMutex.Lock() })
	s := &service{quit: make(chan struct{})}
	registry["a"] = s
	launch("registered", func() { enter(); <-s.quit })
	s.mu.Lock()
	launch("registeredmutex", func() { enter(); s.mu.Lock() })
	done := make(chan int)
	time.AfterFunc(time.Hour, func() { close(done) })
	launch("afterfunc", func() { enter(); <-done })
	launch("timer", func() { enter(); <-time.After(time.Hour) })
	timed, cancel := context.WithTimeout(context.Background(), time.Hour)
	launch("timeout", func() { enter(); <-timed.Done() })
	_ = cancel
	launch("sleep", func() { enter(); time.Sleep(time.Hour) })
}
