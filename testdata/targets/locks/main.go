// Locks holds every way to be stuck on package sync: an AB-BA deadlock, queues
// behind held locks, a WaitGroup that is one Done short, a Cond that nobody
// signals. For each it prints the lock's address, the holder and the waiters
// in queue order.
package main

import (
	"fmt"
	"sync"

	"rtdbgtargets/internal/truth"
)

// entered carries the ids of goroutines that are about to block.
var entered = make(chan int64)

// never is a channel that nobody sends to; main keeps it reachable.
var never = make(chan struct{})

func enter() { entered <- truth.Goid() }

// queue starts n goroutines that run f, each once the one before is parked
// with one of the statuses; so that they queue in the order returned.
func queue(n int, f func(), statuses ...string) []int64 {
	ids := make([]int64, n)
	for i := range ids {
		go f()
		ids[i] = <-entered
		truth.Await(ids[i], statuses...)
	}
	return ids
}

func main() {
	truth.Limit()
	abba()
	mutexQueue()
	collide()
	rwChains()
	waitGroup()
	cond()
	once()
	embedded()
	truth.Park()
}

// pair is two locks that two goroutines take in opposite order.
type pair struct{ a, b sync.Mutex }

func (p *pair) lockAB(hold <-chan struct{}) {
	p.a.Lock()
	defer p.a.Unlock()
	enter()
	<-hold
	p.b.Lock()
	defer p.b.Unlock()
}

func (p *pair) lockBA(hold <-chan struct{}) {
	p.b.Lock()
	defer p.b.Unlock()
	enter()
	<-hold
	p.a.Lock()
	defer p.a.Unlock()
}

func abba() {
	p := new(pair)
	hold := make(chan struct{})
	go p.lockAB(hold)
	ab := <-entered
	go p.lockBA(hold)
	ba := <-entered
	close(hold)
	truth.Await(ab, truth.MutexLock...)
	truth.Await(ba, truth.MutexLock...)
	truth.Addr("abba.a", &p.a)
	truth.Addr("abba.b", &p.b)
	truth.Set("abba.a.holder", ab)
	truth.Set("abba.a.waiters", ba)
	truth.Set("abba.b.holder", ba)
	truth.Set("abba.b.waiters", ab)
}

func holdMutex(mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
	enter()
	<-never
}

func waitMutex(mu *sync.Mutex) {
	enter()
	mu.Lock()
	defer mu.Unlock()
}

func printQueue(name string, lock interface{}, holder int64, waiters []int64) {
	truth.Addr(name, lock)
	truth.Set(name+".holder", holder)
	truth.List(name+".waiters", waiters)
}

func mutexQueue() {
	mu := new(sync.Mutex)
	go holdMutex(mu)
	holder := <-entered
	truth.Await(holder, "chan receive")
	waiters := queue(5, func() { waitMutex(mu) }, truth.MutexLock...)
	printQueue("mutex", mu, holder, waiters)
}

// collide queues waiters on semaphores that share one root of the runtime's
// semaphore table: it has 251 roots, chosen by address/8 modulo 251
// (runtime/sema.go, semTabSize), and a Mutex is 8 bytes.
func collide() {
	const semTabSize = 251
	locks := new([3*semTabSize + 1]sync.Mutex)
	for i := 0; i < 4; i++ {
		mu := &locks[i*semTabSize]
		go holdMutex(mu)
		holder := <-entered
		truth.Await(holder, "chan receive")
		waiters := queue(i+1, func() { waitMutex(mu) }, truth.MutexLock...)
		printQueue(fmt.Sprintf("collide%d", i), mu, holder, waiters)
	}
}

func holdRead(rw *sync.RWMutex) {
	rw.RLock()
	defer rw.RUnlock()
	enter()
	<-never
}

func holdWrite(rw *sync.RWMutex) {
	rw.Lock()
	defer rw.Unlock()
	enter()
	<-never
}

func waitRead(rw *sync.RWMutex) {
	enter()
	rw.RLock()
	defer rw.RUnlock()
}

func waitWrite(rw *sync.RWMutex) {
	enter()
	rw.Lock()
	defer rw.Unlock()
}

