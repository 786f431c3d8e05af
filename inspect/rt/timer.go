package rt

import (
	"fmt"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// Timer is a runtime timer (runtime.timer, time.go).
type Timer struct {
	Addr mem.Addr `rt:"-"`

	// When is the nanotime at which it fires, 0 when it is stopped or has
	// fired.
	When int64 `rt:"when"`
	// Period is the interval of a ticker in ns, 0 for a timer.
	Period int64 `rt:"period"`
	// F is the function value called when it fires, Arg its argument.
	F   mem.Addr     `rt:"f"`
	Arg layout.Iface `rt:"arg"`
	// NextWhen replaces When while the status is timerModified… (≤1.22).
	NextWhen int64 `rt:"nextwhen,optional"`
	// StatusNumber is the timer's status up to Go 1.22, State the bits
	// since Go 1.23.
	StatusNumber uint32 `rt:"status,optional"`
	State        uint8  `rt:"state,optional"`
	IsChan       bool   `rt:"isChan,optional"`
	// Blocked counts the goroutines that wait on the timer's channel
	// (1.23+); such a timer is in a heap only while there are some.
	Blocked uint32 `rt:"blocked,optional"`
	// Fake says that its time is that of a synctest bubble (1.24+).
	Fake bool `rt:"isFake,optional"`
}

// TimerEntry is a timer in the heap of a P.
type TimerEntry struct {
	Timer
	// P is the id of the P whose heap holds it.
	P int32
}

// ReadTimer reads the timer at a.
func (r *Runtime) ReadTimer(a mem.Addr) (Timer, error) {
	var t Timer
	if err := r.plans.timer.Read(r.Mem, a, &t); err != nil {
		return Timer{}, err
	}
	t.Addr = a
	r.settle(&t)
	return t, nil
}

// maxTimers bounds the heap of one P.
const maxTimers = 1 << 27

// Timers reads the timer heaps of all Ps.
func (r *Runtime) Timers(ps []P) ([]TimerEntry, error) {
	var list []TimerEntry
	err := r.EachTimer(ps, func(e *TimerEntry) { list = append(list, *e) })
	return list, err
}

// EachTimer calls visit for the timers in the heaps of all Ps, with an argument
// that is reused.
func (r *Runtime) EachTimer(ps []P, visit func(e *TimerEntry)) error {
	var e TimerEntry
	for i := range ps {
		addrs, err := r.timerAddrs(&ps[i])
		if err != nil {
			return err
		}
		for _, a := range addrs {
			e = TimerEntry{P: ps[i].ID}
			if e.Timer, err = r.ReadTimer(a); err != nil {
				return fmt.Errorf("p %d: timer heap: %w", ps[i].ID, err)
			}
			visit(&e)
		}
	}
	return nil
}

// timerAddrs returns the addresses of the timers in the heap of p, in the
// heap's order.
func (r *Runtime) timerAddrs(p *P) ([]mem.Addr, error) {
	addrs, err := r.heapOfTimers(p.Timers)
	if err != nil {
		return nil, fmt.Errorf("p %d: %w", p.ID, err)
	}
	return addrs, nil
}

// heapOfTimers returns the addresses of the timers in a heap.
func (r *Runtime) heapOfTimers(s layout.Slice) ([]mem.Addr, error) {
	entryWords := 1
	if r.Layout.Structs["runtime.timerWhen"] != nil {
		entryWords = 2 // timerWhen{timer, when}, since Go 1.23
	}
	if s.Len == 0 {
		return nil, nil
	}
	if s.Len > s.Cap || s.Len > maxTimers {
		return nil, fmt.Errorf("timer heap has length %d, capacity %d", s.Len, s.Cap)
	}
	w, err := r.readWords(mem.Addr(s.Ptr), int(s.Len)*entryWords)
	if err != nil {
		return nil, fmt.Errorf("timer heap: %w", err)
	}
	addrs := make([]mem.Addr, 0, s.Len)
	for j := 0; j < len(w); j += entryWords {
		if w[j] != 0 {
			addrs = append(addrs, mem.Addr(w[j]))
		}
	}
	return addrs, nil
}

// FuncPC returns the entry pc that a function value (a pointer to a closure)
// calls.
func (r *Runtime) FuncPC(fn mem.Addr) (mem.Addr, error) {
	w, err := r.ReadWord(fn)
	return mem.Addr(w), err
}
