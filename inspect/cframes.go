package inspect

import (
	"context"
	"errors"
	"fmt"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/cstack"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/stack"
)

// CFrame is a frame of a thread's stack, of C or of Go.
type CFrame struct {
	PC mem.Addr
	// Func is "" where no symbol covers PC.
	Func string
	// File and Line are "" and 0 where no DWARF has them.
	File string
	Line int
	// Image is the path of the executable or library that PC is in, "" if that
	// is not known; Offset is PC as its own symbols have addresses, or its place
	// in the file where no more is known.
	Image  string
	Offset uint64
}

// maxThreadFrames bounds the stack of a thread.
const maxThreadFrames = 128

// ThreadFrames returns the stack of a thread with its C frames, innermost first.
// Where Delve controls the target, Delve unwinds it. Of a core the C frames come
// from the unwind tables of the images, and end with an error where these do not
// say how to go on; the Go frames are as everywhere. Of a goroutine that has called
// C the frames behind runtime.asmcgocall are those of the goroutine; any other function
// of Go that switches stacks is the last. Of a thread in a signal handler of Go the
// frames are those of what the signal interrupted.
func (p *Process) ThreadFrames(ctx context.Context, thread int) ([]CFrame, error) {
	if p.core == nil {
		return p.delveFrames(ctx, thread)
	}
	th, ok := p.threads[uint64(thread)]
	if !ok {
		return nil, fmt.Errorf("%s has no thread %d", p.name(), thread)
	}
	return p.tableFrames(uint64(thread), p.interrupted(th.Regs))
}

// tables returns the unwind tables of the core, nil after Close.
func (p *Process) tables() *cstack.Tables {
	p.ctablesOnce.Do(func() { p.ctables = cstack.New(p.Mem, p.arch, p.core.Loaded()) })
	return p.ctables
}

func (p *Process) closeTables() error {
	p.ctablesOnce.Do(func() {}) // so that nobody opens them any more
	if p.ctables == nil {
		return nil
	}
	return p.ctables.Close()
}

// interrupted returns the registers that a signal interrupted, if a thread with
// the given ones is in a signal handler of Go, else these.
func (p *Process) interrupted(regs arch.Regs) arch.Regs {
	p.unwinder(func(u *stack.Unwinder) {
		if r, ok, err := u.SignalContext(regs, 0, 0); ok && err == nil {
			regs = r
		}
	})
	return regs
}

// tableFrames walks a stack by unwind tables, and from where it comes to Go as Go
// does.
func (p *Process) tableFrames(thread uint64, regs arch.Regs) ([]CFrame, error) {
	t := p.tables()
	if t == nil {
		return nil, errors.New("no stacks: the target has been closed")
	}
	var frames []CFrame
	f := t.Start(&regs)
	for len(frames) < maxThreadFrames {
		if p.inGo(f.PC) {
			return p.goFrames(frames, f, thread)
		}
		at := t.Place(&f)
		for _, fn := range at.Functions {
			frames = append(frames, CFrame{PC: f.PC, Func: fn.Func, File: fn.File, Line: fn.Line, Image: at.Image, Offset: at.Offset})
		}
		up, err := t.Caller(f)
		switch {
		case errors.Is(err, cstack.ErrOutermost):
			return frames, nil
		case err != nil:
			return frames, fmt.Errorf("the stack of thread %d goes on, but not known how: %w", thread, err)
		}
		f = up
	}
	return frames, fmt.Errorf("the stack of thread %d has more than %d frames", thread, maxThreadFrames)
}

// inGo reports whether the function at pc is one of Go.
func (p *Process) inGo(pc mem.Addr) bool {
	f := p.pcln.Func(pc)
	return f != nil && !f.External()
}

// goFrames adds the Go frames from f on.
func (p *Process) goFrames(frames []CFrame, f cstack.Frame, thread uint64) ([]CFrame, error) {
	fn := p.pcln.Func(f.PC)
	if fn.Name == asmcgocall && !f.Exact {
		// It has moved to the stack of the thread; where the goroutine's goes on
		// the runtime has put down.
		file, line := fn.Line(f.PC - 1)
		frames = append(frames, CFrame{PC: f.PC, Func: fn.Name, File: file, Line: line})
		return p.callerOfC(frames, thread)
	}
	start := stack.Start{PC: f.PC, SP: f.SP(p.arch), Trap: f.Exact}
	if lr, ok := f.Regs.Get(p.arch.CallFrame.Return); ok && p.arch.UsesLR && f.Exact {
		start.LR = mem.Addr(lr)
	}
	var err error
	p.unwinder(func(u *stack.Unwinder) {
		t := u.Unwind(start)
		if frames = addTrace(frames, t); !errors.Is(t.Err, stack.ErrSPWrite) {
			err = t.Err
		}
	})
	return frames, err
}

// asmcgocall is the function of the runtime that calls C.
const asmcgocall = "runtime.asmcgocall"

// callerOfC adds the frames of the goroutine that thread runs.
func (p *Process) callerOfC(frames []CFrame, thread uint64) ([]CFrame, error) {
	ms, err := p.RT.AllMs()
	for i := range ms {
		if ms[i].ProcID != thread || ms[i].CurG == 0 || !ms[i].InCgo {
			continue
		}
		g, err := p.RT.ReadG(ms[i].CurG)
		if err != nil {
			return frames, err
		}
		t := p.trace(&g)
		return addTrace(frames, t), t.Err
	}
	return frames, err
}

// addTrace adds the frames of a trace.
func addTrace(frames []CFrame, t stack.Trace) []CFrame {
	t.Each(func(f *stack.Frame) bool {
		frames = append(frames, CFrame{PC: f.PC, Func: f.Func, File: f.File, Line: f.Line.Line})
		return len(frames) < maxThreadFrames
	})
	return frames
}

// delveFrames returns the stack of a thread as Delve unwinds it.
func (p *Process) delveFrames(ctx context.Context, thread int) ([]CFrame, error) {
	s, err := p.delve(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.ThreadStack(ctx, p.threadHere(thread))
	frames := make([]CFrame, len(list))
	for i, f := range list {
		frames[i] = CFrame{PC: f.PC, Func: f.Func, File: f.File, Line: f.Line}
	}
	return frames, err
}
