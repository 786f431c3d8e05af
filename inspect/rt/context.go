package rt

import (
	"fmt"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// contextPlans are the decoders of package context's types. A program that does
// not use one has none.
type contextPlans struct {
	cancel *layout.Plan[CancelCtx]
	timer  *layout.Plan[timerCtx]
	value  *layout.Plan[ValueCtx]
	// embeds is the offset in a timerCtx of the cancelCtx, pointer says that
	// it is a pointer to one (Go 1.20).
	embeds  mem.Addr
	pointer bool
}

func (p *contextPlans) compile(t *layout.Table) error {
	if s := t.Structs["context.timerCtx"]; s != nil {
		if f := s.Field("cancelCtx"); f != nil {
			p.embeds, p.pointer = mem.Addr(f.Off), f.Type[0] == '*'
		}
	}
	return firstError(
		bindOptional(&p.cancel, t, "context.cancelCtx"),
		bindOptional(&p.timer, t, "context.timerCtx"),
		bindOptional(&p.value, t, "context.valueCtx"),
	)
}

// CancelCtx is what context.WithCancel makes, and what lies in the contexts with
// a deadline and in those of AfterFunc (context.cancelCtx, context.go).
type CancelCtx struct {
	Addr mem.Addr `rt:"-"`

	// Parent is the context that it was made from: an itab and a pointer.
	Parent layout.Iface `rt:"Context"`
	// Done is the channel that is closed when it is cancelled, a type and a
	// pointer; zeros until somebody called Done.
	Done layout.Iface `rt:"done.v"`
	// Children is the map of those that are cancelled with it, 0 for none.
	Children mem.Addr `rt:"children"`
	// Err is why it was cancelled, zeros while it was not.
	Err layout.Iface `rt:"err.v|err"`
}

// timerCtx is a context with a deadline (context.timerCtx).
type timerCtx struct {
	Timer    mem.Addr `rt:"timer"`
	Deadline Time     `rt:"deadline"`
}

// ValueCtx is what context.WithValue makes (context.valueCtx).
type ValueCtx struct {
	Parent layout.Iface `rt:"Context"`
	// Key and Val are interfaces without methods: a type and a data word.
	Key layout.Iface `rt:"key"`
	Val layout.Iface `rt:"val"`
}

// Time is a time.Time (time/time.go).
type Time struct {
	Wall uint64 `rt:"wall"`
	Ext  int64  `rt:"ext"`
}

// CancelCtxAt reads the cancelCtx at a.
func (r *Runtime) CancelCtxAt(a mem.Addr) (CancelCtx, error) {
	var c CancelCtx
	err := read(r, r.plans.context.cancel, "context.cancelCtx", a, &c)
	c.Addr = a
	return c, err
}

// CancelCtxByDone returns the cancelCtx of which the word at slot holds the
// address of the done channel c: its done must be that channel, with the type
// chan struct {}.
func (r *Runtime) CancelCtxByDone(slot, c mem.Addr) (CancelCtx, bool) {
	p := r.plans.context.cancel
	if p == nil {
		return CancelCtx{}, false
	}
	off, ok := p.Offset("Done")
	a := slot - mem.Addr(off) - mem.Addr(r.Arch.PtrSize)
	if !ok || a > slot || a%8 != 0 {
		return CancelCtx{}, false
	}
	return r.cancelCtxOf(a, c)
}

// cancelCtxOf returns the cancelCtx at a if its done channel is c.
func (r *Runtime) cancelCtxOf(a, c mem.Addr) (CancelCtx, bool) {
	ctx, err := r.CancelCtxAt(a)
	if err != nil || c == 0 || mem.Addr(ctx.Done.Data) != c || !r.inTypes(mem.Addr(ctx.Done.Tab)) {
		return CancelCtx{}, false
	}
	name, err := r.TypeName(mem.Addr(ctx.Done.Tab))
	return ctx, err == nil && name == "chan struct {}"
}

// IsCancelCtx returns the cancelCtx at a if one lies there whose done channel
// is c. It needs no type of the object: any context that holds a cancelCtx
// begins with it but that of Go 1.20 with a deadline.
func (r *Runtime) IsCancelCtx(a, c mem.Addr) (CancelCtx, bool) {
	p := r.plans.context.cancel
	if p == nil {
		return CancelCtx{}, false
	}
	off, _ := p.Offset("Done")
	b, err := r.Mem.View(a+mem.Addr(off)+mem.Addr(r.Arch.PtrSize), r.Arch.PtrSize)
	if err != nil || mem.Addr(r.word(b)) != c {
		return CancelCtx{}, false
	}
	return r.cancelCtxOf(a, c)
}

// TimerCtx is a context with a deadline.
type TimerCtx struct {
	// Cancel is the address of its cancelCtx.
	Cancel mem.Addr
	// Timer is the runtime timer that will cancel it, 0 when it has been
	// stopped or its address is not known.
	Timer    mem.Addr
	Deadline Time
}

// TimerCtxAt reads the context.timerCtx at a.
func (r *Runtime) TimerCtxAt(a mem.Addr) (TimerCtx, error) {
	var w timerCtx
	p := &r.plans.context
	if err := read(r, p.timer, "context.timerCtx", a, &w); err != nil {
		return TimerCtx{}, err
	}
	t := TimerCtx{Cancel: a + p.embeds, Deadline: w.Deadline}
	if p.pointer {
		c, err := r.ReadWord(a + p.embeds)
		if err != nil {
			return t, err
		}
		t.Cancel = mem.Addr(c)
	}
	if w.Timer != 0 {
		t.Timer = r.TimerIn(w.Timer)
	}
	return t, nil
}

// TimerIn returns the runtime timer inside the time.Timer or time.Ticker at a
// (time.Timer.r up to Go 1.22, runtime.timeTimer.timer since), 0 if the layout
// is not known.
func (r *Runtime) TimerIn(a mem.Addr) mem.Addr {
	for _, at := range [...]struct{ typ, field string }{{"runtime.timeTimer", "timer"}, {"time.Timer", "r"}} {
		if off, _, err := r.Layout.Offset(at.typ, at.field); err == nil {
			return a + mem.Addr(off)
		}
	}
	return 0
}

// ValueCtxAt reads the context.valueCtx at a.
func (r *Runtime) ValueCtxAt(a mem.Addr) (ValueCtx, error) {
	var c ValueCtx
	err := read(r, r.plans.context.value, "context.valueCtx", a, &c)
	return c, err
}

// ParentContext returns the context that one of the type typ ("*context.valueCtx")
// with the data word a stands on; ok is false for one without a parent, as the
// background, and for a type that is not known to embed one.
func (r *Runtime) ParentContext(typ string, a mem.Addr) (parent layout.Iface, ok bool, err error) {
	switch typ {
	case "*context.cancelCtx", "*context.afterFuncCtx":
		c, err := r.CancelCtxAt(a)
		return c.Parent, true, err
	case "*context.timerCtx":
		t, err := r.TimerCtxAt(a)
		if err != nil {
			return layout.Iface{}, true, err
		}
		c, err := r.CancelCtxAt(t.Cancel)
		return c.Parent, true, err
	case "*context.valueCtx":
		c, err := r.ValueCtxAt(a)
		return c.Parent, true, err
	case "context.withoutCancelCtx", "context.stopCtx", "*signal.signalCtx":
		// The context that they stand on is the first field.
		w, err := r.readWords(a, 2)
		if err != nil {
			return layout.Iface{}, true, err
		}
		return layout.Iface{Tab: w[0], Data: w[1]}, true, nil
	}
	return layout.Iface{}, false, nil
}

// MapLen returns the number of entries of the map at a (runtime.hmap.count up to
// Go 1.23, internal/runtime/maps.Map.used since): the first word of both.
func (r *Runtime) MapLen(a mem.Addr) (int, error) {
	if a == 0 {
		return 0, nil
	}
	n, err := r.ReadWord(a)
	const most = 1 << 40
	if err == nil && n > most {
		return 0, fmt.Errorf("corrupt map of %d entries at %v", n, a)
	}
	return int(n), err
}
