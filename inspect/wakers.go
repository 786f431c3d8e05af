package inspect

import (
	"cmp"
	"context"
	"errors"

	"rtdbg/inspect/code"
	"rtdbg/inspect/heap"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
	"rtdbg/inspect/wake"
)

// Wakers says for each of the goroutines who can wake it.
func (p *Process) Wakers(ctx context.Context, gs []*Goroutine) ([]wake.Answer, error) {
	a, err := p.analysis(ctx)
	if err != nil {
		return nil, err
	}
	answers := make([]wake.Answer, len(gs))
	for i, g := range gs {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		answers[i] = a.Answer(g.index)
	}
	return answers, nil
}

// analysis examines all goroutines, once. One that was interrupted is begun
// anew by the next caller.
func (p *Process) analysis(ctx context.Context) (*wake.Analyzer, error) {
	if _, err := p.Goroutines(ctx); err != nil {
		return nil, err
	}
	p.wakeMu.Lock()
	defer p.wakeMu.Unlock()
	if p.analyzer != nil {
		return p.analyzer, nil
	}
	h, herr := p.spans(ctx)
	in := wake.Input{
		RT: p.RT, Stacks: roots{p}, Wait: p.wait(), Heap: h, HeapErr: herr, Gs: p.rawGs, Unreadable: p.unreadable,
		Code: p.code(), NowNS: p.Now().NS, NowKnown: p.Now().Known,
	}
	in.Starts, in.StartsErr = p.starts()
	if v, ok := p.variables(); ok {
		in.Variables, in.Names = v, namer{p}
	}
	a, err := wake.New(ctx, in)
	if err != nil {
		return nil, err
	}
	p.analyzer = a
	return a, nil
}

// code returns what is known of the program's code, nil for an architecture
// whose instructions are not understood.
func (p *Process) code() *code.Program {
	p.codeOnce.Do(func() {
		var data []mem.Range
		for i := range p.RT.Modules {
			m := &p.RT.Modules[i]
			data = append(data, mem.Range{Start: m.NoPtrData, End: m.ENoPtrBSS})
		}
		c, err := code.New(p.Mem, p.arch, p.pcln, data)
		if err != nil {
			p.opts.verbosef("%v", err)
			return
		}
		p.program = c
	})
	return p.program
}

// funcValueName names the function that a function value calls, "" if it is
// unknown.
func (p *Process) funcValueName(fn mem.Addr) string {
	pc, err := p.RT.FuncPC(fn)
	if err != nil {
		return ""
	}
	if f := p.pcln.Func(pc); f != nil {
		return f.Name
	}
	return ""
}

// roots gives the wake analysis what it needs of stacks.
type roots struct{ p *Process }

// Workers is how many workers Each has.
func (roots) Workers() int { return stackWorkers() }

// Each visits the stacks of all goroutines.
func (r roots) Each(ctx context.Context, visit func(worker int, s *wake.Stack)) error {
	stacks := make([]wake.Stack, stackWorkers())
	return r.p.eachStack(ctx, func(w int, s *liveStack) {
		stacks[w] = wake.Stack{Index: s.Index, Trace: &s.Trace, Live: s.Live, Deferring: s.Deferring, Err: s.Err}
		visit(w, &stacks[w])
	})
}

// Func names the function of a physical frame, and its number when inlined
// functions count too.
func (r roots) Func(s *stack.Stack, frame int) (name string, shown int) {
	if frame < 0 || frame >= len(s.Frames) {
		return "", frame
	}
	for j := range frame + 1 {
		shown += len(s.Frames[j].Lines())
	}
	return r.p.printed(s.Frames[frame].Func.Name), shown - 1
}

// SP returns the stack pointer in a physical frame of goroutine number i.
func (r roots) SP(i, frame int) (mem.Addr, bool) {
	t := r.p.gs[i].Trace()
	if t.Stack == nil || frame < 0 || frame >= len(t.Stack.Frames) {
		return 0, false
	}
	return t.SP + mem.Addr(t.Stack.Frames[frame].SP), true
}

// Deferred visits the pending deferred calls of goroutine number i. What cannot
// be read of them is missing.
func (r roots) Deferred(i int, visit func(*stack.Deferred)) { _ = r.p.deferred(r.p.gs[i], visit) }

// System reports whether goroutine number i is the runtime's own.
func (r roots) System(i int) bool { return r.p.gs[i].System() }

// Foreign reports whether there are threads that are not Go's.
func (r roots) Foreign() bool {
	ms, err := r.p.RT.AllMs()
	return err != nil || len(r.p.threads) > len(ms)
}

// starts lists the functions that timers will start.
func (p *Process) starts() ([]wake.Start, error) {
	ps, err := p.RT.AllPs()
	calls := make(map[mem.Addr]bool) // by function value: time.goFunc or not
	var list []wake.Start
	terr := p.RT.EachTimer(ps, func(t *rt.TimerEntry) {
		is, known := calls[t.F]
		if !known {
			is = p.funcValueName(t.F) == "time.goFunc"
			calls[t.F] = is
		}
		if !is || t.When == 0 {
			return
		}
		s := wake.Start{Timer: t.Addr, WhenNS: t.When, Fn: mem.Addr(t.Arg.Data), Func: p.funcValueName(mem.Addr(t.Arg.Data))}
		entry, ferr := p.RT.FuncPC(s.Fn)
		if ferr != nil {
			err = cmp.Or(err, ferr)
			return
		}
		s.Entry = entry
		list = append(list, s)
	})
	return list, errors.Join(err, terr)
}

// variables are the package-level variables of the executable's symbol table.
type variables struct {
	p *Process
	// bias is the difference between the target's addresses and the file's.
	bias uint64
}

// variables returns them; ok is false for a stripped executable.
func (p *Process) variables() (v variables, ok bool) {
	if p.exe == nil || len(p.RT.Modules) == 0 {
		return v, false
	}
	text, _, ok := p.exe.Symbol("runtime.text")
	return variables{p, uint64(p.RT.Modules[0].Text) - text}, ok
}

// Variable returns the variable around a.
func (v variables) Variable(a mem.Addr) (name string, x heap.Extent, ok bool) {
	name, addr, size, ok := v.p.exe.SymbolAround(uint64(a) - v.bias)
	if !ok || !v.p.RT.InData(a) {
		return "", heap.Extent{}, false
	}
	at := mem.Addr(addr + v.bias)
	return name, heap.Extent{Start: at, End: at + mem.Addr(size)}, true
}
