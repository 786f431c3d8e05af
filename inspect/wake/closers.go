package wake

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"rtdbg/inspect/code"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/wait"
)

// The limits on the search for those who can close a file descriptor.
const (
	// maxIndexed is how many pointers on stacks are indexed: with more,
	// nobody is named.
	maxIndexed = 1 << 20
	// maxClosers is how many groups of goroutines are named.
	maxClosers = 4
	// closerHops is how many objects may lie between a stack and the
	// descriptor, maxHolderSize their size in bytes.
	closerHops    = 2
	maxHolderSize = 4096
)

// stackIndex finds the stacks that hold pointers into a range.
type stackIndex struct {
	once sync.Once
	// list is in order of addresses.
	list []indexedSlot
}

type indexedSlot struct {
	at mem.Addr
	g  int32
	// slot is the number of the pointer among those of g.
	slot int32
}

// indexStacks fills the index of all pointers on stacks.
func (a *Analyzer) indexStacks() {
	total := 0
	for i := range a.info {
		total += len(a.slotsOf(i))
	}
	if total > maxIndexed {
		return
	}
	list := make([]indexedSlot, 0, total)
	for i := range a.info {
		for j, s := range a.slotsOf(i) {
			list = append(list, indexedSlot{s.value(), int32(i), int32(j)})
		}
	}
	slices.SortFunc(list, func(x, y indexedSlot) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.g, y.g), cmp.Compare(x.slot, y.slot))
	})
	a.onStacks.list = list
}

// closers are the goroutines that may end the IO wait of goroutine i by closing
// the descriptor, or by a deadline: those that refer to it, or to what goroutine
// i itself reaches it through, and go on to code that does so. It is no more
// than possible.
func (a *Analyzer) closers(i int, on *wait.On) []Waker {
	if a.heap == nil || a.code == nil || on.Socket == nil || on.Socket.FD == 0 {
		return nil
	}
	a.onStacks.once.Do(a.indexStacks)
	var list []closer
	byShape := make(map[uint32]int)
	seen := map[int32]bool{int32(i): true}
	for _, x := range a.waysTo(i, on.Socket.FD) {
		from, _ := slices.BinarySearchFunc(a.onStacks.list, x.Start, func(s indexedSlot, at mem.Addr) int { return cmp.Compare(s.at, at) })
		for _, s := range a.onStacks.list[from:] {
			if s.at >= x.End {
				break
			}
			if seen[s.g] {
				continue
			}
			c, ok := a.closer(s)
			if !ok {
				continue
			}
			seen[s.g] = true
			if at, known := byShape[c.shape]; known {
				list[at].members = append(list[at].members, s.g)
				continue
			}
			byShape[c.shape] = len(list)
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(x, y closer) int { return cmp.Compare(y.ability.can, x.ability.can) })
	var wakers []Waker
	for k := range list[:min(len(list), maxClosers)] {
		wakers = append(wakers, a.closerWaker(&list[k], on))
	}
	return wakers
}

// closer is goroutines with the same stack that may close a descriptor.
type closer struct {
	shape   uint32
	members []int32
	ability ability
	frame   int
	at      mem.Addr
}

// closer says whether the goroutine of a pointer goes on to close what it points
// to.
func (a *Analyzer) closer(s indexedSlot) (closer, bool) {
	r := a.slotsOf(int(s.g))[s.slot]
	c := closer{shape: a.info[s.g].shape, members: []int32{s.g}, frame: int(r.inner), at: s.at}
	if r.word&slotOwn == 0 {
		return c, false
	}
	c.ability = a.ability(abilityKey{c.shape, r.inner, r.outer, code.PollClose | code.PollDeadline})
	return c, c.ability.can != no
}

// waysTo are the extents of the objects through which goroutine i reaches the
// descriptor at fd, that which holds the descriptor first.
func (a *Analyzer) waysTo(i int, fd mem.Addr) []mem.Range {
	o, ok := a.heap.Object(fd)
	if !ok {
		return nil
	}
	ways := []mem.Range{{Start: o.Addr, End: o.Addr + mem.Addr(o.Size)}}
	for range closerHops {
		known := len(ways)
		for _, s := range a.slotsOf(i) {
			o, ok := a.heap.Object(s.value())
			if ok && o.Size <= maxHolderSize && !inAny(ways, o.Addr) && a.pointsTo(o.Addr, o.Size, ways[:known]) {
				ways = append(ways, mem.Range{Start: o.Addr, End: o.Addr + mem.Addr(o.Size)})
			}
		}
	}
	return ways
}

// pointsTo reports whether an object has a word that points into one of ranges.
func (a *Analyzer) pointsTo(at mem.Addr, size uint64, ranges []mem.Range) bool {
	b, err := a.rt.Mem.View(at, int(size))
	if err != nil {
		return false
	}
	for j := 0; j+8 <= len(b); j += 8 {
		if inAny(ranges, mem.Addr(a.rt.Arch.Order.Uint64(b[j:]))) {
			return true
		}
	}
	return false
}

func inAny(ranges []mem.Range, at mem.Addr) bool {
	return slices.ContainsFunc(ranges, func(r mem.Range) bool { return at >= r.Start && at < r.End })
}

// closerWaker describes those who may close a descriptor.
func (a *Analyzer) closerWaker(c *closer, on *wait.On) Waker {
	slices.Sort(c.members)
	sh := a.shapes.list[c.shape]
	name, shown := a.stacks.Func(sh.stack, c.frame)
	w := Waker{By: Goroutine, Goid: a.gs[c.members[0]].Goid, How: "close", Object: on.Addr, Certainty: Possible,
		Evidence: []string{fmt.Sprintf("frame %d %s refers to %v, through which the descriptor is used", shown, name, c.at)}}
	if c.ability.can == yes {
		if c.ability.ops&code.PollClose == 0 {
			w.How = "deadline"
		}
		w.Evidence = append(w.Evidence, a.abilityWords(sh, &c.ability))
	}
	w.Evidence = append(w.Evidence, a.statusWords(int(c.members[0]))...)
	if w.Count = len(c.members); w.Count == 1 {
		w.Count = 0
		return w
	}
	for _, m := range c.members[:min(w.Count, MaxGoids)] {
		w.Goids = append(w.Goids, a.gs[m].Goid)
	}
	return w
}
