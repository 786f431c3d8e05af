package inspect

import (
	"fmt"
	"slices"
	"strings"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
	"rtdbg/inspect/rt"
)

// unpreempted says why a goroutine that runs Go code on m was not preempted: by a
// signal, which has to come at a safe point, or where its code checks the stack.
func (p *Process) unpreempted(m *rt.M, g *Running) (kind, why string) {
	th, known := p.threads[m.ProcID]
	at, pc := "its code", mem.Addr(th.Regs.PC)
	if len(g.Frames) > 0 {
		// The thread may be in the handler of a signal, as when the program died.
		at, pc, known = g.Frames[0].Func, g.Frames[0].PC, true
	}
	debug, _ := p.global("runtime.debug")
	off, ok := p.RT.AsyncPreemptOff(debug)
	f := p.pcln.Func(pc)
	switch kind = "loop"; {
	case ofTheRuntime(at):
		return "runtime", fmt.Sprintf("it is in %s, where it may not be preempted", at)
	case !known || f == nil:
	case f.Flag&pcln.FlagAsm != 0 || f.FuncData(pcln.FuncDataLocalsPointerMaps) == 0:
		return "assembly", fmt.Sprintf("it is in %s, which is assembly and has no safe points", at)
	case f.PCData(pcln.PCDataUnsafePoint, pc) != pcln.UnsafePoint:
	case p.noSplit(f):
		kind, at = "nosplit", at+", which does not check its stack (nosplit)"
	}
	switch {
	case off:
		return kind, fmt.Sprintf("it is in %s, which comes to no call that could stop it, and GODEBUG has asyncpreemptoff=1", at)
	case kind == "nosplit":
		return kind, fmt.Sprintf("it is in %s, at a point at which it may not be preempted", at)
	}
	if !ok {
		return kind, fmt.Sprintf("it is in %s and has not followed the request to stop", at)
	}
	return kind, fmt.Sprintf("it is in %s and has not followed the request to stop: the signal has not arrived, or never came at a safe point", at)
}

// ofTheRuntime reports whether a function is one of those that signals do not
// preempt (runtime.isAsyncSafePoint, preempt.go).
func ofTheRuntime(function string) bool {
	return slices.ContainsFunc([]string{"runtime.", "runtime/internal/", "internal/runtime/", "reflect."},
		func(prefix string) bool { return strings.HasPrefix(function, prefix) })
}

// noSplit reports whether f never calls runtime.morestack: it does not check its
// stack, and so does not notice a request to stop.
func (p *Process) noSplit(f *pcln.Func) bool {
	program := p.code()
	if program == nil {
		return false
	}
	checks, err := program.Calls(f, "runtime.morestack")
	return err == nil && !checks
}
