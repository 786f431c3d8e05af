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
		Symbol: p.symbol, SelectCall: p.selectCall, Kernel: p.kernelWait, Args: p.frameArgs,
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

// kernelWait returns what is known of the system call that a thread is in: what
// the kernel said, if the thread is where it was then, or what the registers in
// a core say.
func (p *Process) kernelWait(thread uint64) (wait.KernelWait, bool) {
	th, ok := p.threads[thread]
	if !ok {
		return wait.KernelWait{}, false
	}
	if w, ok := p.kernel[thread]; ok && uint64(w.SP) == th.Regs.SP && uint64(w.PC) == th.Regs.PC {
		return wait.KernelWait{Number: w.Number, Arg: w.Args[0], SP: w.SP, Function: w.Function, Stack: w.Stack}, true
	}
	return wait.KernelWait{Number: th.Regs.Syscall, Arg: th.Regs.Arg, SP: mem.Addr(th.Regs.SP)}, th.Regs.InSyscall
}

// frameArgs prints the arguments of a frame as the runtime's tracebacks do.
func (p *Process) frameArgs(t stack.Trace, f *stack.Frame) (args string) {
	p.unwinder(func(u *stack.Unwinder) { args = u.Args(t, f) })
	return args
}
