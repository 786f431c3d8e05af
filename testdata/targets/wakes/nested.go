package main

import "sync"

// nested are goroutines that hold several locks at a time, in an order that
// excludes deadlocks: each looks like one at times.
func nested() []shape {
	return []shape{
		{"philosophers", philosophers},
		{"transfer", transfers},
		{"two-locks", twoLocks},
		{"hand-over-hand", handOverHand},
		{"lock-matrix", lockMatrix},
		{"lock-tree", lockTree},
		{"lock-and-channel", lockAndChannel},
	}
}

// philosophers take the lower fork first.
func philosophers() {
	forks := make([]sync.Mutex, 5)
	dine := func(a, b *sync.Mutex) {
		a.Lock()
		defer a.Unlock()
		pause(1)
		b.Lock()
		defer b.Unlock()
		pause(2)
	}
	for i := range forks {
		a, b := &forks[i], &forks[(i+1)%len(forks)]
		if i == len(forks)-1 {
			a, b = b, a
		}
		go func() {
			for {
				dine(a, b)
				pause(1)
			}
		}()
	}
}

// transfers take the locks of two accounts out of a few in order of their number.
func transfers() {
	accounts := make([]account, 4)
	for i := 0; i < 5; i++ {
		go func() {
			for {
				from, to := chance(len(accounts)), chance(len(accounts))
				if from == to {
					continue
				}
				move(&accounts[min(from, to)], &accounts[max(from, to)])
			}
		}()
	}
}

func move(a, b *account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	pause(2)
	a.balance--
	b.balance++
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func max(a, b int) int { return -min(-a, -b) }

// store has a lock for its index and one for its data, taken in that order.
type store struct {
	index sync.Mutex
	data  sync.RWMutex
	n     int
}

func (s *store) put() {
	s.index.Lock()
	defer s.index.Unlock()
	pause(1)
	s.data.Lock()
	defer s.data.Unlock()
	pause(1)
	s.n++
}

func (s *store) look() int {
	s.data.RLock()
	defer s.data.RUnlock()
	pause(2)
	return s.n
}

func (s *store) compact() {
	s.index.Lock()
	pause(1)
	s.data.Lock()
	s.n = 0
	s.data.Unlock()
	s.index.Unlock()
}

func twoLocks() {
	s := new(store)
	for _, f := range []func(){s.put, s.put, s.compact, func() { s.look() }, func() { s.look() }} {
		f := f
		go func() {
			for {
				f()
				compute()
			}
		}()
	}
}

// link is a node of a list that is locked hand over hand.
type link struct {
	mu   sync.Mutex
	next *link
	n    int
}

func handOverHand() {
	var first *link
	for i := 0; i < 5; i++ {
		first = &link{next: first}
	}
	for i := 0; i < 4; i++ {
		go func() {
			for {
				walk(first)
				compute()
			}
		}()
	}
}

func walk(l *link) {
	l.mu.Lock()
	for l.next != nil {
		pause(1)
		l.next.mu.Lock()
		l.n++
		l.mu.Unlock()
		l = l.next
	}
	l.mu.Unlock()
}

// lockMatrix takes locks of a table row by row, those of a row in order.
func lockMatrix() {
	var table [3][3]sync.Mutex
	for i := 0; i < 5; i++ {
		go func() {
			for {
				row := &table[chance(3)]
				a := chance(2)
				lockBoth(&row[a], &row[a+1])
			}
		}()
	}
}

func lockBoth(a, b *sync.Mutex) {
	a.Lock()
	pause(1)
	b.Lock()
	pause(1)
	b.Unlock()
	a.Unlock()
}

// branch is a node of a tree whose locks are taken from the root down, and held.
type branch struct {
	sync.Mutex
	name string
	kids []*branch
}

func (b *branch) visit() {
	b.Lock()
	defer b.Unlock()
	pause(1)
	if len(b.kids) > 0 {
		b.kids[chance(len(b.kids))].visit()
	}
}

func lockTree() {
	root := &branch{name: "root"}
	for i := 0; i < 2; i++ {
		kid := &branch{kids: []*branch{{}, {}}}
		root.kids = append(root.kids, kid)
	}
	for i := 0; i < 4; i++ {
		go func() {
			for {
				root.visit()
				root.kids[chance(2)].visit()
			}
		}()
	}
}

// lockAndChannel hands values over while it holds a lock that the other side
// takes as well, for something else and before.
func lockAndChannel() {
	var mu, log sync.Mutex
	c := make(chan int)
	lines := 0
	for i := 0; i < 3; i++ {
		go func() {
			for {
				mu.Lock()
				c <- 1
				pause(1)
				mu.Unlock()
				compute()
			}
		}()
	}
	for {
		log.Lock()
		pause(1)
		lines++
		log.Unlock()
		<-c
	}
}
