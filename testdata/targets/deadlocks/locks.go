package main

import (
	"fmt"
	"sort"
	"sync"

	"rtdbgtargets/internal/scene"
)

func lockCases() []scene.Case {
	return []scene.Case{
		{Name: "abba", Stage: abba},
		{Name: "abba-global", Stage: abbaGlobal},
		{Name: "abba-defer", Stage: abbaDefer},
		{Name: "three-locks", Stage: threeLocks},
		{Name: "double-lock", Stage: doubleLock},
		{Name: "double-lock-global", Stage: doubleLockGlobal},
		{Name: "callback-under-lock", Stage: callbackUnderLock},
		{Name: "locks-in-map", Stage: locksInMap},
		{Name: "keyed-locks", Stage: keyedLocks},
		{Name: "slice-of-locks", Stage: sliceOfLocks},
		{Name: "return-without-unlock", Stage: returnWithoutUnlock},
		{Name: "panic-without-unlock", Stage: panicWithoutUnlock},
		{Name: "convoy-behind-cycle", Stage: convoyBehindCycle},
		{Name: "hidden-behind-interface", Stage: hiddenBehindInterface},
	}
}

// abba: two goroutines take two locks in opposite orders.
func abba(s *scene.Scene) {
	var a, b sync.Mutex
	meet := scene.Barrier(2)
	s.Start("ab", func() {
		a.Lock()
		meet()
		b.Lock()
		b.Unlock()
		a.Unlock()
	})
	s.Start("ba", func() {
		b.Lock()
		meet()
		a.Lock()
		a.Unlock()
		b.Unlock()
	})
	s.Cycle("ab", "ba")
}

var routes, peers sync.Mutex

func abbaGlobal(s *scene.Scene) {
	meet := scene.Barrier(2)
	s.Start("routes", func() {
		routes.Lock()
		defer routes.Unlock()
		meet()
		peers.Lock()
		defer peers.Unlock()
	})
	s.Start("peers", func() {
		peers.Lock()
		defer peers.Unlock()
		meet()
		routes.Lock()
		defer routes.Unlock()
	})
	s.Cycle("routes", "peers")
	s.Global()
}

type account struct {
	sync.Mutex
	balance int
}

func (from *account) transfer(to *account, sum int, meet func()) {
	from.Lock()
	defer from.Unlock()
	meet()
	to.Lock()
	defer to.Unlock()
	from.balance -= sum
	to.balance += sum
}

func abbaDefer(s *scene.Scene) {
	x, y := &account{balance: 10}, &account{balance: 20}
	meet := scene.Barrier(2)
	s.Start("there", func() { x.transfer(y, 1, meet) })
	s.Start("back", func() { y.transfer(x, 2, meet) })
	s.Cycle("there", "back")
}

func threeLocks(s *scene.Scene) {
	locks := make([]*sync.Mutex, 3)
	for i := range locks {
		locks[i] = new(sync.Mutex)
	}
	meet := scene.Barrier(3)
	for i := range locks {
		mine, next := locks[i], locks[(i+1)%3]
		s.Start(fmt.Sprint(i), func() {
			mine.Lock()
			defer mine.Unlock()
			meet()
			next.Lock()
			defer next.Unlock()
		})
	}
	s.Cycle("0", "1", "2")
}

type cache struct {
	mu    sync.Mutex
	items map[string]int
}

func (c *cache) get(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.items[key]; ok {
		return v
	}
	return c.fill(key)
}

func (c *cache) fill(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items[key] = len(key)
	return len(key)
}

func doubleLock(s *scene.Scene) {
	c := &cache{items: map[string]int{}}
	s.Start("self", func() { c.get("key") })
	s.Cycle("self")
}

var config struct {
	sync.Mutex
	values map[string]string
}

func reload() {
	config.Lock()
	defer config.Unlock()
	set("a", "b")
}

func set(k, v string) {
	config.Lock()
	defer config.Unlock()
	config.values[k] = v
}

func doubleLockGlobal(s *scene.Scene) {
	s.Start("self", reload)
	s.Cycle("self")
	s.Global()
}

