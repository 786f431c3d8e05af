package main

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"
)

// structures are goroutines that find what they share in less common places.
func structures() []shape {
	return []shape{
		{"generic-queue", genericQueue},
		{"method-values", methodValues},
		{"atomic-value", atomicValue},
		{"sync-map", syncMap},
		{"array-of-structs", arrayOfStructs},
		{"keyed-mutex", keyedMutex},
		{"priority-queue", priorityQueue},
		{"event-loop", eventLoop},
		{"background-once", backgroundOnce},
		{"linked-waiters", linkedWaiters},
		{"nested-structs", nestedStructs},
		{"variadic-select", variadicSelect},
	}
}

// bounded is a queue of any type.
type bounded[T any] struct {
	items chan T
	quit  chan struct{}
}

func (q *bounded[T]) push(v T) bool {
	select {
	case q.items <- v:
		return true
	case <-q.quit:
		return false
	}
}

func (q *bounded[T]) each(f func(T)) {
	for {
		select {
		case v := <-q.items:
			f(v)
		case <-q.quit:
			return
		}
	}
}

func genericQueue() {
	for {
		q := &bounded[string]{items: make(chan string), quit: make(chan struct{})}
		var wg sync.WaitGroup
		wg.Add(2)
		for i := 0; i < 2; i++ {
			go func() {
				defer wg.Done()
				q.each(func(string) { compute() })
			}()
		}
		for i := 0; i < 5; i++ {
			pause(6)
			q.push("text")
		}
		close(q.quit)
		wg.Wait()
	}
}

type pump struct {
	in, out chan int
}

func (p *pump) fill() {
	for i := 0; ; i++ {
		pause(8)
		p.in <- i
	}
}

func (p *pump) turn() {
	for v := range p.in {
		p.out <- -v
	}
}

func (p pump) drain() {
	for range p.out {
		compute()
	}
}

// methodValues starts bound methods.
func methodValues() {
	p := &pump{make(chan int), make(chan int)}
	for _, f := range []func(){p.fill, p.turn, p.drain} {
		go f()
	}
}

// atomicValue has its channel replaced while others wait on the old one.
func atomicValue() {
	var current atomic.Value
	current.Store(make(chan struct{}))
	for i := 0; i < 4; i++ {
		go func() {
			for {
				<-current.Load().(chan struct{})
			}
		}()
	}
	for {
		pause(10)
		old := current.Swap(make(chan struct{})).(chan struct{})
		close(old)
	}
}

// syncMap keeps the waiters' channels in a sync.Map.
func syncMap() {
	var waiting sync.Map
	for i := 0; i < 4; i++ {
		i := i
		go func() {
			for {
				c := make(chan int, 1)
				waiting.Store(i, c)
				<-c
				pause(2)
			}
		}()
	}
	for {
		pause(5)
		waiting.Range(func(k, v interface{}) bool {
			waiting.Delete(k)
			v.(chan int) <- 1
			return true
		})
	}
}

type slot struct {
	used  bool
	ready chan bool
}

func arrayOfStructs() {
	var slots [4]slot
	for i := range slots {
		slots[i].ready = make(chan bool)
	}
	for i := range slots {
		s := &slots[i]
		go func() {
			for s.used = range s.ready {
				compute()
			}
		}()
	}
	for {
		pause(4)
		slots[chance(len(slots))].ready <- true
	}
}

type keyLock struct {
	mu   sync.Mutex
	refs int
}

type keyLocks struct {
	mu sync.Mutex
	m  map[string]*keyLock
}

func (k *keyLocks) lock(key string) func() {
	k.mu.Lock()
	l := k.m[key]
	if l == nil {
		l = new(keyLock)
		k.m[key] = l
	}
	l.refs++
	k.mu.Unlock()
	l.mu.Lock()
	return func() {
		l.mu.Unlock()
		k.mu.Lock()
		if l.refs--; l.refs == 0 {
			delete(k.m, key)
		}
		k.mu.Unlock()
	}
}

// keyedMutex has a lock for each key, as long as somebody wants it.
func keyedMutex() {
	k := &keyLocks{m: make(map[string]*keyLock)}
	for i := 0; i < 6; i++ {
		go func() {
			for {
				unlock := k.lock([]string{"a", "b"}[chance(2)])
				pause(3)
				unlock()
				compute()
			}
		}()
	}
}

type byTime []int

