package main

import (
	"sync"
	"time"

	"rtdbgtargets/internal/scene"
)

func syncCases() []scene.Case {
	return []scene.Case{
		{Name: "add-too-many", Stage: addTooMany},
		{Name: "done-not-deferred", Stage: doneNotDeferred},
		{Name: "wait-before-own-done", Stage: waitBeforeOwnDone},
		{Name: "waitgroup-copied", Stage: waitGroupCopied},
		{Name: "waitgroups-cross", Stage: waitGroupsCross},
		{Name: "wait-under-lock", Stage: waitUnderLock},
		{Name: "lost-signal", Stage: lostSignal},
		{Name: "signal-not-broadcast", Stage: signalNotBroadcast},
		{Name: "once-recursion", Stage: onceRecursion},
		{Name: "once-cross", Stage: onceCross},
		{Name: "flight-self", Stage: flightSelf},
	}
}

func addTooMany(s *scene.Scene) {
	var wg sync.WaitGroup
	wg.Add(3)
	for i := 0; i < 2; i++ {
		go wg.Done()
	}
	s.Start("waiter", wg.Wait)
}

func doneNotDeferred(s *scene.Scene) {
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer func() { recover() }()
		var m map[string]int
		m["x"] = 1
		wg.Done()
	}()
	s.Start("waiter", wg.Wait)
}

func waitBeforeOwnDone(s *scene.Scene) {
	wg := new(sync.WaitGroup)
	wg.Add(1)
	s.Start("self", func() {
		defer wg.Done()
		wg.Wait()
	})
	s.Cycle("self")
}

func waitGroupCopied(s *scene.Scene) {
	var wg sync.WaitGroup
	wg.Add(1)
	done := func(p *sync.WaitGroup) {
		c := new(sync.WaitGroup)
		c.Add(1)
		_ = p
		c.Done()
	}
	go done(&wg)
	s.Start("waiter", wg.Wait)
}

// waitGroupsCross: two groups of workers wait for each other to end.
func waitGroupsCross(s *scene.Scene) {
	var x, y sync.WaitGroup
	x.Add(1)
	y.Add(1)
	s.Start("x", func() {
		defer x.Done()
		y.Wait()
	})
	s.Start("y", func() {
		defer y.Done()
		x.Wait()
	})
	s.Cycle("x", "y")
}

// waitUnderLock: the worker needs a lock that is held until it has ended.
func waitUnderLock(s *scene.Scene) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	wg.Add(1)
	held := scene.Barrier(2)
	s.Start("waiter", func() {
		mu.Lock()
		defer mu.Unlock()
		held()
		wg.Wait()
	})
	s.Start("worker", func() {
		defer wg.Done()
		held()
		mu.Lock()
		defer mu.Unlock()
	})
	s.Cycle("waiter", "worker")
}

func lostSignal(s *scene.Scene) {
	cond := sync.NewCond(new(sync.Mutex))
	cond.Signal()
	s.Start("waiter", func() {
		cond.L.Lock()
		defer cond.L.Unlock()
		cond.Wait()
	})
}

func signalNotBroadcast(s *scene.Scene) {
	cond := sync.NewCond(new(sync.Mutex))
	ready := false
	wait := func() {
		cond.L.Lock()
		defer cond.L.Unlock()
		for !ready {
			cond.Wait()
		}
	}
	blocked := scene.Begin(wait)
	blocked()
	wakeOne(cond, &ready)
	cond.L.Lock()
	ready = false
	cond.L.Unlock()
	s.Start("second", wait)
	s.Start("third", wait)
}

// wakeOne lets one waiter go on.
func wakeOne(cond *sync.Cond, ready *bool) {
	cond.L.Lock()
	*ready = true
	cond.L.Unlock()
	cond.Signal()
	time.Sleep(5 * time.Millisecond)
}

// onceRecursion: an initialiser asks for what it initialises.
func onceRecursion(s *scene.Scene) {
	var once sync.Once
	var get func()
	get = func() { once.Do(func() { get() }) }
	s.Start("self", get)
	s.Cycle("self")
}

func onceCross(s *scene.Scene) {
	var a, b sync.Once
	meet := scene.Barrier(2)
	s.Start("ab", func() {
		a.Do(func() {
			meet()
			b.Do(func() {})
		})
	})
	s.Start("ba", func() {
		b.Do(func() {
			meet()
			a.Do(func() {})
		})
	})
	s.Cycle("ab", "ba")
}

// flight is golang.org/x/sync/singleflight in short.
type flight struct {
	mu    sync.Mutex
	calls map[string]*call
}

type call struct {
	wg  sync.WaitGroup
	val int
}

func (f *flight) do(key string, fn func() int) int {
	f.mu.Lock()
	if c, ok := f.calls[key]; ok {
		f.mu.Unlock()
		c.wg.Wait()
		return c.val
	}
	c := new(call)
	c.wg.Add(1)
	f.calls[key] = c
	f.mu.Unlock()
	c.val = fn()
	c.wg.Done()
	return c.val
}

// flightSelf: the call for a key asks for the same key.
func flightSelf(s *scene.Scene) {
	f := &flight{calls: map[string]*call{}}
	s.Start("self", func() {
		f.do("a", func() int {
			return f.do("a", func() int { return 1 })
		})
	})
	s.Blocked("self")
}
