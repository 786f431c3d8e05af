package wake

import (
	"context"
	"fmt"
	"strings"

	"rtdbg/inspect/heap"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
)

// Stacks gives the stacks of the goroutines of an Input, by their number there.
// It must be safe for concurrent use.
type Stacks interface {
	// Pointers calls visit with the value of every live pointer slot of the
	// stack of goroutine i and the index of its frame, innermost 0; exact
	// says that the compiler's maps prove the slot live, not that it merely
	// looks like a pointer. The error says that some frames could not be
	// examined.
	Pointers(i int, visit func(frame int, value mem.Addr, exact bool)) error
	// Func returns the function of physical frame number frame, as Pointers
	// counts them, and the number of that function among the frames that
	// outputs show, which count inlined functions too.
	Func(i, frame int) (name string, shown int)
	// Shape identifies the stack: equal for goroutines at the same place.
	Shape(i int) any
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
	state   []state
	// reaches are the objects that each goroutine refers to from its stack.
	reaches [][]*object
	byGoid  map[uint64]int
	notes   []string // what limits every answer
	// unreadable goroutines may do anything; limited says that memory is
	// missing in which there may be references.
	unreadable int
	limited    bool
}

// Input is what an Analyzer works on.
type Input struct {
	RT     *rt.Runtime
	Stacks Stacks
	Wait   *wait.Resolver
	// Heap may be nil; HeapErr then says why.
	Heap    *heap.Heap
	HeapErr error
	// Gs are all goroutines of the target; Unreadable is how many more
	// there are that could not be read.
	Gs         []rt.G
	Unreadable int
}

// New examines all goroutines of the target.
func New(ctx context.Context, in Input) (*Analyzer, error) {
	a := &Analyzer{rt: in.RT, stacks: in.Stacks, wait: in.Wait, heap: in.Heap, gs: in.Gs, unreadable: in.Unreadable,
		on: make([][]wait.On, len(in.Gs)), objects: make(map[mem.Addr]*object), byGoid: make(map[uint64]int, len(in.Gs))}
	if in.HeapErr != nil {
		a.notes = append(a.notes, "heap incomplete: "+in.HeapErr.Error())
	}
	if a.unreadable > 0 {
		a.notes = append(a.notes, fmt.Sprintf("%d goroutines could not be read and may do anything", a.unreadable))
	}
	if err := each(ctx, len(a.gs), func(_, i int) { a.on[i] = a.wait.On(&a.gs[i]) }); err != nil {
		return nil, err
	}
	for i := range a.gs {
		a.byGoid[a.gs[i].Goid] = i
	}
	a.collect()
	a.collectTimers()
	if err := a.scanStacks(ctx); err != nil {
		return nil, err
	}
	a.propagate()
	if err := a.reach(ctx); err != nil {
		return nil, err
	}
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
	hits := make([]hits, workers())
	err := each(ctx, len(a.gs), func(w, i int) {
		if !dead(a.rt.Status(&a.gs[i])) {
			a.scanStack(i, extents, byExtent, &hits[w])
		}
	})
	if err != nil {
		return err
	}
	bad := 0
	for w := range hits {
		for _, h := range hits[w].list {
			h.o.refs = append(h.o.refs, h.ref)
		}
		bad += hits[w].bad
	}
	if bad > 0 {
		a.notes = append(a.notes, fmt.Sprintf("the stacks of %d goroutines could not be read to their ends", bad))
	}
	a.indexRefs()
	return nil
}

// hits are the references that one worker found, in order of goroutines, one
// for each goroutine and object.
type hits struct {
	list []hit
	bad  int
}

type hit struct {
	o   *object
	ref stackRef
}

// scanStack adds the references of goroutine i.
func (a *Analyzer) scanStack(i int, extents *heap.Extents, byExtent map[mem.Addr][]*object, h *hits) {
	from := len(h.list)
	err := a.stacks.Pointers(i, func(frame int, value mem.Addr, exact bool) {
		x, ok := extents.Find(value)
		if !ok {
			return
		}
		name, _ := a.stacks.Func(i, frame)
		r := stackRef{g: i, frame: frame, exact: exact, own: !Plumbing(name)}
		for _, o := range byExtent[x.Start] {
			h.add(from, o, r)
		}
	})
	if err != nil {
		h.bad++
	}
}

// add records a reference to o, of which the goroutine whose hits begin at from
// keeps only the most telling one: exact, in the program's own code, innermost.
func (h *hits) add(from int, o *object, r stackRef) {
	for j := from; j < len(h.list); j++ {
		if h.list[j].o != o {
			continue
		}
		if last := &h.list[j].ref; r.score() > last.score() || r.score() == last.score() && r.frame < last.frame {
			*last = r
		}
		return
	}
	h.list = append(h.list, hit{o, r})
}

// indexRefs fills in which objects each goroutine refers to.
func (a *Analyzer) indexRefs() {
	a.reaches = make([][]*object, len(a.gs))
	for _, o := range a.order {
		for _, r := range o.refs {
			a.reaches[r.g] = append(a.reaches[r.g], o)
		}
	}
}

// Plumbing reports whether a function belongs to the packages that stand
// between a program and its waits.
func Plumbing(fn string) bool {
	for _, prefix := range [...]string{"runtime.", "sync.", "internal/sync.", "internal/poll.", "internal/runtime/", "syscall.", "time.Sleep", "internal/syscall/"} {
		if strings.HasPrefix(fn, prefix) {
			return true
		}
	}
	return false
}

func dead(s rt.Status) bool { return s == rt.Dead || s == rt.DeadExtra || s == rt.Idle }

// collectTimers finds the timers that feed the channels.
func (a *Analyzer) collectTimers() {
	if err := a.wait.TimersErr(); err != nil {
		a.notes = append(a.notes, "timers incomplete: "+err.Error())
	}
	for _, o := range a.order {
		if o.kind != wait.Chan {
			continue
		}
		if t, ok := a.wait.TimerOf(o.addr); ok {
			o.timer = &t
		}
	}
}