func (b byTime) Len() int            { return len(b) }
func (b byTime) Less(i, j int) bool  { return b[i] < b[j] }
func (b byTime) Swap(i, j int)       { b[i], b[j] = b[j], b[i] }
func (b *byTime) Push(v interface{}) { *b = append(*b, v.(int)) }
func (b *byTime) Pop() interface{} {
	old := *b
	v := old[len(old)-1]
	*b = old[:len(old)-1]
	return v
}

// workQueue is the work queue of many controllers: a heap, a Cond and a flag.
type workQueue struct {
	cond  *sync.Cond
	items byTime
}

func (q *workQueue) add(v int) {
	q.cond.L.Lock()
	defer q.cond.L.Unlock()
	heap.Push(&q.items, v)
	q.cond.Signal()
}

func (q *workQueue) next() int {
	q.cond.L.Lock()
	defer q.cond.L.Unlock()
	for q.items.Len() == 0 {
		q.cond.Wait()
	}
	return heap.Pop(&q.items).(int)
}

func priorityQueue() {
	q := &workQueue{cond: sync.NewCond(&sync.Mutex{})}
	for i := 0; i < 3; i++ {
		go func() {
			for {
				q.next()
				pause(3)
			}
		}()
	}
	for {
		pause(6)
		q.add(chance(100))
	}
}

// eventLoop runs functions in one goroutine, some of them later: who waits for
// such a function is woken by a goroutine that knows nothing of it until then.
func eventLoop() {
	tasks := make(chan func(), 8)
	go func() {
		for f := range tasks {
			f()
		}
	}()
	for {
		done := make(chan bool)
		time.AfterFunc(3*time.Millisecond, func() {
			tasks <- func() { done <- true }
		})
		<-done
	}
}

// lazyLog starts its writer when it is first used.
type lazyLog struct {
	once  sync.Once
	lines chan string
	flush chan chan struct{}
}

func (l *lazyLog) start() {
	l.lines, l.flush = make(chan string), make(chan chan struct{})
	go l.write()
}

func (l *lazyLog) write() {
	for {
		select {
		case <-l.lines:
			compute()
		case ack := <-l.flush:
			pause(4)
			close(ack)
		}
	}
}

func (l *lazyLog) log(text string) {
	l.once.Do(l.start)
	l.lines <- text
}

func (l *lazyLog) sync() {
	l.once.Do(l.start)
	ack := make(chan struct{})
	l.flush <- ack
	<-ack
}

func backgroundOnce() {
	l := new(lazyLog)
	for i := 0; i < 3; i++ {
		go func() {
			for {
				l.log("line")
				l.sync()
				pause(3)
			}
		}()
	}
}

// queued is a waiter in a list of the program's own.
type queued struct {
	wake chan struct{}
	next *queued
}

type fairLock struct {
	mu          sync.Mutex
	held        bool
	first, last *queued
}

func (l *fairLock) lock() {
	l.mu.Lock()
	if !l.held {
		l.held = true
		l.mu.Unlock()
		return
	}
	q := &queued{wake: make(chan struct{})}
	if l.last == nil {
		l.first = q
	} else {
		l.last.next = q
	}
	l.last = q
	l.mu.Unlock()
	<-q.wake
}

func (l *fairLock) unlock() {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.first
	if q == nil {
		l.held = false
		return
	}
	if l.first = q.next; l.first == nil {
		l.last = nil
	}
	close(q.wake)
}

// linkedWaiters is a lock made of a list of channels.
func linkedWaiters() {
	l := new(fairLock)
	for i := 0; i < 5; i++ {
		go func() {
			for {
				l.lock()
				pause(3)
				l.unlock()
			}
		}()
	}
}

type inner struct{ events chan int }
type middle struct{ in *inner }
type outer struct {
	parts map[string]*middle
	list  []*middle
}

// nestedStructs has its channel a few steps away from who uses it.
func nestedStructs() {
	o := &outer{parts: make(map[string]*middle)}
	m := &middle{&inner{make(chan int)}}
	o.parts["a"] = m
	o.list = append(o.list, m)
	go func(o *outer) {
		for {
			pause(8)
			o.parts["a"].in.events <- 1
		}
	}(o)
	go func(o *outer) {
		for {
			<-o.list[0].in.events
		}
	}(o)
}

// variadicSelect waits on one of several for the first that is ready.
func variadicSelect() {
	first := func(list ...<-chan int) int {
		out := make(chan int, len(list))
		quit := make(chan struct{})
		defer close(quit)
		for _, c := range list {
			go func(c <-chan int) {
				select {
				case v := <-c:
					out <- v
				case <-quit:
				}
			}(c)
		}
		return <-out
	}
	a, b, c := generate(9), generate(14), generate(20)
	for {
		first(a, b, c)
	}
}
