package main

import (
	"runtime"
	"sync"

	"rtdbgtargets/internal/truth"
)

// holdConditionally defers on one of its paths.
func holdConditionally(mu *sync.Mutex, really bool) {
	if really {
		mu.Lock()
		defer mu.Unlock()
	}
	enter()
	<-never
}

// holdInLoop defers in a loop: the records are on the heap.
func holdInLoop(list []*sync.Mutex) {
	for _, mu := range list {
		mu.Lock()
		defer mu.Unlock()
	}
	enter()
	<-never
}

// holdWithMany has more defers than the compiler makes open-coded.
func holdWithMany(mu *sync.Mutex) {
	f := func() {}
	defer f()
	defer f()
	defer f()
	defer f()
	mu.Lock()
	defer mu.Unlock()
	defer f()
	defer f()
	defer f()
	defer f()
	defer f()
	enter()
	<-never
}

// holdWhileEnding is blocked in a deferred function, with the unlock still to
// come.
func holdWhileEnding(mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
	defer func() {
		enter()
		<-never
	}()
}

func holdWhilePanicking(mu *sync.Mutex) {
	defer func() { recover() }()
	mu.Lock()
	defer mu.Unlock()
	defer func() {
		enter()
		<-never
	}()
	panic("on the way")
}

func holdWhileExiting(mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
	defer func() {
		enter()
		<-never
	}()
	runtime.Goexit()
}

func holdTried(mu *sync.Mutex) {
	if !mu.TryLock() {
		truth.Fatal("it is locked")
	}
	defer mu.Unlock()
	enter()
	<-never
}

// holdTwo holds two locks.
func holdTwo(a, b *sync.Mutex) {
	a.Lock()
	defer a.Unlock()
	b.Lock()
	defer b.Unlock()
	enter()
	<-never
}

// holdSecond has held another before, and given it back.
func holdSecond(a, b *sync.Mutex) {
	func() {
		a.Lock()
		defer a.Unlock()
	}()
	b.Lock()
	defer b.Unlock()
	enter()
	<-never
	a.Lock()
}

// holdAgain locks, unlocks by hand for a while and has locked again.
func holdAgain(mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
	mu.Unlock()
	runtime.Gosched()
	mu.Lock()
	enter()
	<-never
}

// deferredRarely are owners that say defer Unlock in less common forms.
func deferredRarely() {
	cond := new(sync.Mutex)
	mutex("conditional", "defer", cond, func() { holdConditionally(cond, true) })
	loop := []*sync.Mutex{new(sync.Mutex), new(sync.Mutex), new(sync.Mutex)}
	id := start(func() { holdInLoop(loop) })
	for i, name := range []string{"loop0", "loop1", "loop2"} {
		heldBy(name, "defer", loop[i], id)
	}
	many := new(sync.Mutex)
	mutex("many", "defer", many, func() { holdWithMany(many) })
	ending := new(sync.Mutex)
	mutex("ending", "defer", ending, func() { holdWhileEnding(ending) })
	panicking := new(sync.Mutex)
	mutex("panicking", "defer", panicking, func() { holdWhilePanicking(panicking) })
	exiting := new(sync.Mutex)
	mutex("exiting", "defer", exiting, func() { holdWhileExiting(exiting) })
	tried := new(sync.Mutex)
	mutex("tried", "defer", tried, func() { holdTried(tried) })
	again := new(sync.Mutex)
	mutex("again", "defer", again, func() { holdAgain(again) })

	a, b := new(sync.Mutex), new(sync.Mutex)
	id = start(func() { holdTwo(a, b) })
	heldBy("two.a", "defer", a, id)
	heldBy("two.b", "defer", b, id)

	first, second := new(sync.Mutex), new(sync.Mutex)
	id = start(func() { holdSecond(first, second) })
	heldBy("second", "defer", second, id)
	// The one that held first before is not its owner now.
	heldBy("first", "defer", first, start(func() { holdDirect(first) }))
}

// heldBy has two goroutines wait for a Mutex that one holds already.
func heldBy(name, style string, mu *sync.Mutex, owner int64) {
	var waiters []int64
	for i := 0; i < 2; i++ {
		waiters = append(waiters, start(func() { enter(); mu.Lock(); mu.Unlock() }, truth.MutexLock...))
	}
	say(name, style, mu, []int64{owner}, waiters)
}
