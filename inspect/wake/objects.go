package wake

import (
	"context"
	"slices"

	"rtdbg/inspect/heap"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
)

// object is something that goroutines wait on, with all its waiters.
type object struct {
	addr mem.Addr
	kind wait.Kind
	// node is the heap object or variable that it lies in.
	node uint32
	// waiters is the beginning of its part of Analyzer.waiters, which ends
	// where that of the next object begins.
	waiters uint32
	// fires says that a timer will send to it.
	fires bool
	// reached says that somebody who can run reaches the object, through
	// the heap or package-level variables if not from his stack.
	reached bool
	// woken is, for each side of the object, the state to which its waiters
	// were raised by somebody who can act on it.
	woken [sides]state
}

// waiter is a goroutine that waits on an object, and what it wants of it: see
// side.
type waiter struct {
	g    int32
	role wait.OpNumber
}

// op is what it wants, as side takes it.
func (w waiter) op() wait.Op { return w.role.Op() }

// sides is how many kinds of waiters of one object are told apart.
const sides = 3

// side tells the kinds of waiters of an object apart that different
// goroutines wake: receivers and senders; those who want to lock, readers, and
// the writer that waits for readers, whose op is wait.Wait.
func side(op wait.Op) uint8 {
	switch op {
	case wait.Send, wait.RLock:
		return 1
	case wait.Wait:
		return 2
	}
	return 0
}

// roleOf is what a goroutine wants of an object, as side takes it.
func roleOf(r *waitRef) wait.Op {
	if r.Part == wait.WriterSem {
		return wait.Wait
	}
	return r.Op()
}

// node is a piece of memory that leads to objects: a heap object or a
// package-level variable in which one lies (level 0), or that holds a pointer
// to a node of a lower level.
type node struct {
	extent heap.Extent
	level  uint8
	global bool
	// crowded says that not all that hold it are known: they are too many.
	crowded bool
	// refs is the beginning of its part of Analyzer.refs, groups of
	// Analyzer.groups, holders of Analyzer.edges, held of Analyzer.downs,
	// objects of Analyzer.inNode; each part ends where the next node's begins.
	refs, groups, holders, held, objects uint32
}

// collect numbers the objects that goroutines wait on, in order of goroutines.
func (a *Analyzer) collect(ctx context.Context) error {
	firsts := a.numberObjects()
	a.objects = make([]object, len(firsts))
	extents := make([]heap.Extent, len(firsts))
	globals := make([]bool, len(firsts))
	if err := each(ctx, len(firsts), func(_, n int) {
		o := &a.objects[n]
		o.addr, o.kind = firsts[n].Addr, firsts[n].Kind()
		o.fires = o.kind == wait.Chan && a.wait.WillFire(o.addr)
		extents[n], globals[n] = a.extentOf(o.addr)
	}); err != nil {
		return err
	}
	a.nodeAt = newAddrIndex(a.heap, len(firsts)+len(firsts)/8)
	a.nodes = make([]node, 0, len(firsts)+len(firsts)/8)
	for n := range a.objects {
		a.objects[n].node = a.node(extents[n], 0, globals[n])
	}
	a.placeWaiters()
	return nil
}

// numberObjects numbers the objects and returns the first reference to each.
func (a *Analyzer) numberObjects() []*waitRef {
	total := 0
	for w := range a.workers {
		total += a.workers[w].waits.n
	}
	index := newAddrIndex(a.heap, total)
	firsts := make([]*waitRef, 0, total)
	last, lastAt := uint32(0), mem.Addr(0)
	for i := range a.info {
		ws := a.waitsOf(i)
		for j := range ws {
			w := &ws[j]
			if w.Addr == 0 {
				continue
			}
			if w.Addr != lastAt {
				isNew := false
				if last, isNew = index.add(w.Addr); isNew {
					firsts = append(firsts, w)
				}
				lastAt = w.Addr
			}
			w.obj = int32(last)
		}
	}
	a.objectAt = index
	return firsts
}

// placeWaiters lists the waiters of each object in order of goroutines.
func (a *Analyzer) placeWaiters() {
	count := make([]uint32, len(a.objects))
	for i := range a.info {
		ws := a.waitsOf(i)
		for j := range ws {
			if n := ws[j].obj; n >= 0 {
				count[n]++
			}
		}
	}
	at := uint32(0)
	for n := range a.objects {
		a.objects[n].waiters = at
		at += count[n]
		count[n] = a.objects[n].waiters
	}
	a.waiters = make([]waiter, at)
	writer := wait.WaitNumber()
	for i := range a.info {
		ws := a.waitsOf(i)
		for j := range ws {
			if w := &ws[j]; w.obj >= 0 {
				role := w.OpNumber()
				if w.Part == wait.WriterSem {
					role = writer
				}
				a.waiters[count[w.obj]] = waiter{int32(i), role}
				count[w.obj]++
			}
		}
	}
}

// placeObjects lists for each node the objects in it.
func (a *Analyzer) placeObjects() {
	a.inNode = make([]uint32, len(a.objects))
	for n := range a.inNode {
		a.inNode[n] = uint32(n)
	}
	slices.SortStableFunc(a.inNode, func(x, y uint32) int { return int(a.objects[x].node) - int(a.objects[y].node) })
	at := 0
	for n := range a.nodes {
		a.nodes[n].objects = uint32(at)
		for at < len(a.inNode) && a.objects[a.inNode[at]].node == uint32(n) {
			at++
		}
	}
}

// node returns the number of the node with an extent, which it makes if it is
// new.
func (a *Analyzer) node(x heap.Extent, level uint8, global bool) uint32 {
	n, isNew := a.nodeAt.add(x.Start)
	if isNew {
		a.nodes = append(a.nodes, node{extent: x, level: level, global: global})
	}
	return n
}

// waitersOf are the goroutines that wait on object n.
func (a *Analyzer) waitersOf(n int) []waiter {
	to := len(a.waiters)
	if n+1 < len(a.objects) {
		to = int(a.objects[n+1].waiters)
	}
	return a.waiters[a.objects[n].waiters:to]
}

// Awaited returns the address and the kind of object n.
func (a *Analyzer) Awaited(n int) (mem.Addr, wait.Kind) { return a.objects[n].addr, a.objects[n].kind }

// EachWaiter calls visit for those who wait on object n, in order of goroutines,
// with what each wants of it, as Awaits does.
func (a *Analyzer) EachWaiter(n int, visit func(g int32, op wait.Op)) {
	for _, w := range a.waitersOf(n) {
		visit(w.g, w.op())
	}
}

// timerOf returns the timer that will fire into object n.
func (a *Analyzer) timerOf(n int) (rt.Timer, bool) {
	if !a.objects[n].fires {
		return rt.Timer{}, false
	}
	return a.wait.TimerOf(a.objects[n].addr)
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
