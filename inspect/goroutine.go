package inspect

import (
	"context"
	"errors"
	"fmt"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
	"rtdbg/inspect/wait"
)

// Goroutine is a goroutine of a Process.
type Goroutine struct {
	*rt.G
	p *Process
	// index is its place in allgs.
	index int
}

// Goroutines returns all goroutines, dead ones included, in order of creation.
// Those whose descriptor is unreadable are left out with a warning. Reading
// that was interrupted is begun anew by the next caller.
func (p *Process) Goroutines(ctx context.Context) ([]*Goroutine, error) {
	p.gsMu.Lock()
	defer p.gsMu.Unlock()
	if p.gs == nil {
		if err := p.readGoroutines(ctx); err != nil {
			return nil, err
		}
	}
	return p.gs, nil
}

func (p *Process) readGoroutines(ctx context.Context) error {
	var bad int
	var first error
	raw, err := p.RT.AllGs(ctx, func(_ mem.Addr, err error) {
		if bad++; first == nil {
			first = err
		}
	})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s: %w", p.name(), err)
	}
	if bad > 0 {
		p.opts.warnf("%d goroutines are unreadable and left out: %v", bad, first)
	}
	block := make([]Goroutine, len(raw))
	gs := make([]*Goroutine, len(raw))
	for i := range raw {
		block[i] = Goroutine{G: &raw[i], p: p, index: i}
		gs[i] = &block[i]
	}
	p.rawGs, p.unreadable, p.gs = raw, bad, gs
	p.table.Store(newTable(p.RT, raw))
	return nil
}

// Goroutine returns the goroutine with id goid; dead ones have none.
func (p *Process) Goroutine(ctx context.Context, goid uint64) (*Goroutine, error) {
	gs, err := p.Goroutines(ctx)
	if err != nil {
		return nil, err
	}
	if i, ok := p.table.Load().byGoid(goid); ok {
		return gs[i], nil
	}
	return nil, fmt.Errorf("%s has no goroutine %d", p.name(), goid)
}

// GoroutineAt returns the goroutine whose descriptor lies at a.
func (p *Process) GoroutineAt(ctx context.Context, a mem.Addr) (*Goroutine, error) {
	gs, err := p.Goroutines(ctx)
	if err != nil {
		return nil, err
	}
	if i, ok := p.table.Load().byAddr(a); ok {
		return gs[i], nil
	}
	return nil, fmt.Errorf("%s: %v is no goroutine in allgs", p.name(), a)
}

// Status returns the runtime's word for the goroutine's status.
func (g *Goroutine) Status() rt.Status { return g.p.RT.Status(g.G) }

// WaitReason returns why it is parked, "" unless it is waiting or leaked.
func (g *Goroutine) WaitReason() string { return g.p.RT.WaitReason(g.G) }

// Dead reports whether the descriptor holds no goroutine at present.
func (g *Goroutine) Dead() bool {
	switch g.Status() {
	case rt.Dead, rt.DeadExtra, rt.Idle:
		return true
	}
	return false
}

// WaitsOn returns what the goroutine waits on.
func (g *Goroutine) WaitsOn() []wait.On { return g.p.wait().On(g.G) }

// Thread returns the thread that runs the goroutine, nil if none does.
func (g *Goroutine) Thread() (*rt.M, error) {
	if g.M == 0 {
		return nil, nil
	}
	m, err := g.p.RT.ReadM(g.M)
	if err != nil {
		return nil, fmt.Errorf("goroutine %d: %w", g.Goid, err)
	}
	return &m, nil
}

// WaitNS returns for how long the goroutine has been waiting at least, in ns:
// since the first garbage collection that found it parked. nil if none did, or
// if nothing is known of the instant of the capture.
func (g *Goroutine) WaitNS() *int64 {
	if d, _, ok := g.Waited(); ok {
		return &d
	}
	return nil
}