type registry struct {
	mu        sync.Mutex
	callbacks []func()
}

func (r *registry) notify() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.callbacks {
		f()
	}
}

func (r *registry) unsubscribe() {
	r.mu.Lock()
	r.callbacks = nil
	r.mu.Unlock()
}

func callbackUnderLock(s *scene.Scene) {
	r := &registry{}
	r.callbacks = append(r.callbacks, func() { r.unsubscribe() })
	s.Start("self", r.notify)
	s.Cycle("self")
}

type shard struct {
	mu sync.Mutex
	n  int
}

func locksInMap(s *scene.Scene) {
	shards := map[string]*shard{"a": {}, "b": {}}
	meet := scene.Barrier(2)
	move := func(from, to string) {
		shards[from].mu.Lock()
		meet()
		shards[to].mu.Lock()
		shards[from].n--
		shards[to].n++
		shards[to].mu.Unlock()
		shards[from].mu.Unlock()
	}
	s.Start("ab", func() { move("a", "b") })
	s.Start("ba", func() { move("b", "a") })
	s.Cycle("ab", "ba")
}

// keyedLocks: a lock for each key, made when first asked for.
func keyedLocks(s *scene.Scene) {
	var locks sync.Map
	meet := scene.Barrier(2)
	lock := func(key int) func() {
		v, _ := locks.LoadOrStore(key, new(sync.Mutex))
		mu := v.(*sync.Mutex)
		mu.Lock()
		return mu.Unlock
	}
	swap := func(x, y int) {
		defer lock(x)()
		meet()
		defer lock(y)()
	}
	s.Start("xy", func() { swap(1, 2) })
	s.Start("yx", func() { swap(2, 1) })
	s.Cycle("xy", "yx")
}

type table struct{ rows [4]shard }

// sliceOfLocks: locks inside one array are told apart.
func sliceOfLocks(s *scene.Scene) {
	t := new(table)
	meet := scene.Barrier(2)
	both := func(i, j int) {
		t.rows[i].mu.Lock()
		defer t.rows[i].mu.Unlock()
		meet()
		t.rows[j].mu.Lock()
		defer t.rows[j].mu.Unlock()
	}
	s.Start("03", func() { both(0, 3) })
	s.Start("30", func() { both(3, 0) })
	s.Cycle("03", "30")
}

func returnWithoutUnlock(s *scene.Scene) {
	var mu sync.Mutex
	read := func(ok bool) {
		mu.Lock()
		if !ok {
			return
		}
		mu.Unlock()
	}
	read(false)
	s.Start("next", func() { read(true) })
}

func panicWithoutUnlock(s *scene.Scene) {
	var mu sync.Mutex
	handle := func(list []int) {
		defer func() { recover() }()
		mu.Lock()
		sort.Ints(list[:4])
		mu.Unlock()
	}
	handle(nil)
	s.Start("next", func() { handle(make([]int, 4)) })
	s.Start("after", func() { handle(make([]int, 4)) })
}

// convoyBehindCycle: many wait behind two that wait for each other.
func convoyBehindCycle(s *scene.Scene) {
	x, y := &account{}, &account{}
	meet := scene.Barrier(2)
	s.Start("there", func() { x.transfer(y, 1, meet) })
	s.Start("back", func() { y.transfer(x, 2, meet) })
	s.Blocked("there", "back")
	for i := 0; i < 5; i++ {
		s.Start(fmt.Sprint("behind", i), func() {
			x.Lock()
			defer x.Unlock()
			x.balance++
		})
	}
	s.Cycle("there", "back")
}

// hiddenBehindInterface: the locks are only known as sync.Lockers.
func hiddenBehindInterface(s *scene.Scene) {
	a, b := sync.Locker(new(sync.Mutex)), sync.Locker(new(sync.Mutex))
	meet := scene.Barrier(2)
	both := func(x, y sync.Locker) {
		x.Lock()
		defer x.Unlock()
		meet()
		y.Lock()
		defer y.Unlock()
	}
	s.Start("ab", func() { both(a, b) })
	s.Start("ba", func() { both(b, a) })
	s.Cycle("ab", "ba")
}
