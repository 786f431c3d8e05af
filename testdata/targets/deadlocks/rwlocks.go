package main

import (
	"sync"

	"rtdbgtargets/internal/scene"
)

func rwCases() []scene.Case {
	return []scene.Case{
		{Name: "rwr", Stage: rwr},
		{Name: "rwr-global", Stage: rwrGlobal},
		{Name: "rw-upgrade", Stage: rwUpgrade},
		{Name: "rw-upgrade-two", Stage: rwUpgradeTwo},
		{Name: "rw-and-mutex", Stage: rwAndMutex},
		{Name: "rlock-behind-writer", Stage: rlockBehindWriter},
		{Name: "rw-abba", Stage: rwABBA},
		{Name: "lock-by-key", Stage: lockByKey},
	}
}

type store struct {
	mu    sync.RWMutex
	pods  map[string]int
	total int
}

func (st *store) list(between func()) int {
	st.mu.RLock()
	defer st.mu.RUnlock()
	between()
	return st.count()
}

func (st *store) count() int {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return len(st.pods)
}

func (st *store) put(name string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.pods[name]++
}

// rwr: a reader reads again while a writer waits for it.
func rwr(s *scene.Scene) {
	st := &store{pods: map[string]int{}}
	stageRWR(s, st)
}

var pods = store{pods: map[string]int{}}

func rwrGlobal(s *scene.Scene) {
	stageRWR(s, &pods)
	s.Global()
}

func stageRWR(s *scene.Scene, st *store) {
	held, goOn := scene.Barrier(2), scene.Barrier(2)
	s.Start("reader", func() {
		st.list(func() {
			held()
			goOn()
		})
	})
	held()
	s.Start("writer", func() { st.put("a") })
	s.Blocked("writer")
	goOn()
	s.Cycle("reader", "writer")
}

// rwUpgrade: a reader turns into a writer and waits for itself.
func rwUpgrade(s *scene.Scene) {
	st := &store{pods: map[string]int{}}
	s.Start("self", func() {
		st.mu.RLock()
		defer st.mu.RUnlock()
		if len(st.pods) == 0 {
			st.put("first")
		}
	})
	s.Cycle("self")
}

// rwUpgradeTwo: two readers both want to become writers. The first waits for all
// readers, itself included, the second for the first to stop writing.
func rwUpgradeTwo(s *scene.Scene) {
	st := &store{pods: map[string]int{}}
	meet, second := scene.Barrier(2), scene.Barrier(2)
	s.Start("first", func() {
		st.mu.RLock()
		defer st.mu.RUnlock()
		meet()
		st.put("first")
	})
	s.Start("second", func() {
		st.mu.RLock()
		defer st.mu.RUnlock()
		meet()
		second()
		st.put("second")
	})
	s.Blocked("first")
	second()
	s.Cycle("first")
}

func rwAndMutex(s *scene.Scene) {
	var mu sync.Mutex
	var rw sync.RWMutex
	meet := scene.Barrier(2)
	s.Start("reader", func() {
		rw.RLock()
		defer rw.RUnlock()
		meet()
		mu.Lock()
		defer mu.Unlock()
	})
	s.Start("writer", func() {
		mu.Lock()
		defer mu.Unlock()
		meet()
		rw.Lock()
		defer rw.Unlock()
	})
	s.Cycle("reader", "writer")
}

// rlockBehindWriter: a reader waits for another goroutine, which cannot read
// because a writer waits for the reader.
func rlockBehindWriter(s *scene.Scene) {
	st := &store{pods: map[string]int{}}
	counts := make(chan int)
	held := scene.Barrier(2)
	s.Start("reader", func() {
		st.mu.RLock()
		defer st.mu.RUnlock()
		held()
		st.total = <-counts
	})
	held()
	s.Start("writer", func() { st.put("a") })
	s.Blocked("reader", "writer")
	s.Start("counter", func() { counts <- st.count() })
	s.Cycle("reader", "counter", "writer")
}

func rwABBA(s *scene.Scene) {
	var a, b sync.RWMutex
	meet := scene.Barrier(2)
	s.Start("ab", func() {
		a.Lock()
		defer a.Unlock()
		meet()
		b.RLock()
		defer b.RUnlock()
	})
	s.Start("ba", func() {
		b.Lock()
		defer b.Unlock()
		meet()
		a.RLock()
		defer a.RUnlock()
	})
	s.Cycle("ab", "ba")
}

type keyed struct {
	sync.RWMutex
	locks map[string]*sync.Mutex
}

// take waits for the lock of the key with the table locked.
func (k *keyed) take(key string) {
	k.Lock()
	if k.locks[key] == nil {
		k.locks[key] = &sync.Mutex{}
	}
	k.locks[key].Lock()
	k.Unlock()
}

func (k *keyed) give(key string) {
	k.RLock()
	defer k.RUnlock()
	k.locks[key].Unlock()
}

// lockByKey: one waits for the lock of a key and keeps the table locked, which
// who holds that lock needs to give it back.
func lockByKey(s *scene.Scene) {
	k := &keyed{locks: map[string]*sync.Mutex{}}
	taken, wanted := scene.Barrier(2), scene.Barrier(2)
	s.Start("giver", func() {
		k.take("a")
		taken()
		wanted()
		k.give("a")
	})
	taken()
	s.Start("taker", func() { k.take("a") })
	s.Blocked("taker")
	wanted()
	s.Cycle("giver", "taker")
}
