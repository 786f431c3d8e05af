package main

import (
	"sync"

	"rtdbgtargets/internal/truth"
)

// box has a lock in a field, not the first.
type box struct {
	name string
	mu   sync.Mutex
	n    int
}

func (b *box) holdField() {
	b.mu.Lock()
	defer b.mu.Unlock()
	enter()
	<-never
	b.n++
}

// safe embeds its lock.
type safe struct {
	n int
	sync.Mutex
}

func (s *safe) holdEmbedded() {
	s.Lock()
	defer s.Unlock()
	enter()
	<-never
	s.n++
}

// owned has methods of its own that lock and unlock.
type owned struct {
	mu sync.Mutex
	n  int
}

func (o *owned) lock()   { o.mu.Lock() }
func (o *owned) unlock() { o.n++; o.mu.Unlock() }

func (o *owned) holdHelper() {
	o.lock()
	defer o.unlock()
	enter()
	<-never
}

// acquire returns the function that releases.
func (o *owned) acquire() func() {
	o.mu.Lock()
	return func() { o.mu.Unlock() }
}

func (o *owned) holdAcquired() {
	defer o.acquire()()
	enter()
	<-never
}

func (o *owned) holdReturned() {
	release := o.acquire()
	defer release()
	enter()
	<-never
}

func holdDirect(mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
	enter()
	<-never
}

func holdLocker(l sync.Locker) {
	l.Lock()
	defer l.Unlock()
	enter()
	<-never
}

func holdGeneric[L interface {
	Lock()
	Unlock()
}](l L) {
	l.Lock()
	defer l.Unlock()
	enter()
	<-never
}

func holdDeep(mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
	if deeper(3) > 0 {
		truth.Fatal("woken")
	}
}

//go:noinline
func deeper(n int) int {
	if n == 0 {
		enter()
		return <-never
	}
	return deeper(n-1) + 1
}

func holdClosure(mu *sync.Mutex, n *int) {
	mu.Lock()
	defer func() {
		*n++
		mu.Unlock()
	}()
	enter()
	<-never
}

// The lock of globalBox is a package-level variable.
var (
	globalMu  sync.Mutex
	globalBox = struct {
		sync.Mutex
		m map[string]*box
	}{m: map[string]*box{"a": new(box)}}
)

func holdGlobal() {
	globalMu.Lock()
	defer globalMu.Unlock()
	enter()
	<-never
}

func holdGlobalStruct() {
	globalBox.Lock()
	defer globalBox.Unlock()
	enter()
	<-never
}

func holdInMap(key string) {
	globalBox.m[key].mu.Lock()
	defer globalBox.m[key].mu.Unlock()
	enter()
	<-never
}

// deferred are owners that say defer Unlock, in common forms.
func deferred() {
	mu := new(sync.Mutex)
	mutex("direct", "defer", mu, func() { holdDirect(mu) })
	b := new(box)
	mutex("field", "defer", &b.mu, b.holdField)
	s := new(safe)
	mutex("embedded", "defer", &s.Mutex, s.holdEmbedded)
	o := new(owned)
	mutex("helper", "defer", &o.mu, o.holdHelper)
	mutex("global", "defer", &globalMu, holdGlobal)
	mutex("globalstruct", "defer", &globalBox.Mutex, holdGlobalStruct)
	mutex("inmap", "defer", &globalBox.m["a"].mu, func() { holdInMap("a") })
	list := make([]box, 3)
	mutex("element", "defer", &list[1].mu, func() {
		list[1].mu.Lock()
		defer list[1].mu.Unlock()
		enter()
		<-never
	})
	var captured sync.Mutex
	mutex("captured", "defer", &captured, func() {
		captured.Lock()
		defer captured.Unlock()
		enter()
		<-never
	})
	n, cl := 0, new(sync.Mutex)
	mutex("closure", "defer", cl, func() { holdClosure(cl, &n) })
	deep := new(sync.Mutex)
	mutex("deep", "defer", deep, func() { holdDeep(deep) })
	l := new(sync.Mutex)
	mutex("locker", "defer", l, func() { holdLocker(l) })
	g := new(sync.Mutex)
	mutex("generic", "defer", g, func() { holdGeneric(g) })
	rel := new(owned)
	mutex("returned", "defer", &rel.mu, rel.holdReturned)
	acq := new(owned)
	mutex("acquired", "defer", &acq.mu, acq.holdAcquired)
}
