package inspect

import (
	"sort"
	"sync"
	"sync/atomic"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// table is what is known of all goroutines beside their descriptors. What it
// holds of each is a few bytes.
type table struct {
	rt  *rt.Runtime
	raw []rt.G

	// addrs and goids are the goroutines in order of address and of id, made
	// when first asked for; nil where that is the order of raw.
	addrs, goids func() []uint32

	// stacks are the numbers of the stacks (stack.Stack.ID), 0 where not yet
	// known, odd where the trace is in odd.
	stacks []atomic.Uint32
	mu     sync.Mutex
	odd    map[uint32]stack.Trace
}

// inOdd is no number of a stack.
const inOdd = ^uint32(0)

func newTable(r *rt.Runtime, raw []rt.G) *table {
	t := &table{rt: r, raw: raw, stacks: make([]atomic.Uint32, len(raw)), odd: make(map[uint32]stack.Trace)}
	t.addrs = t.sorted(func(i int) uint64 { return uint64(raw[i].Addr) })
	t.goids = t.sorted(func(i int) uint64 { return raw[i].Goid })
	return t
}

// sorted returns the order of the goroutines by key, nil if that is theirs.
func (t *table) sorted(key func(i int) uint64) func() []uint32 {
	return sync.OnceValue(func() []uint32 {
		if sort.SliceIsSorted(t.raw, func(i, j int) bool { return key(i) < key(j) }) {
			return nil
		}
		return rt.Sorted(len(t.raw), key)
	})
}

// find returns the first goroutine for which least is true, in an order in
// which it is true from some goroutine on.
func (t *table) find(order []uint32, least func(g *rt.G) bool) (i int, ok bool) {
	n := sort.Search(len(t.raw), func(n int) bool { return least(&t.raw[rt.Nth(order, n)]) })
	if n == len(t.raw) {
		return 0, false
	}
	return rt.Nth(order, n), true
}

// byAddr returns the place of the goroutine whose descriptor lies at a.
func (t *table) byAddr(a mem.Addr) (int, bool) {
	i, ok := t.find(t.addrs(), func(g *rt.G) bool { return g.Addr >= a })
	return i, ok && t.raw[i].Addr == a
}

// byAddrAfter is byAddr for one that mostly is the goroutine behind number last.
func (t *table) byAddrAfter(a mem.Addr, last int) (int, bool) {
	if i := last + 1; i < len(t.raw) && t.raw[i].Addr == a {
		return i, true
	}
	return t.byAddr(a)
}

// byGoid returns the place of the goroutine with id goid; dead ones have none.
func (t *table) byGoid(goid uint64) (int, bool) {
	i, ok := t.find(t.goids(), func(g *rt.G) bool { return g.Goid >= goid })
	return i, ok && t.raw[i].Goid == goid && !dead(t.rt.Status(&t.raw[i]))
}

// index returns the place of g, which need not be of this table.
func (t *table) index(g *rt.G) (int, bool) {
	if int(g.Index) < len(t.raw) && &t.raw[g.Index] == g {
		return int(g.Index), true
	}
	return t.byAddr(g.Addr)
}

// trace returns the stack of goroutine i if it is known.
func (t *table) trace(syms *stack.Symbols, i int) (stack.Trace, bool) {
	switch id := t.stacks[i].Load(); id {
	case 0:
		return stack.Trace{}, false
	case inOdd:
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.odd[uint32(i)], true
	default:
		return stack.Trace{Stack: syms.Stack(id), SP: t.raw[i].SchedSP}, true
	}
}

// keep puts down the stack of goroutine i.
func (t *table) keep(i int, tr stack.Trace) {
	id := tr.Stack.ID
	if tr.Err != nil || tr.SP != t.raw[i].SchedSP {
		t.mu.Lock()
		t.odd[uint32(i)] = tr
		t.mu.Unlock()
		id = inOdd
	}
	t.stacks[i].Store(id)
}

// dead reports whether a descriptor with this status holds no goroutine.
func dead(s rt.Status) bool { return s == rt.Dead || s == rt.DeadExtra || s == rt.Idle }
