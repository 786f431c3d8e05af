package wake

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"rtdbg/inspect/heap"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/stack"
	"rtdbg/inspect/wait"
)

// goroutine is what the analysis keeps of each goroutine.
type goroutine struct {
	// shape is the number of its stack in Analyzer.shapes.
	shape uint32
	// slots and nslots, waits and nwaits are its parts of its worker's
	// lists.
	slots, nslots uint32
	waits, nwaits uint32
	worker        uint8
	state         state
	// loose says that its stack could not be followed to its end: every
	// word of it may be a pointer.
	loose bool
	// deferring says that it may have deferred calls pending.
	deferring bool
	// lost says that it waits for something that was not found.
	lost bool
}

// waitRef is an object that a goroutine waits on.
type waitRef struct {
	wait.Ref
	// obj is the number of the object, -1 for what other goroutines do not
	// act on.
	obj int32
}

// slotRef is a pointer on a stack: the value with flags in its upper bits. The
// addresses of user space have 48 bits.
type slotRef struct {
	word uint64
	// inner and outer are the innermost and the outermost frame that hold
	// it, of those that are the program's own if there are any.
	inner, outer uint16
}

const (
	slotExact = 1 << 63
	slotOwn   = 1 << 62
	slotAddr  = 1<<48 - 1
)

func (s slotRef) value() mem.Addr { return mem.Addr(s.word & slotAddr) }

// scanner is what one worker collects in the pass over the stacks.
type scanner struct {
	a     *Analyzer
	id    int
	slots blocks[slotRef]
	waits blocks[waitRef]
	// held, wants and refs are those of the goroutine in hand.
	held  []slotRef
	wants []waitRef
	refs  []wait.Ref
	// shapes are the shapes that this worker met, shape the last of them.
	shapes map[*stack.Stack]*shape
	shape  *shape
	// bad counts the stacks that could not be read to their ends.
	bad int
}

// shape is what the goroutines with the same stack share.
type shape struct {
	num   uint32
	stack *stack.Stack
	// own says of each frame whether it is the program's own code, code
	// whether it is code that may act on an object, the library's included.
	own, code []bool
	// locking says that it is in the middle of locking something.
	locking bool
	// signals says that it is package os/signal's goroutine, which sends what
	// the process is sent (os/signal.loop).
	signals bool
}

// shapes numbers the stacks.
type shapes struct {
	mu    sync.Mutex
	index map[*stack.Stack]*shape
	list  []*shape
}

// of returns the shape of a stack.
func (s *shapes) of(a *Analyzer, st *stack.Stack) *shape {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh := s.index[st]; sh != nil {
		return sh
	}
	sh := &shape{num: uint32(len(s.list)), stack: st, own: make([]bool, len(st.Frames)), code: make([]bool, len(st.Frames))}
	for i := range sh.own {
		name, _ := a.stacks.Func(st, i)
		sh.locking = sh.locking || !slices.Contains(sh.own[:i], true) && locks(name)
		sh.signals = sh.signals || name == "os/signal.loop"
		sh.own[i], sh.code[i] = !Plumbing(name), !strings.HasPrefix(name, "runtime.")
	}
	s.index[st] = sh
	s.list = append(s.list, sh)
	return sh
}

// locks reports whether a function of package sync waits for a lock.
func locks(fn string) bool {
	switch strings.TrimPrefix(fn, "internal/") {
	case "sync.(*Mutex).lockSlow", "sync.(*Mutex).Lock", "sync.(*RWMutex).Lock", "sync.(*RWMutex).RLock":
		return true
	}
	return false
}

// scan reads every stack, once: what the goroutines wait on, and the pointers
// that they hold.
func (a *Analyzer) scan(ctx context.Context) error {
	a.shapes.index = make(map[*stack.Stack]*shape)
	a.workers = make([]scanner, a.stacks.Workers())
	for w := range a.workers {
		a.workers[w] = scanner{a: a, id: w, shapes: make(map[*stack.Stack]*shape)}
	}
	for i := range a.info {
		a.info[i].state = gone
	}
	if err := a.stacks.Each(ctx, func(w int, s *Stack) { a.workers[w].stack(s) }); err != nil {
		return err
	}
	bad := 0
	for w := range a.workers {
		bad += a.workers[w].bad
		a.workers[w].shapes, a.workers[w].held, a.workers[w].wants, a.workers[w].refs = nil, nil, nil, nil
	}
	if bad > 0 {
		a.notes = append(a.notes, fmt.Sprintf("the stacks of %d goroutines could not be read to their ends", bad))
	}
	return nil
}

// stack takes in one goroutine.
func (c *scanner) stack(s *Stack) {
	g := &c.a.info[s.Index]
	if st := s.Trace.Stack; c.shape == nil || st != c.shape.stack {
		if c.shape = c.shapes[st]; c.shape == nil {
			c.shape = c.a.shapes.of(c.a, st)
			c.shapes[st] = c.shape
		}
	}
	g.shape, g.worker, g.state, g.deferring = c.shape.num, uint8(c.id), stuck, s.Deferring
	if s.Err != nil {
		g.loose = true
		c.bad++
	}
	c.waiting(g, s)
	c.pointers(g, s)
}

