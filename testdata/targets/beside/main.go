// Beside goes on counting while goroutines queue on package-level channels and
// locks: what debuggers see of the queues can be compared, and whether they let
// it run again. It writes how often its heart has beaten to the file "beats" in
// its directory, as twelve digits. With each beat the first receiver of turns
// goes to the end of its queue.
package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"rtdbgtargets/internal/truth"
)

var (
	jobs  = make(chan int)
	full  = make(chan string, 2)
	turns = make(chan int)
	never = make(chan struct{})

	mu   sync.Mutex
	rw   sync.RWMutex
	wg   sync.WaitGroup
	idle sync.Mutex
	cond = sync.NewCond(&idle)
)

// entered carries the ids of goroutines that are about to block.
var entered = make(chan int64)

func enter() { entered <- truth.Goid() }

// park starts a goroutine for each f, when the one before is parked.
func park(name string, statuses []string, fs ...func()) {
	var ids []int64
	for _, f := range fs {
		go f()
		id := <-entered
		truth.Await(id, statuses...)
		ids = append(ids, id)
	}
	truth.List(name+".waiters", ids)
}

func receive() { enter(); <-jobs }

func selectJobs() {
	enter()
	select {
	case <-jobs:
	case <-never:
	}
}

func send() { enter(); full <- "more" }

func selectFull() {
	enter()
	select {
	case full <- "more":
	case <-never:
	}
}

func lock() { enter(); mu.Lock() }

func write() { enter(); rw.Lock() }

func read() { enter(); rw.RLock() }

func await() { enter(); wg.Wait() }

func signalled() {
	idle.Lock()
	enter()
	cond.Wait()
}

func turn() {
	for range turns {
	}
}

func beat() {
	f, err := os.Create("beats")
	truth.Check(err)
	for n := 0; ; n++ {
		turns <- n
		_, err := f.WriteAt([]byte(fmt.Sprintf("%012d", n)), 0)
		truth.Check(err)
		time.Sleep(time.Millisecond)
	}
}

func main() {
	truth.Limit()
	full <- "a"
	full <- "b"
	mu.Lock()
	rw.RLock()
	wg.Add(1)
	park("jobs", []string{"chan receive", "select"}, receive, selectJobs, receive)
	park("full", []string{"chan send", "select"}, send, selectFull, send)
	park("mu", truth.MutexLock, lock, lock, lock)
	park("rw", append(truth.RWMutexLock, truth.RWMutexRLock...), write, read, read)
	park("wg", truth.WaitGroupWait, await)
	park("cond", []string{"sync.Cond.Wait"}, signalled, signalled)
	truth.Addr("jobs", jobs)
	truth.Addr("full", full)
	truth.Addr("mu", &mu)
	truth.Addr("rw", &rw)
	truth.Addr("wg", &wg)
	truth.Addr("cond", cond)
	for i := 0; i < 4; i++ {
		go turn()
	}
	go beat()
	truth.Park()
}
