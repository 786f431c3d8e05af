package inspect

import (
	"slices"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// systemTrace calls visit with the stack that thread m is on, and the registers
// that go with it: those that a signal interrupted if it handles one.
func (p *Process) systemTrace(m *rt.M, visit func(t stack.Trace, regs arch.Regs)) {
	th, ok := p.threads[m.ProcID]
	if !ok {
		return
	}
	var lo, hi mem.Addr
	if s, err := p.RT.ReadG(m.GSignal); err == nil {
		lo, hi = s.StackLo, s.StackHi
	}
	p.unwinder(func(u *stack.Unwinder) {
		regs, ok, err := u.SignalContext(th.Regs, lo, hi)
		if !ok || err != nil {
			regs = th.Regs
		}
		// Without bounds: those of g0 are an estimate where C made the stack.
		visit(u.Unwind(stack.Start{PC: mem.Addr(regs.PC), SP: mem.Addr(regs.SP), LR: mem.Addr(regs.LR), Trap: true}), regs)
	})
}

// schedulers are the functions in which a thread has nothing of its own to do,
// whatever still lies in their frames. All names since Go 1.18.
var schedulers = []string{"runtime.findRunnable", "runtime.findrunnable", "runtime.schedule", "runtime.park_m", "runtime.mstart1"}

// maxSystemStack bounds what is read of a system stack in bytes.
const maxSystemStack = 1 << 16

// SystemWords calls visit with the words that threads hold on their system stacks and
// in their registers while they do something there: a timer whose function they
// are about to call is in no heap any more, and the goroutine that is to call it
// not yet among the others.
func (r roots) SystemWords(visit func(w mem.Addr)) {
	ms, _ := r.p.RT.AllMs()
	for i := range ms {
		if ms[i].P == 0 {
			continue
		}
		g0, err := r.p.RT.ReadG(ms[i].G0)
		if err != nil {
			continue
		}
		r.p.systemTrace(&ms[i], func(t stack.Trace, regs arch.Regs) {
			sp := mem.Addr(regs.SP)
			if t.Stack == nil || sp < g0.StackLo || sp >= g0.StackHi {
				return // it executes a goroutine, which is read as such
			}
			end := sp
			for j := range t.Stack.Frames {
				if slices.Contains(schedulers, t.Stack.Frames[j].Func.Name) {
					break
				}
				end = t.SP + mem.Addr(t.Stack.Frames[j].FP)
			}
			if end <= sp {
				return
			}
			for _, w := range regs.General {
				visit(mem.Addr(w))
			}
			r.p.eachWord(mem.Range{Start: sp, End: min(end, sp+maxSystemStack)}, visit)
		})
	}
}

// eachWord calls visit with the words of a range, as far as they can be read.
func (p *Process) eachWord(x mem.Range, visit func(w mem.Addr)) {
	b, err := p.RT.Mem.View(x.Start, int(x.End-x.Start)&^7)
	if err != nil {
		return
	}
	for i := 0; i+8 <= len(b); i += 8 {
		visit(mem.Addr(p.arch.Order.Uint64(b[i:])))
	}
}
