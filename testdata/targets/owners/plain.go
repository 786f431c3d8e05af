package main

import "sync"

func holdPlain(mu *sync.Mutex) {
	mu.Lock()
	enter()
	<-never
	mu.Unlock()
}

func holdBranches(mu *sync.Mutex, n int) bool {
	mu.Lock()
	if n > 10 {
		mu.Unlock()
		return false
	}
	enter()
	if <-never > n {
		mu.Unlock()
		return true
	}
	mu.Unlock()
	return false
}

func (b *box) holdFieldPlain() {
	b.mu.Lock()
	b.n = block()
	b.mu.Unlock()
}

//go:noinline
func block() int {
	enter()
	return <-never
}

func (o *owned) holdHelperPlain() {
	o.lock()
	block()
	o.unlock()
}

func (o *owned) holdReturnedPlain() {
	release := o.acquire()
	block()
	release()
}

// with runs f under a lock.
func with(mu *sync.Mutex, f func()) {
	mu.Lock()
	f()
	mu.Unlock()
}

func holdGlobalPlain() {
	plainMu.Lock()
	block()
	plainMu.Unlock()
}

var plainMu sync.Mutex

// session locks in one method and unlocks in another.
type session struct {
	mu   sync.Mutex
	open bool
}

func (s *session) begin() { s.mu.Lock(); s.open = true }
func (s *session) end()   { s.open = false; s.mu.Unlock() }

func (s *session) use() {
	s.begin()
	block()
	s.end()
}

func holdClosurePlain(mu *sync.Mutex) {
	release := func() { mu.Unlock() }
	mu.Lock()
	block()
	release()
}

func holdLoop(mu *sync.Mutex) {
	for {
		mu.Lock()
		block()
		mu.Unlock()
	}
}

// plain are owners that unlock without defer.
func plain() {
	mu := new(sync.Mutex)
	mutex("plain", "plain", mu, func() { holdPlain(mu) })
	branches := new(sync.Mutex)
	mutex("branches", "plain", branches, func() { holdBranches(branches, 3) })
	b := new(box)
	mutex("plainfield", "plain", &b.mu, b.holdFieldPlain)
	o := new(owned)
	mutex("plainhelper", "plain", &o.mu, o.holdHelperPlain)
	r := new(owned)
	mutex("plainreturned", "plain", &r.mu, r.holdReturnedPlain)
	w := new(sync.Mutex)
	mutex("with", "plain", w, func() { with(w, func() { block() }) })
	mutex("plainglobal", "plain", &plainMu, holdGlobalPlain)
	s := new(session)
	mutex("session", "plain", &s.mu, s.use)
	c := new(sync.Mutex)
	mutex("plainclosure", "plain", c, func() { holdClosurePlain(c) })
	l := new(sync.Mutex)
	mutex("plainloop", "plain", l, func() { holdLoop(l) })
}
