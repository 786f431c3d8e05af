package wait

import (
	"sync/atomic"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/stack"
)

// findSleep answers for time.Sleep: the goroutine's own timer. The scavenger
// sleeps without one.
func findSleep(_ *Resolver, s *subject, row *Row, dst []Ref) []Ref {
	found := row.ref
	found.Addr = s.Timer
	return append(dst, found)
}

// describeSleep says when a sleep ends: g.sleepWhen (1.23+) or the timer knows.
func (r *Resolver) describeSleep(s *subject, on *On) {
	when := s.SleepWhen
	if on.Addr != nil {
		t, err := r.rt.ReadTimer(*on.Addr)
		if err == nil && t.When != 0 {
			when = t.When
		} else if err == nil && when == 0 {
			when = t.NextWhen // it has not been started yet (up to Go 1.22)
		} else if err != nil {
			on.Note = "unreadable: " + err.Error()
		}
	}
	switch {
	case when != 0:
		on.WhenNS, on.InNS = ptr(when), r.leftOf(s.G, when)
	case on.Addr == nil:
		on.Note = "the scavenger's own sleep, ended by its timer or by sysmon"
	}
}

// findPollDesc answers for IO wait: the pollDesc whose rg or wg is g, found on
// the stack of the frames that wait, and checked by its self pointer.
func findPollDesc(r *Resolver, s *subject, row *Row, dst []Ref) []Ref {
	found := row.ref
	found.setOp(Wait)
	r.scanStack(s, &r.hints.poll, "runtime.netpollblock", 4, func(w mem.Addr) bool {
		pd, err := r.rt.PollDesc(w)
		if err != nil || pd.RG != s.Addr && pd.WG != s.Addr {
			return false
		}
		found.Addr = w
		found.setOp(Read)
		if pd.WG == s.Addr {
			found.setOp(Write)
		}
		return true
	})
	if found.Addr == 0 {
		s.note = "its pollDesc was not found: it is about to park, or has just been woken"
	}
	return append(dst, found)
}

// describePollDesc completes the answer for an IO wait.
func (r *Resolver) describePollDesc(on *On) {
	pd, err := r.rt.PollDesc(*on.Addr)
	if err != nil {
		on.Note = "unreadable: " + err.Error()
		return
	}
	on.Type, on.FD = "runtime.pollDesc", ptr(int64(pd.FD))
	deadline := pd.RD
	if on.Op == Write {
		deadline = pd.WD
	}
	if deadline > 0 {
		on.WhenNS, on.InNS = ptr(deadline), r.left(deadline)
	}
	if pd.Closing {
		on.Note = "the descriptor is being closed"
	}
}

// findCoro answers for a coroutine: not started yet it is g.coroarg, later the
// word on its stack that points to a coro whose gp is g.
func findCoro(r *Resolver, s *subject, row *Row, dst []Ref) []Ref {
	found := row.ref
	if found.Addr = s.CoroArg; found.Addr != 0 {
		s.note = "not started yet"
		return append(dst, found)
	}
	r.scanStack(s, &r.hints.coro, "runtime.coroswitch", 3, func(w mem.Addr) bool {
		c, err := r.rt.ReadCoro(w)
		if err != nil || c.GP != s.Addr {
			return false
		}
		found.Addr = w
		return true
	})
	if found.Addr == 0 {
		s.note = "its coro was not found on its stack"
	}
	return append(dst, found)
}

func findBubble(_ *Resolver, s *subject, row *Row, dst []Ref) []Ref {
	found := row.ref
	found.Addr = s.Bubble
	s.note = "ended by " + row.Who
	return append(dst, found)
}

// maxScan bounds the part of a stack that is searched for a pointer, in bytes.
const maxScan = 1 << 16

// hints are where, above the stack pointer of a parked goroutine, the objects
// of one kind were found last, in bytes: the frames of the runtime that wait
// are the same for all of them. They are only hints.
type hints struct {
	poll, coro, cond atomic.Uint32
}

// scanStack calls is with the aligned words of the stack from the goroutine's
// stack pointer to the end of the frame that stands callers frames above the
// function fn, until it returns true. Without fn on the stack it goes up to
// maxScan bytes. The word at the hint is the first.
func (r *Resolver) scanStack(s *subject, hint *atomic.Uint32, fn string, callers int, is func(w mem.Addr) bool) {
	if h := mem.Addr(hint.Load()); h != 0 && s.SchedSP+h+8 <= s.StackHi && s.SchedSP >= s.StackLo {
		if b, err := r.rt.Mem.View(s.SchedSP+h, 8); err == nil {
			if w := mem.Addr(r.rt.Arch.Order.Uint64(b)); plausible(w) && is(w) {
				return
			}
		}
	}
	lo, hi := s.SchedSP, s.StackHi
	if end := frameEnd(s.trace(), fn, callers); end > lo && end <= hi {
		hi = end
	}
	if lo < s.StackLo || lo >= hi {
		return
	}
	if hi-lo > maxScan {
		hi = lo + maxScan
	}
	b, err := r.rt.Mem.View(lo, int(hi-lo)&^7)
	if err != nil {
		return
	}
	seen := mem.Addr(0)
	for i := 0; i+8 <= len(b); i += 8 {
		w := mem.Addr(r.rt.Arch.Order.Uint64(b[i:]))
		if !plausible(w) || w == seen {
			continue
		}
		seen = w
		if is(w) {
			hint.Store(uint32(i))
			return
		}
	}
}

// plausible reports whether w can point to a structure of the runtime: neither
// small numbers nor misaligned words do.
func plausible(w mem.Addr) bool { return w >= 4096 && w%8 == 0 }

// maxInner bounds the physical frames between a park and the function that
// says what it waits for.
const maxInner = 24

// calls reports whether function fn, inlined or not, is among the innermost
// frames.
func calls(tr *stack.Trace, fn string) bool {
	for i := range min(len(tr.Stack.Frames), maxInner) {
		for _, l := range tr.Stack.Frames[i].Lines() {
			if l.Func == fn {
				return true
			}
		}
	}
	return false
}

// physical returns the index of the innermost physical frame of function fn,
// -1 if fn is not among the innermost frames.
func physical(tr *stack.Trace, fn string) int {
	for i := range min(len(tr.Stack.Frames), maxInner) {
		if tr.Stack.Frames[i].Func.Name == fn {
			return i
		}
	}
	return -1
}

// frameEnd returns the end (FP) of the physical frame that stands n frames
// above the innermost frame of function fn, 0 if fn is not on the stack.
func frameEnd(tr *stack.Trace, fn string, n int) mem.Addr {
	i := physical(tr, fn)
	if i < 0 {
		return 0
	}
	i = min(i+n, len(tr.Stack.Frames)-1)
	return tr.SP + mem.Addr(tr.Stack.Frames[i].FP)
}
