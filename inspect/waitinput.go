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
		Symbol: p.symbol, SelectCall: p.selectCall, Args: p.frameArgs,
	}
}

// selectCall says how the function at pc calls runtime.selectgo.
func (p *Process) selectCall(pc mem.Addr) (wait.SelectCall, bool) {
	program := p.code()
	if program == nil {
		return wait.SelectCall{}, false
	}
	c, ok := program.SelectCall(pc)
	return wait.SelectCall(c), ok
}

// frameArgs prints the arguments of a frame as the runtime's tracebacks do.
func (p *Process) frameArgs(t stack.Trace, f *stack.Frame) (args string) {
	p.unwinder(func(u *stack.Unwinder) { args = u.Args(t, f) })
	return args
}
