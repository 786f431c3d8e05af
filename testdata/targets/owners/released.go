package main

import (
	"sync"

	"rtdbgtargets/internal/truth"
)

// released has locks beside whose owners stand goroutines that look like ones:
// they have let go of the lock while they wait, their deferred functions lock it
// before they unlock it, or it is another lock of the same kind that they deal
// with.
func released() {
	beside("released-around-wait", func(c *conn) { start(c.waitUnlocked) })
	beside("released-by-callee", func(c *conn) { start(c.flushLoop) })
	beside("released-in-both", func(c *conn) { start(c.waitUnlocked); start(c.flushLoop) })
	beside("deferred-locks-itself", func(c *conn) { start(c.read) })
	beside("deferred-on-neighbour", func(c *conn) { start(c.neighbour().hold) })
	beside("others-flush", func(c *conn) {
		for _, other := range c.all.list {
			if other != c {
				start(other.flushLoop)
			}
		}
	})
}

// beside sets a situation on the lock of a connection: dress starts others that
// deal with it first, then somebody locks it.
func beside(name string, dress func(c *conn)) {
	all := &conns{}
	for i := 0; i < 4; i++ {
		all.list = append(all.list, &conn{all: all})
	}
	for i, c := range all.list {
		c.next = all.list[(i+1)%len(all.list)]
	}
	c := all.list[1]
	dress(c)
	situation{
		name: name, style: "beside", lock: &c.mu, hold: func() { deliver(c) }, owners: 1,
		wait:     func() { enter(); c.mu.Lock(); c.n++; c.mu.Unlock() },
		statuses: truth.MutexLock,
	}.set()
}

// conns are connections that know each other.
type conns struct{ list []*conn }

type conn struct {
	n    int
	mu   sync.Mutex
	next *conn
	all  *conns
}

// deliver is the owner.
func deliver(c *conn) {
	c.mu.Lock()
	enter()
	<-never
	c.mu.Unlock()
}

// waitUnlocked lets go of the lock while it waits.
func (c *conn) waitUnlocked() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	c.mu.Unlock()
	enter()
	<-never
	c.mu.Lock()
	c.n++
}

// flushLoop locks, but flush lets go of it while it waits.
func (c *conn) flushLoop() {
	for c.n < 1000 {
		c.mu.Lock()
		c.flush()
		c.mu.Unlock()
	}
}

//go:noinline
func (c *conn) flush() {
	c.n++
	c.mu.Unlock()
	enter()
	<-never
	c.mu.Lock()
	c.n++
}

// read will lock and unlock when it returns.
func (c *conn) read() {
	defer func() {
		c.mu.Lock()
		c.n++
		c.mu.Unlock()
	}()
	enter()
	<-never
}

// hold holds the lock of c, from which one gets to that of the next.
func (c *conn) hold() {
	c.mu.Lock()
	defer func() {
		c.n++
		c.mu.Unlock()
	}()
	enter()
	<-never
}

// neighbour is the one whose next is c.
func (c *conn) neighbour() *conn {
	for _, other := range c.all.list {
		if other.next == c {
			return other
		}
	}
	return nil
}
