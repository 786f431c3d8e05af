package main

import "sync"

// conds are goroutines that wait for a condition.
func conds() []shape {
	return []shape{
		{"cond-buffer", condBuffer},
		{"cond-barrier", condBarrier},
		{"cond-broadcast", condBroadcast},
		{"cond-global", condGlobal},
	}
}

// buffer is a queue of limited length on two conditions.
type buffer struct {
	mu              sync.Mutex
	notFull, notNil *sync.Cond
	items           []int
}

func newBuffer() *buffer {
	b := new(buffer)
	b.notFull, b.notNil = sync.NewCond(&b.mu), sync.NewCond(&b.mu)
	return b
}

func (b *buffer) put(v int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.items) == 3 {
		b.notFull.Wait()
	}
	b.items = append(b.items, v)
	b.notNil.Signal()
}

func (b *buffer) get() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.items) == 0 {
		b.notNil.Wait()
	}
	v := b.items[0]
	b.items = b.items[1:]
	b.notFull.Signal()
	return v
}

func condBuffer() {
	slow, fast := newBuffer(), newBuffer()
	for i := 0; i < 3; i++ {
		go func() {
			for {
				slow.put(1)
				compute()
			}
		}()
		go func() {
			for {
				fast.get()
				compute()
			}
		}()
	}
	go func() {
		for {
			pause(3)
			slow.get()
		}
	}()
	for {
		pause(3)
		fast.put(1)
	}
}

// barrier lets goroutines go on once all have arrived.
type barrier struct {
	mu             sync.Mutex
	cond           sync.Cond
	n, here, round int
}

func (b *barrier) await() {
	b.mu.Lock()
	defer b.mu.Unlock()
	round := b.round
	if b.here++; b.here == b.n {
		b.here = 0
		b.round++
		b.cond.Broadcast()
		return
	}
	for round == b.round {
		b.cond.Wait()
	}
}

func condBarrier() {
	b := &barrier{n: 4}
	b.cond.L = &b.mu
	for i := 0; i < b.n; i++ {
		go func() {
			for {
				pause(10)
				b.await()
			}
		}()
	}
}

// condBroadcast has readers of a version that one goroutine raises.
func condBroadcast() {
	var mu sync.RWMutex
	version := 0
	changed := sync.NewCond(mu.RLocker())
	for i := 0; i < 4; i++ {
		go func() {
			seen := 0
			for {
				changed.L.Lock()
				for version == seen {
					changed.Wait()
				}
				seen = version
				changed.L.Unlock()
				compute()
			}
		}()
	}
	for {
		pause(12)
		mu.Lock()
		version++
		mu.Unlock()
		changed.Broadcast()
	}
}

// The state of condGlobal is in package-level variables.
var (
	workMu   sync.Mutex
	workCond = sync.NewCond(&workMu)
	work     []int
)

func condGlobal() {
	for i := 0; i < 2; i++ {
		go takeWork()
	}
	for {
		pause(10)
		giveWork(1)
	}
}

func giveWork(n int) {
	workMu.Lock()
	work = append(work, n)
	workMu.Unlock()
	workCond.Signal()
}

func takeWork() {
	for {
		workMu.Lock()
		for len(work) == 0 {
			workCond.Wait()
		}
		work = work[1:]
		workMu.Unlock()
		pause(3)
	}
}
