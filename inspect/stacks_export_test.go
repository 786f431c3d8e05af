package inspect

import (
	"context"

	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// EachStack is eachStack for tests.
func (p *Process) EachStack(ctx context.Context, visit func(index int, t stack.Trace, live []stack.Pointer)) error {
	if visit == nil {
		return p.eachStack(ctx, nil)
	}
	return p.eachStack(ctx, func(_ int, s *liveStack) { visit(s.Index, s.Trace, s.Live) })
}

// ReadAlone returns the stack of g and the live pointers on it as an Unwinder
// finds them that has never seen another; running says that its registers
// count as well.
func (p *Process) ReadAlone(g *rt.G) (tr stack.Trace, live []stack.Pointer, running bool) {
	u := p.syms.NewUnwinder()
	tr = p.unwind(u, g)
	// Unreadable frames are eachStack's to tell of.
	_ = u.Pointers(tr, g.StackHi, p.RT.StackRoots(g), func(q stack.Pointer) { live = append(live, q) })
	_, running = p.running(g)
	return tr, live, running
}
