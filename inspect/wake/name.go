package wake

import (
	"fmt"

	"rtdbg/inspect/mem"
)

// Names says how the source calls objects. It must be safe for concurrent use.
type Names interface {
	// Local names the object at target by a variable in a physical frame of
	// goroutine i. words are the addresses of the pointers that lead to it from
	// what the frame holds.
	Local(i, frame int, words []mem.Addr, target mem.Addr) (Name, bool)
	// Global does the same for the package-level variable that holds the first
	// of words or, if there are none, the object.
	Global(words []mem.Addr, target mem.Addr) (Name, bool)
}

// Name is how the source calls an object.
type Name struct {
	// Func is the function whose variable leads to the object, as outputs
	// print it, and Frame its number among the frames that they show.
	Func  string
	Frame int
	// Path is an expression there, "p.jobs", and Type its type, "chan int".
	Path, Type string
	// Via is the variable with the closure that has captured the variable, ""
	// for none.
	Via string
}

// String is "p.jobs (chan int)".
func (n Name) String() string {
	s := n.Path
	if n.Type != "" {
		s += " (" + n.Type + ")"
	}
	if n.Via != "" {
		s += ", which " + n.Via + " has captured"
	}
	return s
}

// nameOf says how a candidate reaches object n, if the source has names for it.
func (a *Analyzer) nameOf(c *Candidate, n int) (words string, ok bool) {
	if a.names == nil {
		return "", false
	}
	chain := make([]mem.Addr, len(c.chain))
	for i, e := range c.chain {
		chain[i] = a.nodes[a.edges[e].holder].extent.Start + mem.Addr(a.edges[e].at)
	}
	sh := a.shapes.list[a.info[c.ref.g].shape]
	if c.ref.named {
		name, ok := a.names.Global(chain, a.objects[n].addr)
		fn, shown := a.stacks.Func(sh.stack, int(c.ref.inner))
		return fmt.Sprintf("frame %d %s uses %v", shown, fn, name), ok
	}
	name, ok := a.names.Local(int(c.ref.g), int(c.ref.inner), chain, a.objects[n].addr)
	if !ok && c.ref.outer != c.ref.inner {
		name, ok = a.names.Local(int(c.ref.g), int(c.ref.outer), chain, a.objects[n].addr)
	}
	return fmt.Sprintf("frame %d %s: %v", name.Frame, name.Func, name), ok
}
