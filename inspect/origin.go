package inspect

import (
	"strings"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
	"rtdbg/inspect/stack"
)

// origins are what the pcs in goroutine descriptors mean: there are few of
// them, whatever the number of goroutines.
type origins struct {
	starts   memo[mem.Addr, startFunc]
	creators memo[mem.Addr, string]
	wrapped  memo[startKey, string]
	places   memo[*stack.Stack, place]
}

// startFunc is the function at a startpc.
type startFunc struct {
	fn *pcln.Func // nil: unknown
	// system says that it is the runtime's own, unless it calls back into the
	// program, as those may for which callback is true.
	system, callback bool
}

// startKey is what tells the function behind a wrapper.
type startKey struct {
	pc    mem.Addr
	stack *stack.Stack
}

// startFunc returns what is known of the function that g runs.
func (g *Goroutine) startFunc() startFunc {
	s := g.p.syms
	return g.p.origins.starts.get(g.StartPC, func() startFunc {
		f := s.StartFunc(g.StartPC)
		if f == nil {
			return startFunc{}
		}
		return startFunc{fn: f, system: s.IsSystem(g.StartPC, false), callback: strings.HasPrefix(f.Name, "runtime.run")}
	})
}

// System reports whether the goroutine is the runtime's own, as the runtime
// sees it (runtime.isSystemGoroutine).
func (g *Goroutine) System() bool {
	f := g.startFunc()
	if !f.system || !f.callback {
		return f.system
	}
	return g.p.syms.IsSystem(g.StartPC, g.inUserCode())
}

// inUserCode reports whether a goroutine that runs finalizers or cleanups is
// executing one: a frame of it is not the runtime's.
func (g *Goroutine) inUserCode() bool {
	for _, ph := range g.Trace().Stack.Frames {
		if !strings.HasPrefix(ph.Func.Name, "runtime.") {
			return true
		}
	}
	return false
}

// CreatedBy returns the function whose go statement made the goroutine, "" for
// the main goroutine.
func (g *Goroutine) CreatedBy() string {
	if g.Goid == 1 {
		return ""
	}
	return g.p.origins.creators.get(g.GoPC, func() string {
		f, _ := g.p.syms.CreatedBy(g.GoPC)
		return f.Func
	})
}

// Start returns the function that the goroutine runs. The compiler wraps a go
// statement with arguments in a function of its own (main.main.gowrap1 since Go
// 1.22, main.main.func1 before); it is looked through where the stack shows
// what it called.
func (g *Goroutine) Start() string {
	f := g.startFunc().fn
	if f == nil {
		return ""
	}
	if f.ID != pcln.FuncIDWrapper {
		return f.Name
	}
	st := g.Trace().Stack
	return g.p.origins.wrapped.get(startKey{g.StartPC, st}, func() string { return behind(f, st) })
}

// behind returns the function that wrapper called in the outermost frames of
// st, itself where they do not show it.
func behind(wrapper *pcln.Func, st *stack.Stack) string {
	for i := len(st.Frames) - 1; i > 0; i-- {
		if st.Frames[i].Func.Entry != wrapper.Entry {
			continue
		}
		if lines := st.Frames[i].Lines(); len(lines) > 1 {
			return lines[len(lines)-2].Func
		}
		lines := st.Frames[i-1].Lines()
		return lines[len(lines)-1].Func
	}
	return wrapper.Name
}
