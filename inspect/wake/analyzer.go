package wake

import (
	"context"
	"fmt"

	"rtdbg/inspect/heap"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
)

// Stacks gives the stacks of goroutines.
type Stacks interface {
	// Pointers calls visit with the value of every live pointer slot of g's
	// stack and the index of its frame, innermost 0; exact says that the
	// compiler's maps prove the slot live, not that it merely looks like a
	// pointer. The error says that some frames could not be examined.
	Pointers(g *rt.G, visit func(frame int, value mem.Addr, exact bool)) error
	// Func returns the function of frame number frame.
	Func(g *rt.G, frame int) string
	// Shape identifies the stack: equal for goroutines at the same place.
	Shape(g *rt.G) any
}

// Analyzer finds wakers in one stopped instant. It is built once for all
// goroutines: its cost is linear in their stacks.
type Analyzer struct {
	rt     *rt.Runtime
	stacks Stacks
	wait   *wait.Resolver
	heap   *heap.Heap // nil if it could not be read

	gs      []rt.G
	on      [][]wait.On
	objects map[mem.Addr]*object
	order   []*object
	timers  map[mem.Addr]rt.Timer // by channel, those that send into it
	state   []state
	byGoid  map[uint64]int
	notes   []string // what limits every answer
}

// Input is what an Analyzer works on.
type Input struct {
	RT     *rt.Runtime
	Stacks Stacks
	Wait   *wait.Resolver
	// Heap may be nil; HeapErr then says why.
	Heap    *heap.Heap
	HeapErr error
	// Gs are all goroutines of the target.
	Gs []rt.G
	// TimerFunc names the function that a function value calls.
	TimerFunc func(fn mem.Addr) string
}

// New examines all goroutines of the target.
func New(ctx context.Context, in Input) (*Analyzer, error) {
	a := &Analyzer{rt: in.RT, stacks: in.Stacks, wait: in.Wait, heap: in.Heap, gs: in.Gs,
		on: make([][]wait.On, len(in.Gs)), objects: make(map[mem.Addr]*object), byGoid: make(map[uint64]int, len(in.Gs))}
	if in.HeapErr != nil {
		a.notes = append(a.notes, "heap incomplete: "+in.HeapErr.Error())
	}
	for i := range a.gs {
		a.on[i] = a.wait.On(&a.gs[i])
		a.byGoid[a.gs[i].Goid] = i
	}
	a.collect()
	a.collectTimers(in.TimerFunc)
	if err := a.scanStacks(ctx); err != nil {
		return nil, err
	}
	a.propagate()
	if err := a.searchHeap(ctx); err != nil {
		return nil, err
	}
	a.settle()
	return a, nil
}

func (a *Analyzer) waits(i int) []wait.On { return a.on[i] }

// scanStacks records which goroutines refer to which objects.
func (a *Analyzer) scanStacks(ctx context.Context) error {
	byExtent := make(map[mem.Addr][]*object)
	var list []heap.Extent
	for _, o := range a.order {
		list = append(list, o.extent)
	}
	extents := heap.NewExtents(list)
	for _, o := range a.order {
		x, _ := extents.Find(o.extent.Start)
		byExtent[x.Start] = append(byExtent[x.Start], o)
	}
	var bad int
	for i := range a.gs {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		g := &a.gs[i]
		if dead(a.rt.Status(g)) {
			continue
		}
		err := a.stacks.Pointers(g, func(frame int, value mem.Addr, exact bool) {
			x, ok := extents.Find(value)
			if !ok {
				return
			}
			for _, o := range byExtent[x.Start] {
				o.addRef(stackRef{g: i, frame: frame, exact: exact})
			}
		})
		if err != nil {
			bad++
		}
	}
	if bad > 0 {
		a.notes = append(a.notes, fmt.Sprintf("the stacks of %d goroutines could not be read to their ends", bad))
	}
	return nil
}

// addRef records a reference, one for each goroutine: the innermost exact one.
func (o *object) addRef(r stackRef) {
	if n := len(o.refs); n > 0 && o.refs[n-1].g == r.g {
		if r.exact && !o.refs[n-1].exact {
			o.refs[n-1] = r
		}
		return
	}
	o.refs = append(o.refs, r)
}

func dead(s rt.Status) bool { return s == rt.Dead || s == rt.DeadExtra || s == rt.Idle }

// collectTimers indexes the timers that feed channels.
func (a *Analyzer) collectTimers(funcName func(mem.Addr) string) {
	a.timers = make(map[mem.Addr]rt.Timer)
	ps, err := a.rt.AllPs()
	if err != nil {
		a.notes = append(a.notes, "timers incomplete: "+err.Error())
	}
	entries, err := a.rt.Timers(ps)
	if err != nil {
		a.notes = append(a.notes, "timers incomplete: "+err.Error())
	}
	for i := range entries {
		if t := &entries[i]; t.Arg.Data != 0 && funcName(t.F) == "time.sendTime" {
			a.timers[mem.Addr(t.Arg.Data)] = t.Timer
		}
	}
	for _, o := range a.order {
		if o.kind != wait.Chan {
			continue
		}
		if t, ok := a.timers[o.addr]; ok {
			o.timer = &t
			continue
		}
		if c, err := a.rt.ReadChan(o.addr); err == nil && c.Timer != 0 {
			if t, err := a.rt.ReadTimer(c.Timer); err == nil {
				o.timer = &t
			}
		}
	}
}

// searchHeap looks for references from outside of stacks to the objects whose
// waiters no goroutine was found to wake.
func (a *Analyzer) searchHeap(ctx context.Context) error {
	if a.heap == nil {
		return nil
	}
	var list []heap.Extent
	byStart := make(map[mem.Addr][]*object)
	for _, o := range a.order {
		if !a.anyWaiter(o, stuck) {
			continue
		}
		list = append(list, o.extent)
	}
	if len(list) == 0 {
		return nil
	}
	extents := heap.NewExtents(list)
	for _, o := range a.order {
		if x, ok := extents.Find(o.extent.Start); ok {
			o.searched = true
			byStart[x.Start] = append(byStart[x.Start], o)
		}
	}
	err := a.heap.Referrers(ctx, extents, func(r heap.Reference) {
		for _, o := range byStart[r.Target.Start] {
			switch {
			case r.Global:
				o.globalRefs++
			case r.Slot >= o.extent.Start && r.Slot < o.extent.End:
				// The object's own words, such as hchan.buf.
			case a.isSudogOf(r, o):
			default:
				o.heapRefs++
			}
		}
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		a.notes = append(a.notes, "heap incomplete: "+err.Error())
	}
	return nil
}

// isSudogOf reports whether a reference comes from a sudog that waits on o:
// the wait itself, which wakes nobody.
func (a *Analyzer) isSudogOf(r heap.Reference, o *object) bool {
	size := uint64(0)
	if s := a.rt.Layout.Structs["runtime.sudog"]; s != nil {
		size = s.Size
	}
	if size == 0 || r.Holder.Size < size {
		return false
	}
	s, err := a.rt.ReadSudog(r.Holder.Addr)
	inside := func(at mem.Addr) bool { return at >= o.extent.Start && at < o.extent.End }
	if err != nil || !inside(s.C) && !inside(s.Elem) {
		return false
	}
	g, err := a.rt.ReadG(s.G)
	return err == nil && a.rt.Parked(&g) && r.Slot < r.Holder.Addr+mem.Addr(size)
}

func (a *Analyzer) anyWaiter(o *object, s state) bool {
	for _, i := range o.waiters {
		if a.state[i] == s {
			return true
		}
	}
	return false
}
