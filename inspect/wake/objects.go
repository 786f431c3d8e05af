package wake

import (
	"sync"

	"rtdbg/inspect/heap"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
)

// object is something that goroutines wait on, with all its waiters.
type object struct {
	addr mem.Addr
	kind wait.Kind
	// extent is the heap object around addr, or addr alone where it is a
	// package-level variable or the heap is not known: a pointer anywhere
	// into it reaches the object.
	extent heap.Extent
	// global says that the object lies in a package-level variable.
	global bool
	// waiters are indexes of goroutines.
	waiters []int
	// refs are the goroutines with a live pointer into extent on their stack.
	refs []stackRef
	// reached says that somebody who can run reaches the object, through
	// the heap or package-level variables if not from his stack.
	reached bool
	// groups are the candidates among refs, computed when first asked for;
	// able are their members in order of goroutines.
	groupOnce sync.Once
	groups    []group
	able      []member
	// timer fires into the channel; nil if there is none.
	timer *rt.Timer
}

// stackRef is a goroutine's reference to an object.
type stackRef struct {
	g     int
	frame int
	exact bool
	// own says that the frame's function is the program's own.
	own bool
}

// score ranks the references of one goroutine to one object.
func (r stackRef) score() int {
	n := 0
	if r.exact {
		n += 2
	}
	if r.own {
		n++
	}
	return n
}

// pointer returns the extent of a single address.
func pointer(a mem.Addr) heap.Extent { return heap.Extent{Start: a, End: a + 1} }

// extentOf returns what a pointer must point into to reach the object at a.
func (a *Analyzer) extentOf(at mem.Addr) (x heap.Extent, global bool) {
	if a.heap != nil {
		if o, ok := a.heap.Object(at); ok {
			return heap.Extent{Start: o.Addr, End: o.Addr + mem.Addr(o.Size)}, false
		}
	}
	return pointer(at), a.rt.InData(at)
}

// collect lists the objects that goroutines wait on.
func (a *Analyzer) collect() {
	for i := range a.gs {
		for _, on := range a.waits(i) {
			if on.Addr == nil || !hasGoroutineWakers(on.Kind) {
				continue
			}
			o := a.objects[*on.Addr]
			if o == nil {
				o = &object{addr: *on.Addr, kind: on.Kind}
				o.extent, o.global = a.extentOf(o.addr)
				a.objects[o.addr] = o
				a.order = append(a.order, o)
			}
			if n := len(o.waiters); n == 0 || o.waiters[n-1] != i {
				o.waiters = append(o.waiters, i)
			}
		}
	}
}

// hasGoroutineWakers reports whether other goroutines end waits on kind by
// using the object.
func hasGoroutineWakers(kind wait.Kind) bool {
	switch kind {
	case wait.Chan, wait.Mutex, wait.RWMutex, wait.WaitGroup, wait.Cond, wait.Sema, wait.Coro:
		return true
	}
	return false
}

// how names the operation that ends a wait.
func how(kind wait.Kind, op wait.Op) string {
	switch kind {
	case wait.Chan:
		if op == wait.Send {
			return "recv"
		}
		return "send"
	case wait.Mutex, wait.RWMutex:
		return "unlock"
	case wait.WaitGroup:
		return "done"
	case wait.Cond:
		return "signal"
	case wait.Coro:
		return "resume"
	}
	return "release"
}
