package main

import (
	"sync"

	"rtdbgtargets/internal/truth"
)

// protocols are locks whose owner follows from what package sync does.
func protocols() {
	o := new(sync.Once)
	owner := start(func() { o.Do(func() { enter(); <-never }) })
	var waiters []int64
	for i := 0; i < 2; i++ {
		waiters = append(waiters, start(func() { enter(); o.Do(func() {}) }, truth.MutexLock...))
	}
	say("once", "protocol", o, []int64{owner}, waiters)

	c := sync.NewCond(new(sync.Mutex))
	mutex("condlock", "defer", c.L.(*sync.Mutex), func() {
		c.L.Lock()
		defer c.L.Unlock()
		enter()
		<-never
		c.Wait()
	})
}

// task is locked by who makes it and unlocked by who does it.
type task struct {
	mu   sync.Mutex
	done bool
}

func (t *task) finish() {
	t.done = true
	t.mu.Unlock()
}

func doTask(tasks <-chan *task) {
	t := <-tasks
	enter()
	<-never
	t.finish()
}

// keep is where tasks are that nobody has on its stack.
var keep = make(map[string]*task)

// handedOver are locks that another unlocks than locked.
func handedOver() {
	tasks := make(chan *task)
	t := new(task)
	go func() {
		t.mu.Lock()
		tasks <- t
	}()
	owner := start(func() { doTask(tasks) })
	heldBy("handed", "handover", &t.mu, owner)

	// The one that locked waits for the one that will unlock.
	both := new(task)
	done := make(chan struct{})
	owner = start(func() {
		both.mu.Lock()
		enter()
		<-never
		close(done)
		both.mu.Unlock()
	})
	heldBy("starter", "handover", &both.mu, owner)

	// The one that locked is gone, and nobody will unlock.
	orphan := new(task)
	locked := make(chan struct{})
	go func() {
		orphan.mu.Lock()
		close(locked)
	}()
	<-locked
	var waiters []int64
	for i := 0; i < 2; i++ {
		waiters = append(waiters, start(func() { enter(); orphan.mu.Lock(); orphan.mu.Unlock() }, truth.MutexLock...))
	}
	say("orphan", "handover", &orphan.mu, nil, waiters)

	// As before, with somebody who would lock it too, in time.
	kept := new(task)
	keep["kept"] = kept
	kept.mu.Lock()
	start(func() { lockLater(&kept.mu) })
	waiters = nil
	for i := 0; i < 2; i++ {
		waiters = append(waiters, start(func() { enter(); kept.mu.Lock(); defer kept.mu.Unlock() }, truth.MutexLock...))
	}
	say("kept", "handover", &kept.mu, nil, waiters)
}
