package wake

import (
	"fmt"
	"strings"

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
	if !ok {
		return a.globalNameOf(c, chain, n)
	}
	return fmt.Sprintf("frame %d %s: %v", name.Frame, name.Func, name), true
}

// globalNameOf names object n by a package-level variable on the way of a
// candidate, or by another that leads to it.
func (a *Analyzer) globalNameOf(c *Candidate, chain []mem.Addr, n int) (words string, ok bool) {
	name, ok := Name{}, false
	if len(chain) > 0 && a.nodes[a.edges[c.chain[0]].holder].global {
		name, ok = a.names.Global(chain, a.objects[n].addr)
	}
	if !ok && len(chain) == 0 {
		name, ok = a.staticName(n)
	}
	fn, shown := a.stacks.Func(a.shapes.list[a.info[c.ref.g].shape].stack, int(c.ref.inner))
	return fmt.Sprintf("frame %d %s refers to %v", shown, fn, name), ok
}

// called is what makes an owner one, with what it calls object n.
func (a *Analyzer) called(c *Candidate, n int) []string {
	name, ok := a.NameFor(int(c.Members[0]), a.objects[n].addr)
	if !ok {
		return []string{c.fact}
	}
	here := fmt.Sprintf("frame %d %s", name.Frame, name.Func)
	if name.Func == "" || strings.HasPrefix(c.fact, here+" ") {
		for _, it := range []string{" of it", " refers to it", " leads to it"} {
			if before, after, found := strings.Cut(c.fact, it); found {
				return []string{before + strings.TrimSuffix(it, "it") + name.Path + after}
			}
		}
	}
	if name.Func == "" {
		return []string{c.fact, name.String()}
	}
	return []string{c.fact, fmt.Sprintf("%s: %v", here, name)}
}

// staticName names object n by the package-level variable that holds it, or
// that holds a pointer to it.
func (a *Analyzer) staticName(n int) (Name, bool) {
	o := &a.objects[n]
	if a.names == nil {
		return Name{}, false
	}
	if a.nodes[o.node].global {
		return a.names.Global(nil, o.addr)
	}
	edges, _ := a.holdersOf(o.node)
	for i := range edges[:min(len(edges), maxNamed)] {
		e := &edges[i]
		if !a.nodes[e.holder].global {
			continue
		}
		word := a.nodes[e.holder].extent.Start + mem.Addr(e.at)
		if name, ok := a.names.Global([]mem.Addr{word}, o.addr); ok {
			return name, true
		}
	}
	return Name{}, false
}

// The limits of the search for a name.
const (
	maxNamed  = 64 // pointers to the object
	maxFrames = 4  // frames of the program's own
)

// NameFor says what the program of goroutine number i calls the object at an
// address: by a variable in its innermost frames, or by a package-level variable.
func (a *Analyzer) NameFor(i int, at mem.Addr) (Name, bool) {
	if a.names == nil || a.info[i].state == gone {
		return Name{}, false
	}
	sh := a.shapes.list[a.info[i].shape]
	tried := 0
	for f, own := range sh.own {
		if !own {
			continue
		}
		if name, ok := a.names.Local(i, f, nil, at); ok {
			return name, true
		}
		if tried++; tried == maxFrames {
			break
		}
	}
	if n, ok := a.objectOf(&at); ok {
		return a.staticName(n)
	}
	return Name{}, false
}