// waiting notes what the goroutine waits on.
func (c *scanner) waiting(g *goroutine, s *Stack) {
	raw := &c.a.gs[s.Index]
	c.refs = c.a.wait.RefsOf(raw, *s.Trace, c.refs[:0])
	c.wants = c.wants[:0]
	for _, r := range c.refs {
		if r.Sudog != 0 {
			c.a.book(r.Sudog)
		}
		if r.Addr == 0 && !r.Nil || r.Kind() == wait.Bubble {
			g.lost = true
		}
		w := waitRef{Ref: r, obj: -1}
		if r.Addr == 0 || !hasGoroutineWakers(r.Kind()) {
			w.Addr = 0
		}
		c.wants = append(c.wants, w)
	}
	g.waits, g.nwaits = c.waits.add(c.wants), uint32(len(c.wants))
}

// pointers notes which objects the goroutine's stack refers to.
func (c *scanner) pointers(g *goroutine, s *Stack) {
	c.held = c.held[:0]
	own := c.shape.own
	for i := range s.Live {
		p := &s.Live[i]
		word := uint64(p.Value) & slotAddr
		if p.Kind != stack.Conservative {
			word |= slotExact
		}
		if p.Frame < len(own) && own[p.Frame] {
			word |= slotOwn
		}
		c.slot(p.Value, word, uint16(min(p.Frame, 1<<16-1)))
	}
	for _, r := range c.a.rt.StackRoots(&c.a.gs[s.Index]) {
		c.slot(r, uint64(r)&slotAddr|slotExact, 0)
	}
	g.slots, g.nslots = c.slots.add(c.held), uint32(len(c.held))
}

// nearby is how many of a goroutine's last pointers are compared with a new
// one, which is mostly one of them.
const nearby = 24

// slot notes one pointer.
func (c *scanner) slot(v mem.Addr, word uint64, frame uint16) {
	if c.a.interesting(v) {
		c.fold(v, word, frame)
	}
}

// fold puts a pointer to those of the goroutine, unless it is one of them.
func (c *scanner) fold(v mem.Addr, word uint64, frame uint16) {
	for i := len(c.held) - 1; i >= max(0, len(c.held)-nearby); i-- {
		s := &c.held[i]
		if s.value() != v {
			continue
		}
		switch was := s.word & slotOwn; {
		case was == 0 && word&slotOwn != 0:
			s.inner, s.outer = frame, frame
		case was != 0 && word&slotOwn == 0:
			return
		}
		s.inner, s.outer = min(s.inner, frame), max(s.outer, frame)
		s.word |= word
		return
	}
	c.held = append(c.held, slotRef{word, frame, frame})
}

// interesting reports whether v points to an object of the heap or to a
// package-level variable.
func (a *Analyzer) interesting(v mem.Addr) bool {
	if a.heap != nil && a.heap.In(v) {
		return !a.books.Has(v)
	}
	return a.rt.InData(v)
}

// book keeps the runtime's own books from counting as references: every
// goroutine descriptor is in allgs and leads through its sudogs to what it
// waits on, and the ends of stacks, which descriptors record too, are the
// beginnings of other objects.
func (a *Analyzer) book(at mem.Addr) {
	if a.books != nil {
		a.books.Add(at)
	}
}

// bookThreads does the same for the goroutines of threads and for Ps.
func (a *Analyzer) bookThreads() {
	if a.heap == nil {
		return
	}
	a.books = a.heap.NewSet()
	for i := range a.gs {
		a.books.Add(a.gs[i].Addr)
	}
	ms, err := a.rt.AllMs()
	if err != nil {
		a.notes = append(a.notes, "threads incomplete: "+err.Error())
	}
	for i := range ms {
		a.books.Add(ms[i].G0)
		a.books.Add(ms[i].GSignal)
	}
	ps, err := a.rt.AllPs()
	if err != nil {
		return // what they hold is then found through allp, and more
	}
	for i := range ps {
		a.books.Add(ps[i].Addr)
	}
}

// slotsOf are the pointers on the stack of goroutine i.
func (a *Analyzer) slotsOf(i int) []slotRef {
	g := &a.info[i]
	if g.state == gone {
		return nil
	}
	return a.workers[g.worker].slots.run(g.slots, int(g.nslots))
}

// waitsOf are the objects that goroutine i waits on.
func (a *Analyzer) waitsOf(i int) []waitRef {
	g := &a.info[i]
	if g.state == gone {
		return nil
	}
	return a.workers[g.worker].waits.run(g.waits, int(g.nwaits))
}

// extentOf returns what a pointer must point into to reach the object at a.
func (a *Analyzer) extentOf(at mem.Addr) (x heap.Extent, global bool) {
	if a.heap != nil {
		if o, ok := a.heap.Object(at); ok {
			if tiny(o) {
				return heap.Extent{Start: at, End: at + 1}, false
			}
			return heap.Extent{Start: o.Addr, End: o.Addr + mem.Addr(o.Size)}, false
		}
	}
	if !a.rt.InData(at) {
		return heap.Extent{Start: at, End: at + 1}, false
	}
	return a.variables.around(a, at), true
}

// tiny reports whether o may be several objects without pointers that the
// runtime put into one slot (tinyAllocator, malloc.go; 16 bytes since Go 1.3):
// a pointer to one of them leads to no other.
func tiny(o heap.Object) bool { return o.NoScan && o.Size <= 16 }
