package inspect

import (
	"rtdbg/inspect/mem"
	"rtdbg/inspect/names"
	"rtdbg/inspect/wake"
)

// names returns what names variables, nil where the executable has no DWARF. It
// reads the DWARF when it is first needed.
func (p *Process) names() *names.Names {
	p.namesOnce.Do(func() {
		if p.exe == nil || p.RT == nil {
			return
		}
		v, ok := p.variables()
		if !ok {
			return
		}
		info, err := p.exe.DebugInfo()
		if err != nil {
			p.opts.verbosef("variables have no names: %v", err)
			return
		}
		p.named = names.New(p.RT, info, v.bias, wake.Plumbing)
	})
	return p.named
}

// namer names variables for the wake analysis.
type namer struct{ p *Process }

// Local names the object at target by a variable in a physical frame of goroutine
// number i.
func (x namer) Local(i, frame int, words []mem.Addr, target mem.Addr) (wake.Name, bool) {
	n := x.p.names()
	if n == nil {
		return wake.Name{}, false
	}
	t := x.p.gs[i].Trace()
	name, ok := n.Local(t, frame, words, target)
	if !ok {
		return wake.Name{}, false
	}
	_, shown := roots(x).Func(t.Stack, frame)
	return wake.Name{Func: x.p.printed(name.Func), Frame: shown - name.Depth, Path: name.Path, Type: name.Type, Via: name.Via}, true
}

// Global names the object at target by the package-level variable around the
// first of words or, if there are none, around target.
func (x namer) Global(words []mem.Addr, target mem.Addr) (wake.Name, bool) {
	n := x.p.names()
	at := target
	if len(words) > 0 {
		at = words[0]
	}
	if n == nil {
		return wake.Name{}, false
	}
	v, ok := x.p.variables()
	if !ok {
		return wake.Name{}, false
	}
	symbol, extent, ok := v.Variable(at)
	if !ok {
		return wake.Name{}, false
	}
	name, ok := n.Global(symbol, extent.Start, words, target)
	return wake.Name{Path: name.Path, Type: name.Type, Via: name.Via}, ok
}
