package inspect

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
)

// TimerDoes is what a timer does when it fires.
type TimerDoes string

// What timers do.
const (
	// TimerWakes ends a time.Sleep.
	TimerWakes TimerDoes = "wake"
	// TimerSends sends the time to a channel: time.After, NewTimer, NewTicker.
	TimerSends TimerDoes = "send"
	// TimerStarts starts a goroutine: time.AfterFunc, a context's deadline.
	TimerStarts TimerDoes = "start"
	// TimerDeadline ends the wait for a file descriptor.
	TimerDeadline TimerDoes = "deadline"
	// TimerCalls calls a function of the runtime's own.
	TimerCalls TimerDoes = "call"
)

// TimerRecord is a timer.
type TimerRecord struct {
	// Addr is the address of the runtime.timer, nil where it is not known:
	// of a timer that is in no heap, when its channel does not lead to it.
	Addr *mem.Addr `json:"addr"`
	TimerState
	Does TimerDoes `json:"does"`
	// Func is the function that it calls or starts, "" where it is unknown.
	Func string `json:"func,omitempty"`
	// P is the P in whose heap it is, nil for one that is in none.
	P *int32 `json:"p"`
	// Bubble is the synctest bubble on whose clock it runs, nil for none.
	Bubble *mem.Addr `json:"bubble,omitempty"`
	// Goid is the goroutine that it wakes from a sleep, or, with Chan or FD,
	// one that waits.
	Goid *uint64 `json:"goid,omitempty"`
	// Chan is the channel that it sends to, Waiting the number of goroutines
	// that wait to receive from it.
	Chan    *mem.Addr `json:"chan,omitempty"`
	Waiting int       `json:"waiting,omitempty"`
	// Context is the context that it cancels.
	Context *mem.Addr `json:"context,omitempty"`
	// FD is the file descriptor whose deadline it is.
	FD *int64 `json:"fd,omitempty"`
	// Never says that goroutines wait for it though it is stopped or has
	// fired.
	Never bool `json:"never,omitempty"`
}

// Timers returns the timers in the heaps of all Ps, the next to fire first, and
// behind them those that will never fire though goroutines wait for them, as
// channels of times for which there is no timer. With an error, what was read is
// returned.
func (p *Process) Timers(ctx context.Context) ([]TimerRecord, error) {
	ps, perr := p.RT.AllPs()
	entries, err := p.RT.Timers(ps)
	err = errors.Join(perr, err)
	waiting := make(map[mem.Addr]chanWaits)
	cerr := p.eachObject(ctx, func(k wait.Kind) bool { return k == wait.Chan }, func(waits []objectWait) {
		p.noteTimerChan(waiting, waits)
	})
	if cerr != nil {
		return nil, cerr
	}
	list := make([]TimerRecord, 0, len(entries))
	names := make(map[mem.Addr]string) // by code
	for i := range entries {
		t := &entries[i]
		if t.When == 0 {
			continue // stopped, and not yet taken out
		}
		rec := p.timerRecord(&t.Timer, names)
		rec.P = &t.P
		rec.awaited(waiting)
		list = append(list, rec)
	}
	slices.SortStableFunc(list, func(a, b TimerRecord) int { return cmp.Compare(*a.WhenNS, *b.WhenNS) })
	inBubbles, berr := p.bubbleTimers(ctx, waiting, names)
	list = append(list, inBubbles...)
	return append(list, p.neverFiring(waiting, names)...), errors.Join(err, berr)
}

// bubbleTimers are the timers of all synctest bubbles, those of each in the
// order in which they fire.
func (p *Process) bubbleTimers(ctx context.Context, waiting map[mem.Addr]chanWaits, names map[mem.Addr]string) ([]TimerRecord, error) {
	gs, err := p.Goroutines(ctx)
	if err != nil {
		return nil, err
	}
	var list []TimerRecord
	var errs []error
	seen := make(map[mem.Addr]bool)
	for _, g := range gs {
		a := g.Bubble
		if a == 0 || seen[a] {
			continue
		}
		seen[a] = true
		b, err := p.RT.ReadBubble(a)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		timers, err := p.RT.BubbleTimers(&b)
		errs = append(errs, err)
		slices.SortStableFunc(timers, func(x, y rt.Timer) int { return cmp.Compare(x.When, y.When) })
		for i := range timers {
			t := &timers[i]
			if t.When == 0 {
				continue
			}
			rec := p.timerRecord(t, names)
			in := t.When - b.Now
			rec.Bubble, rec.InNS = &a, &in
			rec.awaited(waiting)
			list = append(list, rec)
		}
	}
	return list, errors.Join(errs...)
}

