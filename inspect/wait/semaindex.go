package wait

import (
	"sync"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// semaPlace is a goroutine's place in the semaphore table.
type semaPlace struct {
	g, sema, sudog mem.Addr
}

// semaIndex finds the place of a goroutine: an open hash table over the list of
// places, since there can be a million.
type semaIndex struct {
	places []semaPlace
	// slots hold 1 + the index of a place, 0 for none; their number is a
	// power of two.
	slots []uint32
}

// readSemaTable indexes the semaphore table by goroutine.
func (r *Resolver) readSemaTable() (*semaIndex, error) {
	x := new(semaIndex)
	err := r.rt.EachSemaWaiter(func(sema mem.Addr, s *rt.Sudog) {
		x.places = append(x.places, semaPlace{s.G, sema, s.Addr})
	})
	x.index()
	return x, err
}

func (x *semaIndex) index() {
	n := 16
	for n < 2*len(x.places) {
		n *= 2
	}
	x.slots = make([]uint32, n)
	for i := range x.places {
		at := x.start(x.places[i].g)
		for x.slots[at] != 0 {
			at = (at + 1) & (len(x.slots) - 1)
		}
		x.slots[at] = uint32(i) + 1
	}
}

// start is the slot in which the search for a goroutine begins.
func (x *semaIndex) start(g mem.Addr) int {
	const golden = 0x9e3779b97f4a7c15
	return int(uint64(g)*golden>>32) & (len(x.slots) - 1)
}

func (x *semaIndex) find(g mem.Addr) (semaPlace, bool) {
	if x == nil || len(x.slots) == 0 {
		return semaPlace{}, false
	}
	for at := x.start(g); x.slots[at] != 0; at = (at + 1) & (len(x.slots) - 1) {
		if p := x.places[x.slots[at]-1]; p.g == g {
			return p, true
		}
	}
	return semaPlace{}, false
}

// condLists are the notifyLists that were found on stacks, each with the sudog
// of every goroutine in it; needed up to Go 1.25.
type condLists struct {
	mu     sync.Mutex
	byAddr map[mem.Addr]map[mem.Addr]mem.Addr
}

// maxCondLists bounds the addresses that are remembered as notifyLists.
const maxCondLists = 1 << 20

// placeIn returns the sudog with which g stands in the notifyList at a, 0 if it
// does not or there is no notifyList.
func (r *Resolver) placeIn(a, g mem.Addr) mem.Addr {
	l, err := r.rt.ReadNotifyList(a)
	if err != nil || l.Head == 0 || l.Tail == 0 || l.Wait == l.Notify {
		return 0
	}
	var head rt.Sudog
	if err := r.rt.LoadSudog(l.Head, &head); err != nil || int32(head.Ticket-l.Notify) < 0 || int32(l.Wait-head.Ticket) <= 0 {
		return 0
	}
	c := &r.conds
	c.mu.Lock()
	defer c.mu.Unlock()
	list, ok := c.byAddr[a]
	if !ok {
		list = make(map[mem.Addr]mem.Addr)
		waiters, _ := r.rt.NotifyListWaiters(a)
		for i := range waiters {
			list[waiters[i].G] = waiters[i].Addr
		}
		if c.byAddr == nil {
			c.byAddr = make(map[mem.Addr]map[mem.Addr]mem.Addr)
		}
		if len(c.byAddr) < maxCondLists {
			c.byAddr[a] = list
		}
	}
	return list[g]
}
