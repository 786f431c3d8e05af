package main

import (
	"sync"
)

// locks are goroutines that exclude each other.
func locks() []shape {
	return []shape{
		{"mutex-convoy", mutexConvoy},
		{"mutex-no-defer", mutexNoDefer},
		{"mutex-global", mutexGlobal},
		{"mutex-shards", mutexShards},
		{"mutex-embedded", mutexEmbedded},
		{"mutex-closure", mutexClosure},
		{"mutex-over-channel", mutexOverChannel},
		{"rwmutex-readers", rwmutexReaders},
		{"rwmutex-cache", rwmutexCache},
		{"once", onces},
	}
}

// account guards what it has with a lock in a field.
type account struct {
	mu      sync.Mutex
	balance int
}

func (a *account) add(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	pause(2)
	a.balance += n
}

func mutexConvoy() {
	a := new(account)
	for i := 0; i < 6; i++ {
		go func() {
			for {
				a.add(1)
				compute()
			}
		}()
	}
}

// addPlainly unlocks on every path by hand.
func (a *account) addPlainly(n int) bool {
	a.mu.Lock()
	pause(2)
	if a.balance > 1000 {
		a.mu.Unlock()
		return false
	}
	a.balance += n
	a.mu.Unlock()
	return true
}

func mutexNoDefer() {
	a := new(account)
	for i := 0; i < 4; i++ {
		go func() {
			for {
				a.addPlainly(-1)
				pause(1)
			}
		}()
	}
}

// registry is guarded by a lock in a package-level variable.
var (
	registryMu sync.Mutex
	registry   = make(map[int]int)
)

func register(k int) {
	registryMu.Lock()
	defer registryMu.Unlock()
	pause(1)
	registry[k]++
}

func count() int {
	registryMu.Lock()
	n := len(registry)
	pause(1)
	registryMu.Unlock()
	return n
}

func mutexGlobal() {
	for i := 0; i < 3; i++ {
		i := i
		go func() {
			for {
				register(i)
				compute()
			}
		}()
	}
	for {
		count()
		pause(2)
	}
}

// shard is one part of a map with a lock for each part.
type shard struct {
	sync.RWMutex
	m map[int]int
}

type shards []*shard

func (s shards) set(k, v int) {
	part := s[k%len(s)]
	part.Lock()
	defer part.Unlock()
	pause(2)
	part.m[k] = v
}

func (s shards) get(k int) int {
	part := s[k%len(s)]
	part.RLock()
	defer part.RUnlock()
	pause(1)
	return part.m[k]
}

func mutexShards() {
	s := make(shards, 2)
	for i := range s {
		s[i] = &shard{m: make(map[int]int)}
	}
	for i := 0; i < 6; i++ {
		go func() {
			for {
				s.set(chance(100), 1)
				s.get(chance(100))
			}
		}()
	}
}

// guarded embeds its lock and has methods that lock and unlock.
type guarded struct {
	sync.Mutex
	list []int
}

func (g *guarded) enter() { g.Lock() }
func (g *guarded) leave() { g.Unlock() }

func (g *guarded) push(n int) {
	g.enter()
	defer g.leave()
	g.slow(n)
}

func (g *guarded) slow(n int) {
	pause(2)
	g.list = append(g.list[:0], n)
}

func mutexEmbedded() {
	g := new(guarded)
	for i := 0; i < 4; i++ {
		go func() {
			for {
				g.push(1)
			}
		}()
	}
}

// mutexClosure locks variables that its goroutines capture, and unlocks in a
// deferred closure that does more.
func mutexClosure() {
	var mu sync.Mutex
	total := 0
	with := func(f func()) {
		mu.Lock()
		defer func() {
			total++
			mu.Unlock()
		}()
		f()
	}
	for i := 0; i < 4; i++ {
		go func() {
			for {
				with(func() { pause(2) })
				compute()
			}
		}()
	}
}

// mutexOverChannel holds a lock while it waits for an answer: the others wait
// for the lock.
func mutexOverChannel() {
	type client struct {
		mu   sync.Mutex
		ask  chan int
		back chan int
	}
	c := &client{ask: make(chan int), back: make(chan int)}
	go func() {
		for v := range c.ask {
			pause(3)
			c.back <- v + 1
		}
	}()
	call := func(v int) int {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ask <- v
		return <-c.back
	}
	for i := 0; i < 4; i++ {
		go func() {
			for {
				call(1)
				compute()
			}
		}()
	}
}

type settings struct {
	mu     sync.RWMutex
	values map[string]int
}

func (s *settings) read(k string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	pause(2)
	return s.values[k]
}

func (s *settings) write(k string, v int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pause(2)
	s.values[k] = v
}

func rwmutexReaders() {
	s := &settings{values: make(map[string]int)}
	for i := 0; i < 5; i++ {
		go func() {
			for {
				s.read("k")
				compute()
			}
		}()
	}
	for i := 0; i < 2; i++ {
		go func() {
			for {
				s.write("k", 1)
				pause(8)
			}
		}()
	}
}

// rwmutexCache looks up under the read lock and fills under the write lock,
// without defer.
func rwmutexCache() {
	var mu sync.RWMutex
	cache := make(map[int]int)
	get := func(k int) int {
		mu.RLock()
		v, ok := cache[k]
		compute()
		mu.RUnlock()
		if ok {
			return v
		}
		mu.Lock()
		pause(2)
		if len(cache) > 20 {
			cache = make(map[int]int)
		}
		cache[k] = k
		mu.Unlock()
		return k
	}
	for i := 0; i < 5; i++ {
		go func() {
			for {
				get(chance(40))
			}
		}()
	}
}

// onces has several ask at once for what is made once, and then anew.
func onces() {
	type lazy struct {
		once  sync.Once
		value int
	}
	for {
		x := new(lazy)
		var wg sync.WaitGroup
		wg.Add(4)
		for i := 0; i < 4; i++ {
			go func() {
				defer wg.Done()
				x.once.Do(func() {
					pause(10)
					x.value = 1
				})
			}()
		}
		wg.Wait()
	}
}
