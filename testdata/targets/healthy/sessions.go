package main

import (
	"sync"
	"time"

	"rtdbgtargets/internal/scene"
	"rtdbgtargets/internal/truth"
)

// In these cases a lock is taken in a function that has returned, while those
// who wait for it hold another lock themselves.
func sessionCases() []scene.Case {
	return []scene.Case{
		{Name: "second-lock-of-session", Stage: secondLockOfSession},
		{Name: "session-changes-hands", Stage: sessionChangesHands},
		{Name: "lock-by-key", Stage: lockByKey},
	}
}

type account struct {
	limit   sync.Mutex
	balance sync.Mutex
	n       int
}

// both takes the two locks in order.
//
//go:noinline
func (a *account) both() {
	a.limit.Lock()
	a.balance.Lock()
	a.n++
	a.balance.Unlock()
	a.limit.Unlock()
}

type session struct{ of *account }

// open returns with the balance locked, if there is one to look at.
//
//go:noinline
func open(a *account) *session {
	a.balance.Lock()
	if a.n < 0 {
		a.balance.Unlock()
		return nil
	}
	return &session{a}
}

//go:noinline
func (s *session) end() { s.of.balance.Unlock() }

func secondLockOfSession(s *scene.Scene) {
	a := &account{}
	behind(s, 2, func() {
		x := open(a)
		time.Sleep(long)
		x.end()
	}, a.both)
}

// sessionChangesHands: who has locked is gone, and another will unlock.
func sessionChangesHands(s *scene.Scene) {
	a := &account{}
	sessions := make(chan *session)
	go func() { sessions <- open(a) }()
	s.Start("closer", func() {
		x := <-sessions
		time.Sleep(long)
		x.end()
	})
	truth.Await(s.ID("closer"), "sleep") // the session is open
	s.Start("behind", a.both)
}

type keyed struct {
	sync.RWMutex
	locks map[string]*sync.Mutex
}

//go:noinline
func (k *keyed) take(key string) {
	k.Lock()
	if k.locks[key] == nil {
		k.locks[key] = &sync.Mutex{}
	}
	k.locks[key].Lock()
	k.Unlock()
}

// lockByKey: who waits for the lock of a key holds the lock of the table, which
// its holder does not need.
func lockByKey(s *scene.Scene) {
	k := &keyed{locks: map[string]*sync.Mutex{}}
	behind(s, 2, func() {
		k.take("a")
		mu := k.locks["a"]
		time.Sleep(long)
		mu.Unlock()
	}, func() { k.take("a") })
}