// rwChains makes two chains. rwread: two readers hold, a writer waits for
// them, further writers queue on its inner mutex, readers behind the writer.
// rwwrite: a writer holds, writers and readers queue.
func rwChains() {
	rw := new(sync.RWMutex)
	readers := queue(2, func() { holdRead(rw) }, "chan receive")
	writer := queue(1, func() { waitWrite(rw) }, truth.RWMutexLock...)
	writers := queue(2, func() { waitWrite(rw) }, rwInner...)
	behind := queue(3, func() { waitRead(rw) }, truth.RWMutexRLock...)
	truth.Addr("rwread", rw)
	truth.List("rwread.holders", readers)
	truth.List("rwread.writer", writer)
	truth.List("rwread.writers", writers)
	truth.List("rwread.readers", behind)

	rw = new(sync.RWMutex)
	go holdWrite(rw)
	holder := <-entered
	truth.Await(holder, "chan receive")
	behind = queue(2, func() { waitRead(rw) }, truth.RWMutexRLock...)
	writers = queue(2, func() { waitWrite(rw) }, rwInner...)
	truth.Addr("rwwrite", rw)
	truth.Set("rwwrite.holder", holder)
	truth.List("rwwrite.writers", writers)
	truth.List("rwwrite.readers", behind)
}

// rwInner is how a writer behind another writer waits: on the Mutex in the
// RWMutex.
var rwInner = truth.MutexLock

func waitDone(wg *sync.WaitGroup) {
	enter()
	wg.Wait()
}

func oweDone(wg *sync.WaitGroup) {
	defer wg.Done()
	enter()
	<-never
}

// waitGroup counts three, gets two Done, and has two waiters.
func waitGroup() {
	wg := new(sync.WaitGroup)
	wg.Add(3)
	wg.Done()
	wg.Done()
	go oweDone(wg)
	owing := <-entered
	truth.Await(owing, "chan receive")
	waiters := queue(2, func() { waitDone(wg) }, truth.WaitGroupWait...)
	truth.Addr("waitgroup", wg)
	truth.Set("waitgroup.count", 1)
	truth.Set("waitgroup.owing", owing)
	truth.List("waitgroup.waiters", waiters)
}

func waitCond(c *sync.Cond) {
	c.L.Lock()
	defer c.L.Unlock()
	enter()
	c.Wait()
}

func cond() {
	c := sync.NewCond(new(sync.Mutex))
	waiters := queue(3, func() { waitCond(c) }, "sync.Cond.Wait")
	truth.Addr("cond", c)
	truth.Addr("cond.lock", c.L)
	truth.List("cond.waiters", waiters)
}

func doOnce(o *sync.Once) {
	enter()
	o.Do(func() { <-never })
}

func once() {
	o := new(sync.Once)
	first := queue(1, func() { doOnce(o) }, "chan receive")
	others := queue(2, func() { doOnce(o) }, truth.MutexLock...)
	truth.Addr("once", o)
	truth.Set("once.holder", first[0])
	truth.List("once.waiters", others)
}

// account holds its lock inside, as most programs do.
type account struct {
	name    string
	balance int
	mu      sync.Mutex
}

// transfer locks both accounts in argument order: that is the bug.
func transfer(from, to *account, amount int, hold <-chan struct{}) {
	from.mu.Lock()
	defer from.mu.Unlock()
	enter()
	<-hold
	to.mu.Lock()
	defer to.mu.Unlock()
	from.balance -= amount
	to.balance += amount
}

// embedded is a cycle of three goroutines over locks inside structures.
func embedded() {
	accounts := []*account{{name: "ann"}, {name: "bob"}, {name: "cleo"}}
	hold := make(chan struct{})
	ids := make([]int64, len(accounts))
	for i, from := range accounts {
		go transfer(from, accounts[(i+1)%len(accounts)], 10, hold)
		ids[i] = <-entered
	}
	close(hold)
	for i, a := range accounts {
		truth.Await(ids[i], truth.MutexLock...)
		name := "cycle" + fmt.Sprint(i)
		truth.Addr(name, &a.mu)
		truth.Set(name+".holder", ids[i])
		truth.Set(name+".waiters", ids[(i+len(ids)-1)%len(ids)])
	}
}
