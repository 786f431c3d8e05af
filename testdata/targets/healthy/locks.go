package main

import (
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"rtdbgtargets/internal/scene"
	"rtdbgtargets/internal/truth"
)

func lockCases() []scene.Case {
	return []scene.Case{
		{Name: "holder-sleeps", Stage: holderSleeps},
		{Name: "holder-sleeps-no-defer", Stage: holderSleepsNoDefer},
		{Name: "global-holder-sleeps", Stage: globalHolderSleeps},
		{Name: "holder-reads-network", Stage: holderReadsNetwork},
		{Name: "holder-reads-pipe", Stage: holderReadsPipe},
		{Name: "chain-of-locks", Stage: chainOfLocks},
		{Name: "same-order", Stage: sameOrder},
		{Name: "try-lock", Stage: tryLock},
		{Name: "lock-handed-over", Stage: lockHandedOver},
		{Name: "locks-in-map", Stage: locksInMap},
		{Name: "reader-sleeps", Stage: readerSleeps},
		{Name: "two-readers", Stage: twoReaders},
		{Name: "writer-sleeps", Stage: writerSleeps},
		{Name: "downgrade", Stage: downgrade},
		{Name: "lock-and-chan", Stage: lockAndChan},
		{Name: "unlocked-by-timer", Stage: unlockedByTimer},
		{Name: "released-while-waiting", Stage: releasedWhileWaiting},
	}
}

// long is for how long the one sleeps on whom others wait.
const long = time.Hour

type guarded struct {
	mu sync.Mutex
	n  int
}

func (g *guarded) slow() {
	g.mu.Lock()
	defer g.mu.Unlock()
	time.Sleep(long)
	g.n++
}

func (g *guarded) add() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
}

// behind starts n goroutines that run f, after holder runs h and is parked.
func behind(s *scene.Scene, n int, h, f func()) {
	s.Start("holder", h)
	truth.Await(s.ID("holder"))
	for i := 0; i < n; i++ {
		s.Start(fmt.Sprint("behind", i), f)
	}
}

func holderSleeps(s *scene.Scene) {
	g := new(guarded)
	behind(s, 5, g.slow, g.add)
}

func holderSleepsNoDefer(s *scene.Scene) {
	var mu sync.Mutex
	n := 0
	work := func(d time.Duration) func() {
		return func() {
			mu.Lock()
			n++
			time.Sleep(d)
			mu.Unlock()
		}
	}
	behind(s, 3, work(long), work(0))
}

var journal guarded

func globalHolderSleeps(s *scene.Scene) { behind(s, 3, journal.slow, journal.add) }

func holderReadsNetwork(s *scene.Scene) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	truth.Check(err)
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		truth.Check(err)
		accepted <- c
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	truth.Check(err)
	other := <-accepted
	go func() {
		time.Sleep(long)
		other.Close()
	}()
	g := new(guarded)
	behind(s, 3, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.n, _ = c.Read(make([]byte, 8))
	}, g.add)
}

func holderReadsPipe(s *scene.Scene) {
	r, w, err := os.Pipe()
	truth.Check(err)
	g := new(guarded)
	behind(s, 2, func() {
		g.mu.Lock()
		g.n, _ = r.Read(make([]byte, 8))
		g.mu.Unlock()
		w.Close()
	}, g.add)
}

// chainOfLocks: each holds a lock and wants the next one's; the last sleeps.
func chainOfLocks(s *scene.Scene) {
	locks := make([]guarded, 4)
	s.Start("last", locks[3].slow)
	truth.Await(s.ID("last"))
	for i := 2; i >= 0; i-- {
		mine, next := &locks[i], &locks[i+1]
		role := fmt.Sprint(i)
		s.Start(role, func() {
			mine.mu.Lock()
			defer mine.mu.Unlock()
			next.add()
		})
		truth.Await(s.ID(role))
	}
}

