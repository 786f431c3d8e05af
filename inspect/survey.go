package inspect

import (
	"context"
	"errors"

	"rtdbg/inspect/capture"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// surveyor finds out what of a running process's heap answers about its
// goroutines need: it asks most questions while the process runs, and once more
// about what has changed while it stands.
type surveyor struct {
	p      *Process
	memory *capture.Survey
	// bias is the load bias of the executable.
	bias uint64
	// before are the goroutines as they were when the process ran, in the order of
	// allgs, to which the runtime only appends.
	before []rt.G
}

// newSurveyor opens a running process through a memory that notes what is read.
// Its structures change meanwhile, so that all may fail.
func newSurveyor(ctx context.Context, p *Process, m *mem.Process, memory *capture.Survey) (*surveyor, error) {
	bias, err := m.LoadBias(p.exe)
	if err != nil {
		return nil, err
	}
	now := liveNow()
	q := &Process{exe: p.exe, dwarf: p.dwarf, info: p.info, now: func() Now { return now }}
	// What the file has need not be fetched from the process.
	q.Mem = mem.NewOverlay(memory, mem.NewImage(p.exe, bias))
	if err := q.open(ctx, target{arch: p.exe.Arch, bias: bias}); err != nil {
		return nil, err
	}
	return &surveyor{p: q, memory: memory, bias: bias}, nil
}

// goroutines is how many goroutines there are.
func (s *surveyor) goroutines(ctx context.Context) (int, error) {
	c, err := s.p.RT.Count(ctx)
	return c.Alive(), err
}

// selection asks the questions and returns what was read for them.
func (s *surveyor) selection(ctx context.Context) (capture.Selection, error) {
	if h, err := s.p.spans(ctx); h == nil {
		return capture.Selection{}, err
	}
	gs, err := s.p.Goroutines(ctx)
	if err != nil {
		return capture.Selection{}, err
	}
	for _, g := range gs {
		if ctx.Err() != nil {
			return capture.Selection{}, ctx.Err()
		}
		s.before = append(s.before, withoutRare(g.G))
		if !g.Dead() {
			s.want(g.G)
			g.Head()
		}
	}
	s.askAll(ctx)
	return capture.Selection{Wanted: s.memory.Read(), Keep: s.variables(), Survey: s.memory, Again: s.again}, ctx.Err()
}

// variables are the ranges of the executable's package-level variables.
func (s *surveyor) variables() []mem.Range {
	var list []mem.Range
	for _, seg := range s.p.exe.DataSegments() {
		start := mem.Addr(seg.Vaddr + s.bias)
		list = append(list, mem.Range{Start: start, End: start + mem.Addr(seg.Memsz)})
	}
	return list
}

// askAll asks about all that is not one goroutine. What cannot be answered of a
// running process is left out.
func (s *surveyor) askAll(ctx context.Context) {
	_, err := s.p.Chans(ctx)
	_, err2 := s.p.GC(ctx)
	if err := errors.Join(err, err2, askScheduler(ctx, s.p)); err != nil {
		s.p.opts.verbosef("survey: %v", err)
	}
}

// askScheduler asks about what changes most.
func askScheduler(ctx context.Context, p *Process) error {
	_, err := p.Sched(ctx)
	_, err2 := p.RunQ(ctx)
	_, err3 := p.Timers(ctx)
	_, err4 := p.Netpoll(ctx)
	return errors.Join(err, err2, err3, err4)
}

// want notes the stack of a goroutine: all of it if it runs.
func (s *surveyor) want(g *rt.G) {
	from := g.StackLo
	if g.M == 0 && g.SchedSP > g.StackLo && g.SchedSP <= g.StackHi {
		from = g.SchedSP
	}
	if n := g.StackHi - from; n <= maxSurveyedStack {
		s.memory.Want(from, int(n))
	}
}

// maxSurveyedStack bounds a stack, in bytes: the runtime's default limit is 1 GB
// (runtime.maxstacksize), and what was read may be torn.
const maxSurveyedStack = 1 << 30

func withoutRare(g *rt.G) rt.G {
	c := *g
	c.GRare = nil
	return c
}

// again looks at the goroutines that have changed since, until ctx ends.
func (s *surveyor) again(ctx context.Context) {
	q := &Process{
		RT: s.p.RT, Mem: s.p.Mem, exe: s.p.exe, dwarf: s.p.dwarf, info: s.p.info, now: s.p.now,
		arch: s.p.arch, threads: s.p.threads, pcln: s.p.pcln, syms: s.p.syms, minor: s.p.minor, symbol: s.p.symbol,
	}
	gs, err := q.Goroutines(ctx)
	if err != nil {
		return
	}
	var changed []*Goroutine
	for i, g := range gs {
		if !g.Dead() && (i >= len(s.before) || s.before[i] != withoutRare(g.G)) {
			changed = append(changed, g)
			s.want(g.G)
		}
	}
	for _, g := range changed {
		if ctx.Err() != nil {
			return
		}
		g.Head()
	}
	if ctx.Err() == nil {
		// What fails here fails again when the capture is read, and is said then.
		_ = askScheduler(ctx, q)
	}
}