// awaited notes who waits on the timer's channel, and takes that out of waiting.
func (t *TimerRecord) awaited(waiting map[mem.Addr]chanWaits) {
	if t.Chan == nil {
		return
	}
	w := waiting[*t.Chan]
	t.Goid, t.Waiting = orNil(w.first), w.n
	delete(waiting, *t.Chan)
}

// chanWaits is who waits on the channel of a timer.
type chanWaits struct {
	n     int
	first uint64
}

// noteTimerChan notes who waits on a channel, if it can be a timer's.
func (p *Process) noteTimerChan(waiting map[mem.Addr]chanWaits, waits []objectWait) {
	a := waits[0].ref.Addr
	if a == 0 {
		return
	}
	// The channel of a timer has a buffer of one.
	if c, err := p.RT.ReadChan(a); err != nil || c.DataQSiz != 1 {
		return
	}
	gs, _ := p.Goroutines(context.Background())
	waiting[a] = chanWaits{goroutinesIn(waits), gs[waits[0].g].Goid}
}

// neverFiring are the timers of those channels that no timer in a heap sends to.
func (p *Process) neverFiring(waiting map[mem.Addr]chanWaits, names map[mem.Addr]string) []TimerRecord {
	var list []TimerRecord
	for a, w := range waiting {
		rec := TimerRecord{Does: TimerSends, Never: true}
		if t, ok := p.wait().TimerOf(a); ok {
			rec = p.timerRecord(&t, names)
			rec.Never = t.When == 0
		} else if c, err := p.RT.ReadChan(a); err != nil || p.RT.ChanType(&c) != "chan time.Time" {
			continue
		}
		rec.Chan, rec.Goid, rec.Waiting = &a, orNil(w.first), w.n
		list = append(list, rec)
	}
	slices.SortFunc(list, func(a, b TimerRecord) int { return cmp.Compare(*a.Chan, *b.Chan) })
	return list
}

// timerRecord says what t does. names holds the names of functions that are
// known.
func (p *Process) timerRecord(t *rt.Timer, names map[mem.Addr]string) TimerRecord {
	rec := TimerRecord{Addr: addrOrNil(t.Addr), TimerState: *p.timerState(t), Does: TimerCalls}
	rec.Func = p.nameOf(t.F, names)
	arg := mem.Addr(t.Arg.Data)
	switch rec.Func {
	case "runtime.goroutineReady":
		rec.Does, rec.Goid = TimerWakes, p.goidOrNil(arg)
	case "time.sendTime":
		rec.Does, rec.Chan = TimerSends, addrOrNil(arg)
	case "time.goFunc":
		rec.Does, rec.Func = TimerStarts, p.nameOf(arg, names)
		rec.Context = p.contextOfTimer(t.Addr, arg)
	case "runtime.netpollDeadline", "runtime.netpollReadDeadline", "runtime.netpollWriteDeadline":
		rec.Does = TimerDeadline
		// The argument is the address of the pollDesc's field self.
		self, _ := p.RT.ReadWord(arg)
		if pd, err := p.RT.PollDesc(mem.Addr(self)); err == nil {
			fd := int64(pd.FD)
			rec.FD = &fd
			for _, g := range [...]mem.Addr{pd.RG, pd.WG} {
				if rec.Goid == nil && g > 2 {
					rec.Goid = p.goidOrNil(g)
				}
			}
		}
	}
	return rec
}

// nameOf is the name of the function that a function value calls; there are many
// timers and few functions.
func (p *Process) nameOf(fn mem.Addr, names map[mem.Addr]string) string {
	if fn == 0 {
		return ""
	}
	pc, err := p.RT.FuncPC(fn)
	if err != nil {
		return ""
	}
	name, ok := names[pc]
	if !ok {
		name = p.funcValueName(fn)
		names[pc] = name
	}
	return name
}

// contextOfTimer returns the context that the timer at a cancels by starting the
// function value fn: one of those that it captures has that timer.
func (p *Process) contextOfTimer(a, fn mem.Addr) *mem.Addr {
	const captured = 4
	for i := mem.Addr(1); i <= captured; i++ {
		w, err := p.RT.ReadWord(fn + 8*i)
		if err != nil {
			return nil
		}
		if ctx, err := p.RT.TimerCtxAt(mem.Addr(w)); err == nil && ctx.Timer == a {
			return &ctx.Cancel
		}
	}
	return nil
}
