package wait

import (
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// findSleep answers for time.Sleep: g.sleepWhen (1.23+) or the goroutine's
// timer. The scavenger sleeps without either.
func findSleep(r *Resolver, g *rt.G, _ *Row) []On {
	on := On{Kind: Timer, Op: Sleep}
	when := g.SleepWhen
	if g.Timer != 0 {
		on.Addr = ptr(g.Timer)
		if t, err := r.rt.ReadTimer(g.Timer); err == nil && t.When != 0 {
			when = t.When
		} else if err != nil {
			on.Note = "unreadable: " + err.Error()
		}
	}
	switch {
	case when != 0:
		on.WhenNS, on.InNS = ptr(when), r.left(when)
	case g.Timer == 0:
		on.Note = "the scavenger's own sleep, ended by its timer or by sysmon"
	}
	return []On{on}
}

// findPollDesc answers for IO wait: the pollDesc whose rg or wg is g, found on
// the stack of the frames that wait, and checked by its self pointer.
func findPollDesc(r *Resolver, g *rt.G, _ *Row) []On {
	on := On{Kind: PollFD, Op: Wait}
	r.scanStack(g, "runtime.netpollblock", 4, func(w mem.Addr) bool {
		pd, err := r.rt.PollDesc(w)
		if err != nil || pd.RG != g.Addr && pd.WG != g.Addr {
			return true
		}
		on.Addr, on.Type = ptr(w), "runtime.pollDesc"
		on.FD = ptr(int64(pd.FD))
		deadline := pd.RD
		on.Op = Read
		if pd.WG == g.Addr {
			on.Op, deadline = Write, pd.WD
		}
		if deadline > 0 {
			on.WhenNS, on.InNS = ptr(deadline), r.left(deadline)
		}
		if pd.Closing {
			on.Note = "the descriptor is being closed"
		}
		return false
	})
	if on.Addr == nil {
		on.Note = "its pollDesc was not found: it is about to park, or has just been woken"
	}
	return []On{on}
}

// findCoro answers for a coroutine: not started yet it is g.coroarg, later the
// word on its stack that points to a coro whose gp is g.
func findCoro(r *Resolver, g *rt.G, _ *Row) []On {
	on := On{Kind: Coro, Op: Resume, Type: "runtime.coro"}
	if g.CoroArg != 0 {
		on.Addr, on.Note = ptr(g.CoroArg), "not started yet"
		return []On{on}
	}
	r.scanStack(g, "runtime.coroswitch", 3, func(w mem.Addr) bool {
		c, err := r.rt.ReadCoro(w)
		if err != nil || c.GP != g.Addr {
			return true
		}
		on.Addr = ptr(w)
		return false
	})
	if on.Addr == nil {
		on.Note = "its coro was not found on its stack"
	}
	return []On{on}
}

func findBubble(_ *Resolver, g *rt.G, row *Row) []On {
	on := On{Kind: Bubble, Op: row.Op, Type: "runtime.synctestBubble", Note: "ended by " + row.Who}
	if g.Bubble != 0 {
		on.Addr = ptr(g.Bubble)
	}
	return []On{on}
}

// maxScan bounds the part of a stack that is searched for a pointer, in bytes.
const maxScan = 1 << 16

// scanStack calls visit with every aligned word of the stack from the
// goroutine's stack pointer to the end of the frame that stands callers
// frames above the function fn, until visit returns false. Without fn on the
// stack it goes up to maxScan bytes.
func (r *Resolver) scanStack(g *rt.G, fn string, callers int, visit func(w mem.Addr) bool) {
	lo, hi := g.SchedSP, g.StackHi
	if end := frameEnd(r.stacks.Trace(g), fn, callers); end > lo && end <= hi {
		hi = end
	}
	if lo < g.StackLo || lo >= hi {
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
		// Neither small numbers nor misaligned words are pointers to the
		// structures that are looked for.
		if w < 4096 || w%8 != 0 || w == seen {
			continue
		}
		seen = w
		if !visit(w) {
			return
		}
	}
}

// maxInner bounds the physical frames between a park and the function that
// says what it waits for.
const maxInner = 24

// calls reports whether function fn, inlined or not, is among the innermost
// frames.
func calls(tr stack.Trace, fn string) bool {
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
func physical(tr stack.Trace, fn string) int {
	for i := range min(len(tr.Stack.Frames), maxInner) {
		if tr.Stack.Frames[i].Func.Name == fn {
			return i
		}
	}
	return -1
}

// frameEnd returns the end (FP) of the physical frame that stands n frames
// above the innermost frame of function fn, 0 if fn is not on the stack.
func frameEnd(tr stack.Trace, fn string, n int) mem.Addr {
	i := physical(tr, fn)
	if i < 0 {
		return 0
	}
	i = min(i+n, len(tr.Stack.Frames)-1)
	return tr.SP + mem.Addr(tr.Stack.Frames[i].FP)
}

// callerOf returns the extent [SP, FP) of the physical frame that called
// function fn, zeros if fn is not on the stack.
func callerOf(tr stack.Trace, fn string) (lo, hi mem.Addr) {
	i := physical(tr, fn) + 1
	if i == 0 || i >= len(tr.Stack.Frames) {
		return 0, 0
	}
	f := &tr.Stack.Frames[i]
	return tr.SP + mem.Addr(f.SP), tr.SP + mem.Addr(f.FP)
}
