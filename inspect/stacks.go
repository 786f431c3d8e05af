package inspect

import (
	"context"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/progress"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// liveStack is one goroutine's stack as eachStack delivers it.
type liveStack struct {
	// Index is the goroutine's place in Process.Goroutines.
	Index int
	Trace stack.Trace
	// Live are the words on the stack, and of a running goroutine those in
	// its registers (frame 0, Conservative), that hold or may hold live
	// pointers, in order of frames. The slice is valid until visit returns.
	Live []stack.Pointer
	// Deferring says that frames may have deferred calls pending.
	Deferring bool
	// Err says that some frames could not be found or examined.
	Err error
}

// stackWorkers is how many workers eachStack has; visit gets their numbers.
func stackWorkers() int { return rt.Workers() }

// eachStack calls visit for every goroutine that is not dead, once, by several
// workers at a time and in no particular order: each stack is read once, in
// order of addresses as far as that helps. One worker's calls come one after
// the other. Goroutine.Trace costs nothing afterwards. With visit nil only the
// stacks are found.
func (p *Process) eachStack(ctx context.Context, visit func(worker int, s *liveStack)) error {
	if _, err := p.Goroutines(ctx); err != nil {
		return err
	}
	t := p.table.Load()
	order := rt.InOrder(len(t.raw), func(i int) uint64 { return uint64(t.raw[i].StackLo) })
	phase := progress.Begin(ctx, "stacks", len(t.raw))
	defer phase.End()
	return rt.InBatches(ctx, len(t.raw), stackBatch, func(worker int, next func() (from, to int)) {
		p.unwinder(func(u *stack.Unwinder) {
			var s liveStack
			pre := mem.NewPrefetch(p.Mem)
			for from, to := next(); from < to; from, to = next() {
				for i := from; i < to; i++ {
					if i%stackAhead == 0 {
						prefetch(pre, t, order, i, min(i+stackAhead, to))
					}
					s.Index = rt.Nth(order, i)
					if dead(p.RT.Status(&t.raw[s.Index])) {
						continue
					}
					s.Trace = p.traceOf(t, s.Index, u)
					if visit != nil {
						p.live(u, &t.raw[s.Index], &s)
						visit(worker, &s)
					}
				}
				phase.Add(to - from)
			}
		})
	})
}

// stackBatch is how many stacks a worker takes at once, stackAhead how many of
// them are brought into the processor's caches together, each up to stackUsed
// bytes: most parked goroutines use less.
const (
	stackBatch = 1024
	stackAhead = 16
	stackUsed  = 640
)

// prefetch brings the used parts of stacks into the caches, those from place
// from of the order up to place to, and the sudogs that the goroutines wait with.
func prefetch(pre *mem.Prefetch, t *table, order []uint32, from, to int) {
	for i := from; i < to; i++ {
		g := &t.raw[rt.Nth(order, i)]
		if g.SchedSP >= g.StackLo && g.SchedSP < g.StackHi {
			pre.Piece(g.SchedSP, int(min(g.StackHi-g.SchedSP, stackUsed)))
		}
		pre.Piece(g.Waiting, 1)
	}
}

// live fills in the pointers of s, which is the stack of g.
func (p *Process) live(u *stack.Unwinder, g *rt.G, s *liveStack) {
	s.Live, s.Err = u.Live(s.Trace, g.StackHi, p.RT.StackRoots(g))
	s.Deferring = g.Defer != 0 || u.Deferring()
	if regs, ok := p.running(g); ok {
		for _, w := range regs.General {
			if w != 0 {
				s.Live = append(s.Live, stack.Pointer{Value: mem.Addr(w), Kind: stack.Conservative})
			}
		}
	}
	if s.Trace.Err != nil {
		s.Err = s.Trace.Err
	}
}

// tracer gives the rooms below the stacks of goroutines.
type tracer struct{ p *Process }

func (t tracer) Trace(g *rt.G) stack.Trace { return t.p.trace(g) }

// Trace returns the goroutine's stack.
func (g *Goroutine) Trace() stack.Trace { return g.p.trace(g.G) }

// trace returns the stack of g, from the table where it is known.
func (p *Process) trace(g *rt.G) (tr stack.Trace) {
	t := p.table.Load()
	if t != nil {
		if i, ok := t.index(g); ok {
			if tr, ok := t.trace(p.syms, i); ok {
				return tr
			}
			p.unwinder(func(u *stack.Unwinder) { tr = p.traceOf(t, i, u) })
			return tr
		}
	}
	p.unwinder(func(u *stack.Unwinder) { tr = p.unwind(u, g) })
	return tr
}

// traceOf returns the stack of goroutine i, and puts it down if it is new.
func (p *Process) traceOf(t *table, i int, u *stack.Unwinder) stack.Trace {
	if tr, ok := t.trace(p.syms, i); ok {
		return tr
	}
	tr := p.unwind(u, &t.raw[i])
	if !dead(p.RT.Status(&t.raw[i])) {
		t.keep(i, tr)
	}
	return tr
}

// unwind walks the stack of g from where the runtime's own traceback would
// start (runtime.(*unwinder).initAt), or for a goroutine on a thread from the
// thread's registers.
func (p *Process) unwind(u *stack.Unwinder, g *rt.G) stack.Trace {
	start, err := p.start(g)
	if err != nil {
		return stack.Trace{Stack: p.syms.Empty(), Err: err}
	}
	return u.Unwind(start)
}
