package wait

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// Stacks gives the stack of a goroutine. It must be safe for concurrent use.
type Stacks interface {
	Trace(g *rt.G) stack.Trace
}

// Resolver finds what goroutines wait on. The tables that it needs (semaphore
// queues, run queues) are read once, when first asked for. It is safe for
// concurrent use.
type Resolver struct {
	rt     *rt.Runtime
	stacks Stacks
	// nowNS is the nanotime of the capture; meaningful if nowKnown.
	nowNS    int64
	nowKnown bool
	rows     map[string]*Row
	// byNumber are the rows by the number of the reason in this runtime, nil
	// for one that is not known.
	byNumber []*Row

	sema lazy[*semaIndex]
	runq lazy[runQueues]
	// timers are the timers in the heaps that send to channels, by channel.
	timers lazy[map[mem.Addr]rt.Timer]
	// funcName names the function that a function value calls.
	funcName func(fn mem.Addr) string
	symbol   func(name string) (mem.Addr, bool)
	selects  func(pc mem.Addr) (SelectCall, bool)
	kernel   func(thread uint64) (KernelWait, bool)
	args     func(t stack.Trace, f *stack.Frame) string
	dirs     directions
	roles    sync.Map // *stack.Stack → *stackRole
	lastRole atomic.Pointer[stackRole]
	sockets  sync.Map // *stack.Stack → mem.Addr: offset of the FD from its SP
	// selectCalls are the calls of selectgo, by return address; without cases
	// those that are not understood.
	selectCalls sync.Map // mem.Addr → SelectCall
	conds       condLists
	contexts    contexts
	handlers    lazy[signalHandlers]
	// lists are the places of goroutines in the runtime's lists, by wait reason.
	lists    lazy[map[string]map[mem.Addr]int]
	subjects sync.Pool // of *subject
	hints    hints
}

// lazy is a value that is computed once, with its error.
type lazy[T any] struct {
	once sync.Once
	v    T
	err  error
}

func (l *lazy[T]) get(f func() (T, error)) (T, error) {
	l.once.Do(func() { l.v, l.err = f() })
	return l.v, l.err
}

// finder appends to dst what a goroutine whose reason is that of the row waits
// on. It must not allocate but for dst.
type finder func(r *Resolver, s *subject, row *Row, dst []Ref) []Ref

// Input is what a Resolver works on.
type Input struct {
	RT     *rt.Runtime
	Stacks Stacks
	// FuncName names the function that a function value calls, "" if that
	// is unknown.
	FuncName func(fn mem.Addr) string
	// Symbol looks package-level variables up; nil, or false, for a program
	// without symbols.
	Symbol func(name string) (mem.Addr, bool)
	// SelectCall says how the function at pc, the return address of a call of
	// runtime.selectgo, makes that call; nil if code is not understood.
	SelectCall func(pc mem.Addr) (SelectCall, bool)
	// Kernel says of a thread in which system call it is; nil if that is not
	// known of any.
	Kernel func(thread uint64) (KernelWait, bool)
	// Args prints the arguments of a frame as tracebacks do; nil if they are
	// not known.
	Args func(t stack.Trace, f *stack.Frame) string
	// NowNS is the nanotime of the capture in ns, if NowKnown.
	NowNS    int64
	NowKnown bool
}

// NewResolver returns a Resolver for one stopped instant.
func NewResolver(in Input) *Resolver {
	res := &Resolver{rt: in.RT, stacks: in.Stacks, funcName: in.FuncName, symbol: in.Symbol, selects: in.SelectCall, args: in.Args, kernel: in.Kernel,
		nowNS: in.NowNS, nowKnown: in.NowKnown,
		rows: make(map[string]*Row)}
	rows := Rows()
	for i := range rows {
		rows[i].ref = ref(rows[i].Kind, rows[i].Op)
		res.rows[rows[i].Reason] = &rows[i]
	}
	for _, reason := range in.RT.WaitReasons() {
		res.byNumber = append(res.byNumber, res.rows[reason])
	}
	return res
}

// Row returns the row of g's wait reason; ok is false if g is not waiting or
// its reason is unknown.
func (r *Resolver) Row(g *rt.G) (row Row, ok bool) {
	if p := r.row(g); p != nil {
		return *p, true
	}
	return Row{}, false
}

