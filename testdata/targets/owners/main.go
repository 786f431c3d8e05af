// Owners holds locks of package sync in every way that programs commonly do,
// each held by goroutines that are blocked in something else, and each with
// others that wait for it. For each case NAME it prints the lock's address
// (NAME.addr), how it will be unlocked (NAME.style: defer, plain, protocol,
// handover, or beside: plainly, with others about that look like owners), the goroutines that will unlock it (NAME.owners, empty if nobody
// ever will) and those that wait (NAME.waiters); and all names, as cases.
package main

import (
	"strings"
	"sync"

	"rtdbgtargets/internal/truth"
)

// entered carries the ids of goroutines that hold, or are about to wait.
var entered = make(chan int64)

// never is a channel that nobody sends to or receives from.
var never = make(chan int)

func enter() { entered <- truth.Goid() }

// names are those of the cases that were printed.
var names []string

// start runs f in a goroutine and returns its id once it is parked in what
// follows its call of enter.
func start(f func(), statuses ...string) int64 {
	go f()
	id := <-entered
	truth.Await(id, statuses...)
	return id
}

// situation is a lock that somebody holds.
type situation struct {
	name, style string
	lock        interface{}
	// hold takes the lock, enters and blocks. It is run by each owner.
	hold   func()
	owners int
	// wait waits for the lock, and is found with one of the statuses.
	wait     func()
	statuses []string
	// later are goroutines that refer to the lock and do not hold it.
	later func()
}

func (s situation) set() {
	var owners, waiters []int64
	for i := 0; i < s.owners; i++ {
		owners = append(owners, start(s.hold))
	}
	if s.later != nil {
		start(s.later)
	}
	for i := 0; i < 2; i++ {
		waiters = append(waiters, start(s.wait, s.statuses...))
	}
	say(s.name, s.style, s.lock, owners, waiters)
}

func say(name, style string, lock interface{}, owners, waiters []int64) {
	truth.Addr(name, lock)
	truth.Set(name+".style", style)
	truth.List(name+".owners", owners)
	truth.List(name+".waiters", waiters)
	names = append(names, name)
}

// mutex sets a situation on a Mutex.
func mutex(name, style string, mu *sync.Mutex, hold func()) {
	situation{
		name: name, style: style, lock: mu, hold: hold, owners: 1,
		wait:     func() { enter(); mu.Lock(); mu.Unlock() },
		statuses: truth.MutexLock,
		later:    func() { lockLater(mu) },
	}.set()
}

// lockLater is not the owner: it has yet to lock.
func lockLater(mu *sync.Mutex) {
	enter()
	<-never
	mu.Lock()
	defer mu.Unlock()
}

func main() {
	truth.Limit()
	gate.Lock()
	deferred()
	deferredRarely()
	plain()
	blockedIn()
	readersWriters()
	protocols()
	handedOver()
	released()
	truth.Set("cases", strings.Join(names, ","))
	truth.Park()
}
