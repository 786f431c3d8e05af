package inspect

import (
	"rtdbg/inspect/mem"
	"rtdbg/inspect/stack"
	"rtdbg/inspect/wait"
)

// waitInput is what the room that says what goroutines wait on works on.
func (p *Process) waitInput() wait.Input {
	now := p.Now()
	return wait.Input{
		RT: p.RT, Stacks: tracer{p}, FuncName: p.funcValueName, NowNS: now.NS, NowKnown: now.Known,
		Symbol: p.symbol, Objects: p.frameObjects, Args: p.frameArgs,
	}
}

// frameObjects calls visit with the variables of a frame whose address is taken.
func (p *Process) frameObjects(t stack.Trace, frame int, visit func(mem.Range)) {
	p.unwinder(func(u *stack.Unwinder) {
		// What could be read has been visited; the rest is not found.
		_ = u.FrameObjects(t, frame, visit)
	})
}

// frameArgs prints the arguments of a frame as the runtime's tracebacks do.
func (p *Process) frameArgs(t stack.Trace, f *stack.Frame) (args string) {
	p.unwinder(func(u *stack.Unwinder) { args = u.Args(t, f) })
	return args
}