// Class returns who ends the wait of g: Executing for a goroutine that is on
// a thread whatever its status says.
func (r *Resolver) Class(g *rt.G) Class {
	row := r.row(g)
	switch {
	case row == nil, g.M != 0:
		return Executing
	case row.Class == ByGoroutine && row.Kind == Chan && g.Waiting == 0:
		return ByNobody // a select of nil channels only
	case row.Kind == Sema:
		if s, _, ok := r.RuntimeSema(g); ok {
			return s.Class
		}
	}
	return row.Class
}

// On returns what g waits on: nothing for a goroutine that runs or is dead,
// one entry for each case of a select.
func (r *Resolver) On(g *rt.G) []On {
	switch r.rt.Status(g) {
	case rt.Waiting, rt.Leaked:
		return r.waiting(g)
	case rt.Syscall:
		return []On{r.syscall(g)}
	case rt.Runnable:
		return []On{r.runnable(g)}
	case rt.Preempted:
		return []On{{Kind: Runtime, Op: Resume, Note: "suspended at a safepoint; the runtime code that asked for it resumes it"}}
	}
	return nil
}

func (r *Resolver) waiting(g *rt.G) []On {
	row := r.row(g)
	switch {
	case row == nil:
		return []On{{Kind: Runtime, Op: Wait, Note: fmt.Sprintf("wait reason %q is not known to rtdbg", r.rt.WaitReason(g))}}
	case g.M != 0:
		return []On{{Kind: row.Kind, Op: row.Op, Note: "executing on the system stack: " + row.Who}}
	case row.find == nil:
		return []On{{Kind: row.Kind, Op: row.Op, Note: "ended by " + row.Who + r.parked(g, row.Reason)}}
	}
	s := subject{G: g, r: r}
	var few [4]Ref
	var list []On
	for _, ref := range row.find(r, &s, row, few[:0]) {
		list = append(list, r.describe(&s, row, ref))
	}
	if row.Kind == Chan {
		list = r.wholeSelect(&s, list)
	}
	return list
}

// TimerOf returns the timer that sends to the channel at c: the one that the
// channel names (since Go 1.23), or the one in a heap whose function is
// time.sendTime and whose argument is the channel, as before and with GODEBUG
// asynctimerchan=1. Its When is 0 when it is stopped or has fired.
func (r *Resolver) TimerOf(c mem.Addr) (rt.Timer, bool) {
	if h, err := r.rt.ReadChanEnds(c); err == nil && h.Timer != 0 {
		if t, err := r.rt.ReadTimer(h.Timer); err == nil {
			return t, true
		}
	}
	timers, _ := r.timers.get(r.readTimers)
	t, ok := timers[c]
	return t, ok
}

// WillFire reports whether a timer in a heap sends to the channel at c, on which
// somebody waits: since Go 1.23 too the timer of such a channel is in a heap until
// it fires or is stopped (runtime.blockTimerChan, time.go). Without TimersErr it
// is TimerOf with a When, without a look at the channel.
func (r *Resolver) WillFire(c mem.Addr) bool {
	timers, err := r.timers.get(r.readTimers)
	if err != nil {
		t, ok := r.TimerOf(c)
		return ok && t.When != 0
	}
	_, ok := timers[c]
	return ok
}

// TimersErr says why TimerOf may miss timers, nil if it does not.
func (r *Resolver) TimersErr() error {
	_, err := r.timers.get(r.readTimers)
	return err
}

func (r *Resolver) readTimers() (map[mem.Addr]rt.Timer, error) {
	ps, err := r.rt.AllPs()
	timers := make(map[mem.Addr]rt.Timer)
	terr := r.rt.EachTimer(ps, func(t *rt.TimerEntry) {
		if t.Arg.Data != 0 && t.When != 0 && r.funcName(t.F) == "time.sendTime" {
			timers[mem.Addr(t.Arg.Data)] = t.Timer
		}
	})
	return timers, errors.Join(err, terr)
}

// left returns the time from the capture to the nanotime when, nil if that is
// not known.
func (r *Resolver) left(when int64) *int64 {
	if !r.nowKnown {
		return nil
	}
	d := when - r.nowNS
	return &d
}

func ptr[T any](v T) *T { return &v }
