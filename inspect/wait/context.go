package wait

import (
	"strings"
	"sync"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// Context is the context whose done channel a goroutine waits on.
type Context struct {
	// Addr is the address of the context.cancelCtx, whose cancellation closes
	// the channel; Type that of the context that holds it, such as
	// "*context.timerCtx", as far as the runtime's data tell.
	Addr mem.Addr `json:"addr"`
	Type string   `json:"type"`
	// WhenNS is the nanotime at which its own deadline cancels it, InNS the
	// time left at the instant of the capture.
	WhenNS *int64 `json:"when_ns,omitempty"`
	InNS   *int64 `json:"in_ns,omitempty"`
	// Timer is the runtime timer that does so, 0 if there is none.
	Timer mem.Addr `json:"-"`
	// Canceled says that it has been cancelled.
	Canceled bool `json:"canceled,omitempty"`
	// Children is the number of contexts that are cancelled with it.
	Children int `json:"children"`
	// Parents are the contexts that it was made from, the nearest first.
	// Those that can be cancelled cancel it, too.
	Parents []ContextLink `json:"parents,omitempty"`
}

// ContextLink is one context in a chain of parents.
type ContextLink struct {
	// Addr is the address of the context, for one that can be cancelled of
	// its cancelCtx.
	Addr mem.Addr `json:"addr"`
	Type string   `json:"type"`
	// Key is the type of the key of a context.WithValue.
	Key string `json:"key,omitempty"`
	// Cancels says that its cancellation cancels those made from it.
	Cancels bool   `json:"cancels,omitempty"`
	WhenNS  *int64 `json:"when_ns,omitempty"`
	InNS    *int64 `json:"in_ns,omitempty"`
}

// contexts are the contexts that were found, by done channel.
type contexts struct {
	mu     sync.Mutex
	byDone map[mem.Addr]*contextOf
	// itabs are the names of the types of context that words of the modules
	// are itabs of, "" for a word that is none of a known one.
	itabs map[mem.Addr]string
}

// contextOf is what is known of the context of one channel.
type contextOf struct {
	found *Context
	// tries is how many stacks were searched in vain.
	tries int
}

const (
	// maxContextTries bounds the stacks that are searched for the context of
	// one channel.
	maxContextTries = 4
	// maxContextScan bounds the part of a stack that is searched, in bytes.
	maxContextScan = 1 << 14
	// maxContextDepth bounds a chain of parents.
	maxContextDepth = 256
	// maxContexts bounds the channels that are remembered.
	maxContexts = 1 << 20
)

// Context returns the context whose done channel is c, found from the stack of
// g, which waits on it; nil if there is none or it was not found. It is exact:
// the context's done must be the channel.
func (r *Resolver) Context(g *rt.G, c mem.Addr) *Context {
	x := &r.contexts
	x.mu.Lock()
	defer x.mu.Unlock()
	known := x.byDone[c]
	switch {
	case known == nil && len(x.byDone) >= maxContexts:
		return nil
	case known == nil:
		if x.byDone == nil {
			x.byDone, x.itabs = make(map[mem.Addr]*contextOf), make(map[mem.Addr]string)
		}
		known = new(contextOf)
		x.byDone[c] = known
	}
	if known.found == nil && known.tries < maxContextTries {
		known.tries++
		known.found = r.contextOnStack(g, c)
	}
	return known.found
}

// ContextByDone returns the context whose done channel is c, given the address
// of a word that holds the channel's address; nil if the word is not that of a
// context. It is for those who find words in the heap.
func (r *Resolver) ContextByDone(slot, c mem.Addr) *Context {
	ctx, ok := r.rt.CancelCtxByDone(slot, c)
	if !ok {
		return nil
	}
	x := &r.contexts
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.itabs == nil {
		x.byDone, x.itabs = make(map[mem.Addr]*contextOf), make(map[mem.Addr]string)
	}
	if known := x.byDone[c]; known != nil && known.found != nil {
		return known.found
	}
	found := r.describeContext(&ctx, r.typeOfCancelCtx(ctx.Addr), 0)
	x.byDone[c] = &contextOf{found: found}
	return found
}

// contextOnStack searches the stack of g for a context whose done channel is c:
// an interface with a context, whose chain of parents leads to it, or a plain
// pointer to it.
func (r *Resolver) contextOnStack(g *rt.G, c mem.Addr) *Context {
	lo, hi := g.SchedSP, min(g.StackHi, g.SchedSP+maxContextScan)
	if lo < g.StackLo || lo >= hi {
		return nil
	}
	b, err := r.rt.Mem.View(lo, int(hi-lo)&^7)
	if err != nil {
		return nil
	}
	word := func(i int) mem.Addr { return mem.Addr(r.rt.Arch.Order.Uint64(b[i:])) }
	for i := 0; i+16 <= len(b); i += 8 {
		typ := r.contextType(word(i))
		if typ == "" {
			continue
		}
		if found := r.contextAbove(typ, word(i+8), c); found != nil {
			return found
		}
	}
	for i := 0; i+8 <= len(b); i += 8 {
		w := word(i)
		if !plausible(w) || w >= g.StackLo && w < g.StackHi || r.rt.InModules(w) {
			continue
		}
		if ctx, ok := r.rt.IsCancelCtx(w, c); ok {
			return r.describeContext(&ctx, r.typeOfCancelCtx(w), w)
		}
	}
	return nil
}

// contextType returns the type of the context whose itab w is, "" if w is no
// itab of a type that is known.
func (r *Resolver) contextType(w mem.Addr) string {
	if w%8 != 0 || !r.rt.InModules(w) {
		return ""
	}
	name, ok := r.contexts.itabs[w]
	if ok {
		return name
	}
	if name, _ = r.rt.ItabTypeName(w); !isContext(name) {
		name = ""
	}
	r.contexts.itabs[w] = name
	return name
}

// InContextInterface reports whether the word at slot is the data word of a
// context.Context: those who come from there have a context and not what
// cancels it.
func (r *Resolver) InContextInterface(slot mem.Addr) bool {
	w, err := r.rt.ReadWord(slot - mem.Addr(r.rt.Arch.PtrSize))
	tab := mem.Addr(w)
	if err != nil || tab%8 != 0 || !r.rt.InModules(tab) {
		return false
	}
	name, err := r.rt.ItabInterfaceName(tab)
	return err == nil && name == "context.Context"
}

// isContext reports whether a type is one of the contexts that are known.
func isContext(typ string) bool {
	return strings.HasPrefix(strings.TrimPrefix(typ, "*"), "context.") || typ == "*signal.signalCtx"
}

// contextAbove follows the parents of the context of type typ at a up to the one
// whose done channel is c.
func (r *Resolver) contextAbove(typ string, a, c mem.Addr) *Context {
	for range maxContextDepth {
		if cancel, ok := r.cancelCtxIn(typ, a); ok {
			if ctx, ok := r.rt.IsCancelCtx(cancel, c); ok {
				return r.describeContext(&ctx, typ, a)
			}
		}
		parent, ok, err := r.rt.ParentContext(typ, a)
		if !ok || err != nil || parent.Tab == 0 {
			return nil
		}
		if typ = r.contextType(mem.Addr(parent.Tab)); typ == "" {
			return nil
		}
		a = mem.Addr(parent.Data)
	}
	return nil
}

// cancelCtxIn returns the address of the cancelCtx in the context of type typ at
// a; ok is false for a context that cannot be cancelled itself.
func (r *Resolver) cancelCtxIn(typ string, a mem.Addr) (cancel mem.Addr, ok bool) {
	switch typ {
	case "*context.cancelCtx", "*context.afterFuncCtx":
		return a, true
	case "*context.timerCtx":
		t, err := r.rt.TimerCtxAt(a)
		return t.Cancel, err == nil
	}
	return 0, false
}

// typeOfCancelCtx returns the type of the context around the cancelCtx at a that
// was found without one: a timer that will cancel it proves that it has a
// deadline.
func (r *Resolver) typeOfCancelCtx(a mem.Addr) string {
	const plain, deadline = "*context.cancelCtx", "*context.timerCtx"
	t, err := r.rt.TimerCtxAt(a)
	if err != nil || t.Cancel != a || t.Timer == 0 {
		return plain
	}
	timer, err := r.rt.ReadTimer(t.Timer)
	if err != nil || timer.F == 0 || r.funcName(timer.F) != "time.goFunc" {
		return plain
	}
	// The function that the timer starts captures the context.
	fn := mem.Addr(timer.Arg.Data)
	for i := mem.Addr(1); i <= 4; i++ {
		if w, err := r.rt.ReadWord(fn + 8*i); err == nil && mem.Addr(w) == a {
			return deadline
		}
	}
	return plain
}

// describeContext says all of the context of type typ, at holder, that holds
// ctx.
func (r *Resolver) describeContext(ctx *rt.CancelCtx, typ string, holder mem.Addr) *Context {
	if holder == 0 {
		holder = ctx.Addr
	}
	c := &Context{Addr: ctx.Addr, Type: typ, Canceled: ctx.Err.Tab != 0}
	c.WhenNS, c.InNS, c.Timer = r.deadlineOf(typ, holder)
	c.Children, _ = r.rt.MapLen(ctx.Children)
	parent := ctx.Parent
	for len(c.Parents) < maxContextDepth && parent.Tab != 0 {
		name, err := r.rt.ItabTypeName(mem.Addr(parent.Tab))
		if err != nil {
			break
		}
		a := mem.Addr(parent.Data)
		link := ContextLink{Addr: a, Type: name}
		if cancel, ok := r.cancelCtxIn(name, a); ok {
			link.Addr, link.Cancels = cancel, true
		}
		link.WhenNS, link.InNS, _ = r.deadlineOf(name, a)
		if name == "*context.valueCtx" {
			if v, err := r.rt.ValueCtxAt(a); err == nil {
				link.Key, _ = r.rt.TypeName(mem.Addr(v.Key.Tab))
			}
		}
		c.Parents = append(c.Parents, link)
		var ok bool
		if parent, ok, err = r.rt.ParentContext(name, a); !ok || err != nil {
			break
		}
	}
	uncancellable(c.Parents)
	return c
}

// uncancellable takes back that contexts above a context.WithoutCancel cancel.
func uncancellable(parents []ContextLink) {
	cut := false
	for i := range parents {
		cut = cut || parents[i].Type == "context.withoutCancelCtx"
		if cut {
			parents[i].Cancels = false
		}
	}
}

// deadlineOf returns when a context's own deadline cancels it, and the timer
// that does so.
func (r *Resolver) deadlineOf(typ string, a mem.Addr) (when, in *int64, timer mem.Addr) {
	if typ != "*context.timerCtx" {
		return nil, nil, 0
	}
	t, err := r.rt.TimerCtxAt(a)
	if err != nil || t.Timer == 0 {
		return nil, nil, 0
	}
	tm, err := r.rt.ReadTimer(t.Timer)
	if err != nil || tm.When == 0 {
		return nil, nil, t.Timer
	}
	if tm.Fake {
		return ptr(tm.When), nil, t.Timer // the clock of its bubble is not known here
	}
	return ptr(tm.When), r.left(tm.When), t.Timer
}
