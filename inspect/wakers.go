package inspect

import (
	"context"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/stack"
	"rtdbg/inspect/wake"
)

// Wakers says for each of the goroutines who can wake it.
func (p *Process) Wakers(ctx context.Context, gs []*Goroutine) ([]wake.Answer, error) {
	a, err := p.analysis(ctx)
	if err != nil {
		return nil, err
	}
	answers := make([]wake.Answer, len(gs))
	for i, g := range gs {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		answers[i] = a.Answer(g.index)
	}
	return answers, nil
}

// analysis examines all goroutines, once. One that was interrupted is begun
// anew by the next caller.
func (p *Process) analysis(ctx context.Context) (*wake.Analyzer, error) {
	if _, err := p.Goroutines(ctx); err != nil {
		return nil, err
	}
	p.wakeMu.Lock()
	defer p.wakeMu.Unlock()
	if p.analyzer != nil {
		return p.analyzer, nil
	}
	h, herr := p.spans(ctx)
	a, err := wake.New(ctx, wake.Input{
		RT: p.RT, Stacks: roots{p}, Wait: p.wait(), Heap: h, HeapErr: herr, Gs: p.rawGs, Unreadable: p.unreadable,
	})
	if err != nil {
		return nil, err
	}
	p.analyzer = a
	return a, nil
}

// funcValueName names the function that a function value calls, "" if it is
// unknown.
func (p *Process) funcValueName(fn mem.Addr) string {
	pc, err := p.RT.FuncPC(fn)
	if err != nil {
		return ""
	}
	if f := p.pcln.Func(pc); f != nil {
		return f.Name
	}
	return ""
}

// roots gives the wake analysis what it needs of stacks.
type roots struct{ p *Process }

// Pointers visits the live pointers on the stack of goroutine number i.
func (r roots) Pointers(i int, visit func(frame int, value mem.Addr, exact bool)) error {
	g := r.p.gs[i]
	t := g.Trace()
	var err error
	r.p.unwinder(func(u *stack.Unwinder) {
		err = u.Pointers(t, g.StackHi, r.p.RT.StackRoots(g.G), func(ptr stack.Pointer) {
			visit(ptr.Frame, ptr.Value, ptr.Kind != stack.Conservative)
		})
	})
	if regs, ok := r.p.running(g.G); ok {
		for _, w := range regs.General {
			if w != 0 {
				visit(0, mem.Addr(w), false)
			}
		}
	}
	if t.Err != nil {
		return t.Err
	}
	return err
}

// Func names the function of a physical frame, and its number when inlined
// functions count too.
func (r roots) Func(i, frame int) (name string, shown int) {
	frames := r.p.gs[i].Trace().Stack.Frames
	if frame < 0 || frame >= len(frames) {
		return "", frame
	}
	for j := range frame + 1 {
		shown += len(frames[j].Lines())
	}
	return r.p.printed(frames[frame].Func.Name), shown - 1
}

// Shape identifies the stack of goroutine number i.
func (r roots) Shape(i int) any { return r.p.gs[i].Trace().Stack }
