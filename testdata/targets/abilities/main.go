// Command abilities has functions of which it is known what they can do to
// what goroutines wait on. It is read, not run.
//
// The comment of a function says it: "func:" of the whole function, "after:"
// and "before:" of what it can do behind and in front of its call of park. The
// sets are own, called, later and spawned, as package code has them; one that is
// not named is empty. "exit" is compared only where it is named, "dynamic call"
// only in the function's own set. "held:" are the locks that the function may
// hold in its call of park.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"time"
)

var (
	global = make(chan int)
	mu     sync.Mutex
	other  sync.Mutex
	rw     sync.RWMutex
	group  sync.WaitGroup
	cond   = sync.NewCond(&mu)
	turn   int
)

//go:noinline
func park() { turn++ }

// after: own=send
// before: own=recv
//
//go:noinline
func sendsAfter(c chan int) {
	<-c
	park()
	c <- 1
}

// func: own=close,recv
// after:
// before: own=close,recv
// held:
//
//go:noinline
func closesBefore(c chan int) int {
	close(c)
	v := <-c
	park()
	return v
}

// after: own=recv,send
// before: own=recv,send
//
//go:noinline
func loops(c chan int) {
	for i := 0; i < 3; i++ {
		c <- 1
		park()
		<-c
	}
}

// after: own=close
// before:
//
//go:noinline
func branches(c chan int, n int) {
	if n > 3 {
		park()
		close(c)
		return
	}
	c <- n
}

// after: own=unlock
// before: own=lock
// held: lock
//
//go:noinline
func locks(m *sync.Mutex) {
	m.Lock()
	park()
	m.Unlock()
}

// after: own=runlock,wlock,wunlock
// before: own=rlock
// held: rlock
//
//go:noinline
func readLocks(m *sync.RWMutex) {
	m.RLock()
	park()
	m.RUnlock()
	m.Lock()
	m.Unlock()
}

// after: called=unlock
// before: own=lock
// held: lock
//
//go:noinline
func defersUnlock(m *sync.Mutex) {
	m.Lock()
	defer m.Unlock()
	park()
}

// after: called=close,unlock
//
//go:noinline
func defersClosure(m *sync.Mutex, c chan int) {
	defer func() {
		m.Unlock()
		close(c)
	}()
	park()
}

// after: called=unlock
//
//go:noinline
func defersInLoop(list []*sync.Mutex) {
	for _, m := range list {
		defer m.Unlock()
	}
	park()
}

// after: own=done
// before: own=add
//
//go:noinline
func counts(wg *sync.WaitGroup) {
	wg.Add(1)
	park()
	wg.Done()
}

// func: own=done
//
//go:noinline
func countsDown(wg *sync.WaitGroup) { wg.Add(-1) }

// func: own=add,done
//
//go:noinline
func countsUnknown(wg *sync.WaitGroup, n int) { wg.Add(n) }

// func: own=wait
//
//go:noinline
func waits(wg *sync.WaitGroup) { wg.Wait() }

// after: own=spawn spawned=done,send
// before: own=spawn spawned=recv
//
//go:noinline
func spawns(wg *sync.WaitGroup, c chan int) {
	go func() { <-c }()
	park()
	go func() {
		defer wg.Done()
		c <- 1
	}()
}

// func: own=spawn spawned=send
//
//go:noinline
func spawnsCall(c chan int) { go sends(c) }

// func: own=send
//
//go:noinline
func sends(c chan int) { c <- 2 }

// after: called=send
//
//go:noinline
func calls(c chan int) {
	park()
	deep1(c)
}

//go:noinline
func deep1(c chan int) { deep2(c, 3) }

//go:noinline
func deep2(c chan int, n int) {
	if n > 0 {
		deep3(c, n)
	}
	turn++
}

//go:noinline
func deep3(c chan int, n int) {
	deep2(c, n-1)
	sends(c)
}

// after: later=close
//
//go:noinline
func registers(c chan int) {
	callbacks = append(callbacks, func() { close(c) })
	park()
}

var callbacks []func()

// func: own=select send,select recv
//
//go:noinline
func selects(a, b chan int) {
	select {
	case <-a:
	case b <- 1:
	}
}

// func: own=select recv
//
//go:noinline
func selectsRecv(a, b chan int) int {
	select {
	case v := <-a:
		return v
	case v := <-b:
		return v + 1
	}
}

// func: own=send,recv
//
//go:noinline
func tries(a, b chan int) {
	select {
	case a <- 1:
	default:
	}
	select {
	case <-b:
	default:
	}
}

// func: own=cond wait,lock,unlock,wlock,wunlock
//
//go:noinline
func condWaits(c *sync.Cond) { c.Wait() }

// func: own=signal,broadcast
//
//go:noinline
func signals(c *sync.Cond) {
	c.Signal()
	c.Broadcast()
}

// after: own=recv
//
//go:noinline
func switches(c chan int, n int) int {
	switch n {
	case 0:
		turn = 7
	case 1:
		c <- 1
	case 2:
		close(c)
	case 3:
		turn = 9
	case 4:
		park()
		return <-c
	case 5:
		turn = 11
	case 6:
		mu.Unlock()
	case 7:
		turn = 2
	case 8:
		turn = 5
	case 9:
		turn = 6
	}
	return turn
}

// after: own=send,recv,close
//
//go:noinline
func switchesAfter(c chan int, n int) int {
	park()
	switch n {
	case 0:
		turn = 7
	case 1:
		c <- 1
	case 2:
		close(c)
	case 3:
		turn = 9
	case 4:
		return <-c
	case 5:
		turn = 11
	case 6:
		turn = 1
	case 7:
		turn = 2
	case 8:
		turn = 5
	case 9:
		turn = 6
	}
	return turn
}