// sameOrder: two want the same two locks, in the same order.
func sameOrder(s *scene.Scene) {
	a, b := new(guarded), new(guarded)
	both := func(d time.Duration) func() {
		return func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			b.mu.Lock()
			defer b.mu.Unlock()
			time.Sleep(d)
		}
	}
	behind(s, 2, both(long), both(0))
}

// tryLock: two locks in opposite orders, but nobody insists.
func tryLock(s *scene.Scene) {
	var a, b sync.Mutex
	work := func(x, y *sync.Mutex) func() {
		return func() {
			for {
				x.Lock()
				if y.TryLock() {
					y.Unlock()
				}
				time.Sleep(long)
				x.Unlock()
			}
		}
	}
	s.Start("ab", work(&a, &b))
	s.Start("ba", work(&b, &a))
}

// lockHandedOver: one locks and another unlocks.
func lockHandedOver(s *scene.Scene) {
	var mu sync.Mutex
	mu.Lock()
	s.Start("unlocker", func() {
		time.Sleep(long)
		mu.Unlock()
	})
	s.Start("behind", func() {
		mu.Lock()
		defer mu.Unlock()
	})
}

func locksInMap(s *scene.Scene) {
	shards := map[string]*guarded{"a": {}, "b": {}}
	move := func(from, to string, d time.Duration) func() {
		return func() {
			x, y := shards[from], shards[to]
			x.mu.Lock()
			time.Sleep(d)
			y.mu.Lock()
			x.n, y.n = x.n-1, y.n+1
			y.mu.Unlock()
			x.mu.Unlock()
		}
	}
	behind(s, 1, move("a", "b", long), move("b", "a", 0))
}

type readable struct {
	mu sync.RWMutex
	n  int
}

func (r *readable) read(d time.Duration) int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	time.Sleep(d)
	return r.n
}

func (r *readable) write(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	time.Sleep(d)
	r.n++
}

// readerSleeps: a writer waits for a reader, and readers wait behind it.
func readerSleeps(s *scene.Scene) {
	r := new(readable)
	behind(s, 1, func() { r.read(long) }, func() { r.write(0) })
	truth.Await(s.ID("behind0"))
	s.Start("reader", func() { r.read(0) })
}

// twoReaders: one reads twice, without a writer between.
func twoReaders(s *scene.Scene) {
	r := new(readable)
	s.Start("twice", func() {
		r.mu.RLock()
		defer r.mu.RUnlock()
		r.read(long)
	})
	s.Start("other", func() { r.read(long) })
}

func writerSleeps(s *scene.Scene) {
	r := new(readable)
	behind(s, 3, func() { r.write(long) }, func() { r.read(0) })
}

// downgrade: a writer turns into a reader.
func downgrade(s *scene.Scene) {
	r := new(readable)
	behind(s, 1, func() {
		r.mu.Lock()
		r.n++
		r.mu.Unlock()
		r.read(long)
	}, func() { r.write(0) })
}

// lockAndChan: who holds the lock waits for a channel, and its sender does not
// need the lock.
func lockAndChan(s *scene.Scene) {
	g := new(guarded)
	c := make(chan int)
	s.Start("sender", func() {
		time.Sleep(long)
		c <- 1
		g.add()
	})
	behind(s, 2, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.n = <-c
	}, g.add)
}

func unlockedByTimer(s *scene.Scene) {
	var mu sync.Mutex
	mu.Lock()
	time.AfterFunc(long, mu.Unlock)
	s.Start("behind", func() {
		mu.Lock()
		defer mu.Unlock()
	})
}

// releasedWhileWaiting: who has an Unlock deferred has let go of the lock, and
// waits for one who waits for it; the one who has it now sleeps.
func releasedWhileWaiting(s *scene.Scene) {
	g, ready := new(guarded), make(chan int)
	s.Start("released", func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.mu.Unlock()
		n := <-ready
		g.mu.Lock()
		g.n += n
	})
	truth.Await(s.ID("released"))
	behind(s, 1, func() {
		g.mu.Lock()
		time.Sleep(long)
		g.mu.Unlock()
	}, func() {
		g.mu.Lock()
		g.n++
		g.mu.Unlock()
		ready <- g.n
	})
}
