package main

import (
	"fmt"
	"sync"
	"time"

	"rtdbgtargets/internal/scene"
	"rtdbgtargets/internal/truth"
)

func syncCases() []scene.Case {
	return []scene.Case{
		{Name: "workers-sleep", Stage: workersSleep},
		{Name: "waitgroup-tree", Stage: waitGroupTree},
		{Name: "many-waiters", Stage: manyWaiters},
		{Name: "signaler-sleeps", Stage: signalerSleeps},
		{Name: "broadcast-later", Stage: broadcastLater},
		{Name: "once-in-progress", Stage: onceInProgress},
		{Name: "flight-shared", Stage: flightShared},
		{Name: "group-with-limit", Stage: groupWithLimit},
		{Name: "wait-under-lock", Stage: waitUnderLock},
	}
}

func workersSleep(s *scene.Scene) {
	var wg sync.WaitGroup
	for i := 0; i < 3; i++ {
		wg.Add(1)
		s.Start(fmt.Sprint(i), func() {
			defer wg.Done()
			time.Sleep(long)
		})
	}
	s.Start("waiter", wg.Wait)
}

// waitGroupTree: one waits for two, each of whom waits for two.
func waitGroupTree(s *scene.Scene) {
	var top sync.WaitGroup
	for i := 0; i < 2; i++ {
		top.Add(1)
		mid := new(sync.WaitGroup)
		for j := 0; j < 2; j++ {
			mid.Add(1)
			s.Start(fmt.Sprint("leaf", i, j), func() {
				time.Sleep(long)
				mid.Done()
			})
		}
		s.Start(fmt.Sprint("mid", i), func() {
			defer top.Done()
			mid.Wait()
		})
	}
	s.Start("top", top.Wait)
}

func manyWaiters(s *scene.Scene) {
	var wg sync.WaitGroup
	wg.Add(1)
	s.Start("worker", func() {
		time.Sleep(long)
		wg.Done()
	})
	for i := 0; i < 3; i++ {
		s.Start(fmt.Sprint(i), wg.Wait)
	}
}

func signalerSleeps(s *scene.Scene) {
	cond := sync.NewCond(new(sync.Mutex))
	s.Start("waiter", func() {
		cond.L.Lock()
		defer cond.L.Unlock()
		cond.Wait()
	})
	s.Start("signaler", func() {
		time.Sleep(long)
		cond.Signal()
	})
}

// broadcastLater: who would wake all waits for a lock whose holder sleeps.
func broadcastLater(s *scene.Scene) {
	mu := new(sync.Mutex)
	cond := sync.NewCond(mu)
	for i := 0; i < 2; i++ {
		role := fmt.Sprint("waiter", i)
		s.Start(role, func() {
			mu.Lock()
			defer mu.Unlock()
			cond.Wait()
		})
		truth.Await(s.ID(role))
	}
	s.Start("holder", func() {
		mu.Lock()
		defer mu.Unlock()
		time.Sleep(long)
	})
	truth.Await(s.ID("holder"))
	s.Start("broadcaster", func() {
		mu.Lock()
		defer mu.Unlock()
		cond.Broadcast()
	})
}

func onceInProgress(s *scene.Scene) {
	var once sync.Once
	slow := func() { time.Sleep(long) }
	behind(s, 2, func() { once.Do(slow) }, func() { once.Do(slow) })
}

// flightShared: several wait for the one who asks, as in singleflight.
func flightShared(s *scene.Scene) {
	type call struct{ wg sync.WaitGroup }
	var mu sync.Mutex
	calls := map[string]*call{}
	do := func(key string) {
		mu.Lock()
		if c, ok := calls[key]; ok {
			mu.Unlock()
			c.wg.Wait()
			return
		}
		c := new(call)
		c.wg.Add(1)
		calls[key] = c
		mu.Unlock()
		time.Sleep(long)
		c.wg.Done()
	}
	behind(s, 3, func() { do("a") }, func() { do("a") })
}

// groupWithLimit: as in errgroup with SetLimit.
func groupWithLimit(s *scene.Scene) {
	var wg sync.WaitGroup
	tokens := make(chan struct{}, 2)
	start := func(role string) {
		tokens <- struct{}{}
		wg.Add(1)
		s.Start(role, func() {
			defer func() {
				<-tokens
				wg.Done()
			}()
			time.Sleep(long)
		})
	}
	start("a")
	start("b")
	s.Start("submitter", func() {
		tokens <- struct{}{}
		wg.Add(1)
		<-tokens
		wg.Done()
	})
	s.Start("waiter", wg.Wait)
}

// waitUnderLock: the workers do not need the lock that is held meanwhile.
func waitUnderLock(s *scene.Scene) {
	g := new(guarded)
	var wg sync.WaitGroup
	wg.Add(1)
	s.Start("worker", func() {
		defer wg.Done()
		time.Sleep(long)
	})
	behind(s, 2, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		wg.Wait()
	}, g.add)
}