// func: own=dynamic call
//
//go:noinline
func dynamic(w io.Closer) { w.Close() }

// func: own=dynamic call
//
//go:noinline
func dynamicFunc(f func()) { f() }

// func: own=send
//
//go:noinline
func generic[T any](c chan T, v T) { c <- v }

// after: called=send
//
//go:noinline
func callsGeneric(c chan string) {
	park()
	generic(c, "x")
}

// func: own=unlock called=send
//
//go:noinline
func globals() {
	other.Unlock()
	sendGlobal()
}

// func: own=send
//
//go:noinline
func sendGlobal() { global <- 1 }

// func: own=timer reset,timer stop
//
//go:noinline
func timers(t *time.Timer) {
	t.Stop()
	t.Reset(time.Second)
}

// func: later=unlock
//
//go:noinline
func methodValue(m *sync.Mutex) { keep = m.Unlock }

var keep func()

// after: own=exit
//
//go:noinline
func exits(c chan int) {
	park()
	if turn > 4 {
		os.Exit(1)
		c <- 1
	}
}

// after: own=recv
//
//go:noinline
func panics(c chan int) {
	park()
	if v := <-c; v > 0 {
		panic(v)
	}
}

// func: own=lock called=unlock
//
//go:noinline
func prints() {
	mu.Lock()
	defer mu.Unlock()
	fmt.Fprintln(io.Discard, turn)
}

// func: own=lock called=unlock
//
//go:noinline
func onlyDefers(m *sync.Mutex) {
	m.Lock()
	defer m.Unlock()
	turn++
}

// func: called=dynamic call
//
//go:noinline
func defersValue(f func()) {
	defer f()
	turn++
}

// after: own=cancel
//
//go:noinline
func cancels(parent context.Context) {
	ctx, cancel := context.WithCancel(parent)
	park()
	keepContext = ctx
	cancel()
}

// after: called=cancel
//
//go:noinline
func defersCancel(parent context.Context) context.Context {
	ctx, cancel := context.WithTimeout(parent, time.Hour)
	defer cancel()
	park()
	return ctx
}

//go:noinline
func panicsLocked(m *sync.Mutex, c chan int) {
	m.Lock()
	defer m.Unlock()
	if turn > 3 {
		panic("x")
	}
	<-c
}

var keepContext context.Context

// held:
//
//go:noinline
func unlocksFirst(m, n *sync.Mutex) {
	m.Lock()
	turn++
	m.Unlock()
	park()
	n.Lock()
	turn++
	n.Unlock()
}

// held: lock
//
//go:noinline
func locksTwo(m, n *sync.Mutex) {
	m.Lock()
	n.Lock()
	turn++
	n.Unlock()
	park()
	m.Unlock()
}

// held: lock
//
//go:noinline
func locksInLoop(m *sync.Mutex, c chan int) {
	for v := range c {
		m.Lock()
		if v > 3 {
			m.Unlock()
			continue
		}
		park()
		m.Unlock()
	}
}

// held:
//
//go:noinline
func parksInLoop(m *sync.Mutex, n int) {
	for i := 0; i < n; i++ {
		m.Lock()
		turn++
		m.Unlock()
		park()
	}
}

// held: lock
//
//go:noinline
func locksSometimes(m *sync.Mutex, n int) {
	if n > 3 {
		m.Lock()
	}
	park()
	if n > 3 {
		m.Unlock()
	}
}

// held: rlock
//
//go:noinline
func readsThenWrites(m *sync.RWMutex) {
	m.Lock()
	turn++
	m.Unlock()
	m.RLock()
	park()
	m.RUnlock()
}

// func:
//
//go:noinline
func appends(l *log.Logger) { l.SetOutput(io.Discard) }

// func: called=poll close
//
//go:noinline
func closesFile(f *os.File) { f.Close() }

type server struct {
	mu sync.RWMutex
	c  chan int
	wg sync.WaitGroup
}

// after: own=lock,unlock called=runlock,done
// before: own=rlock
// held: rlock
//
//go:noinline
func (s *server) serve() {
	s.mu.RLock()
	defer s.mu.RUnlock()
	defer s.wg.Done()
	park()
	mu.Lock()
	turn++
	mu.Unlock()
}

func main() {
	c, a := make(chan int), make(chan int)
	sendsAfter(c)
	closesBefore(c)
	loops(c)
	branches(c, 4)
	locks(&mu)
	readLocks(&rw)
	defersUnlock(&mu)
	defersClosure(&mu, c)
	defersInLoop([]*sync.Mutex{&mu, &other})
	counts(&group)
	countsDown(&group)
	countsUnknown(&group, turn)
	waits(&group)
	spawns(&group, c)
	spawnsCall(c)
	sends(c)
	calls(c)
	registers(c)
	selects(a, c)
	selectsRecv(a, c)
	tries(a, c)
	condWaits(cond)
	signals(cond)
	switches(c, turn)
	switchesAfter(c, turn)
	dynamic(os.Stdin)
	dynamicFunc(callbacks[0])
	callsGeneric(make(chan string))
	globals()
	timers(time.NewTimer(1))
	methodValue(&mu)
	exits(c)
	panics(c)
	prints()
	onlyDefers(&mu)
	defersValue(park)
	unlocksFirst(&mu, &other)
	locksTwo(&mu, &other)
	locksInLoop(&mu, c)
	parksInLoop(&mu, turn)
	locksSometimes(&mu, turn)
	readsThenWrites(&rw)
	panicsLocked(&mu, c)
	cancels(context.Background())
	defersCancel(context.Background())
	appends(log.Default())
	closesFile(os.Stdin)
	new(server).serve()
}