// Waited returns what WaitNS does, and how well it is known.
func (g *Goroutine) Waited() (ns int64, how Accuracy, ok bool) {
	switch g.Status() {
	case rt.Waiting, rt.Leaked, rt.Syscall:
	default:
		return 0, "", false
	}
	if g.WaitSince == 0 {
		return 0, "", false
	}
	return g.p.Now().Since(g.WaitSince)
}

// Frames returns the goroutine's frames, innermost first, as GOTRACEBACK=crash
// shows them. The error says why they end early; the frames so far are valid.
func (g *Goroutine) Frames() ([]stack.Frame, error) {
	t := g.Trace()
	return t.Frames(), t.Err
}

// start says where the stack of g begins.
func (p *Process) start(g *rt.G) (stack.Start, error) {
	st := stack.Start{Lo: g.StackLo, Hi: g.StackHi}
	switch s := p.RT.Status(g); {
	case s == rt.Dead, s == rt.DeadExtra, s == rt.Idle:
		return st, fmt.Errorf("goroutine is %s", s)
	case s == rt.CopyStack:
		return st, fmt.Errorf("its stack was being moved")
	case g.SyscallSP != 0:
		st.PC, st.SP, st.Syscall = g.SyscallPC, g.SyscallSP, true
		return st, nil
	case g.M != 0:
		m, err := p.RT.ReadM(g.M)
		if err != nil {
			return st, fmt.Errorf("its thread: %w", err)
		}
		if m.VDSOSP > g.StackLo && m.VDSOSP <= g.StackHi {
			st.PC, st.SP = m.VDSOPC, m.VDSOSP
			return st, nil
		}
		if regs, ok := p.registers(g, &m); ok {
			st.PC, st.SP, st.LR, st.Trap = mem.Addr(regs.PC), mem.Addr(regs.SP), mem.Addr(regs.LR), true
			return st, nil
		}
	}
	if g.SchedSP == 0 {
		// As in the race detector (racecall, runtime/race_amd64.s).
		return st, errors.New("its thread executes on another stack and did not record where it left the goroutine's")
	}
	st.PC, st.SP, st.LR = g.SchedPC, g.SchedSP, g.SchedLR
	return st, nil
}

// running returns the registers of a goroutine that is executing its own code;
// ok is false for others.
func (p *Process) running(g *rt.G) (regs arch.Regs, ok bool) {
	if g.M == 0 || g.SyscallSP != 0 {
		return regs, false
	}
	m, err := p.RT.ReadM(g.M)
	if err != nil {
		return regs, false
	}
	return p.registers(g, &m)
}

// registers returns the registers with which g itself was executing: those of
// its thread, or those that a signal interrupted. ok is false when the thread
// is on its system stack: g.sched then says where g left its own.
func (p *Process) registers(g *rt.G, m *rt.M) (regs arch.Regs, ok bool) {
	th, ok := p.threads[m.ProcID]
	if !ok {
		return regs, false
	}
	onStack := func(r arch.Regs) bool { return mem.Addr(r.SP) > g.StackLo && mem.Addr(r.SP) <= g.StackHi }
	if onStack(th.Regs) {
		return th.Regs, true
	}
	var lo, hi mem.Addr
	if s, err := p.RT.ReadG(m.GSignal); err == nil {
		lo, hi = s.StackLo, s.StackHi
	}
	var err error
	p.unwinder(func(u *stack.Unwinder) { regs, ok, err = u.SignalContext(th.Regs, lo, hi) })
	if err != nil || !ok || !onStack(regs) {
		return regs, false
	}
	return regs, true
}

// Labels returns the goroutine's profiler labels, nil if it has none: a list
// since Go 1.24, a map before. Labels read before an error are returned with
// it.
func (g *Goroutine) Labels() (map[string]string, error) {
	if g.G.Labels == 0 {
		return nil, nil
	}
	read := g.p.RT.LabelList
	if g.p.minor < 24 {
		read = g.p.RT.LabelMap
	}
	labels, err := read(g.G.Labels)
	if err != nil {
		return labels, fmt.Errorf("goroutine %d: labels: %w", g.Goid, err)
	}
	return labels, nil
}
