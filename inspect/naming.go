package inspect

import (
	"rtdbg/inspect/mem"
	"rtdbg/inspect/names"
	"rtdbg/inspect/wait"
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
	if n == nil {
		return wake.Name{}, false
	}
	at := target
	if len(words) > 0 {
		at = words[0]
	}
	v, ok := x.p.static(at)
	if !ok {
		return wake.Name{}, false
	}
	name, ok := n.Global(v.symbol, v.start, words, target)
	return wake.Name{Path: name.Path, Type: name.Type, Via: name.Via}, ok
}

// NamedWaitsOn returns what WaitsOn does, with what the program calls the
// objects if all goroutines have been examined for their wakers.
func (g *Goroutine) NamedWaitsOn() []wait.On {
	list := g.WaitsOn()
	g.p.wakeMu.Lock()
	a := g.p.analyzer
	g.p.wakeMu.Unlock()
	if a == nil {
		return list
	}
	for i := range list {
		on := &list[i]
		if on.Addr == nil || on.Name != "" {
			continue
		}
		if name, ok := a.NameFor(g.index, *on.Addr); ok {
			on.Name = name.Path
		}
	}
	return list
}

// static is a package-level variable.
type static struct {
	symbol string // "" if there is none
	start  mem.Addr
}

// static returns the package-level variable around an address. Looking it up
// takes a pass over the symbol table: it is done once for each address.
func (p *Process) static(at mem.Addr) (static, bool) {
	if s, ok := p.statics.Load(at); ok {
		return s.(static), s.(static).symbol != ""
	}
	var s static
	if v, ok := p.variables(); ok {
		if symbol, extent, ok := v.Variable(at); ok {
			s = static{symbol, extent.Start}
		}
	}
	p.statics.Store(at, s)
	return s, s.symbol != ""
}
