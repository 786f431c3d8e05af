// Package names says how the source calls what lies at an address: by the
// variable of a frame, or of a package, from which the program reaches it, and
// the fields on the way. It knows types from the executable's DWARF.
package names

import (
	"strings"
	"sync"

	"rtdbg/inspect/exe"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// Name is how the source calls an object.
type Name struct {
	// Func is the function whose variable leads to the object, in full, ""
	// for a package-level variable. Depth is how many calls that were inlined
	// it lies in, within the physical frame.
	Func  string
	Depth int
	// Path is an expression of that function: "jobs", "p.conn.in",
	// "pools[…].mu".
	Path string
	// Type is the object's type, "chan int".
	Type string
	// Via is the variable with the closure whose captured variable Path
	// begins with, "" for none.
	Via string
}

// Names names the objects of one stopped instant. It may be used concurrently.
type Names struct {
	rt   *rt.Runtime
	info *exe.DebugInfo
	// bias is the difference between the target's addresses and the file's.
	bias uint64
	// plumbing reports functions whose variables say nothing, as those of
	// package sync.
	plumbing func(fn string) bool

	mu     sync.Mutex
	frames map[*stack.PCInfo]*frame
	misses map[missKey]int
}

// New returns Names for a target whose addresses differ by bias from those of
// info. The variables of functions for which plumbing is true are passed over.
func New(r *rt.Runtime, info *exe.DebugInfo, bias uint64, plumbing func(fn string) bool) *Names {
	return &Names{rt: r, info: info, bias: bias, plumbing: plumbing,
		frames: make(map[*stack.PCInfo]*frame), misses: make(map[missKey]int)}
}

// missKey is a kind of question that frames with one PC get: how many words lie
// between the variable and the object.
type missKey struct {
	pc   *stack.PCInfo
	hops int
}

// maxMisses is how many questions of one kind are answered in vain before they
// are not tried any more: a million goroutines may share a frame.
const maxMisses = 64

// Local names the object at target by a variable in physical frame number i of t.
// words are the addresses of the pointers in memory, in order, that lead from
// what the variable points to to the object; if they cannot be followed, or
// there are none, the fields of the frame's variables are searched for it.
func (n *Names) Local(t stack.Trace, i int, words []mem.Addr, target mem.Addr) (Name, bool) {
	if i < 0 || i >= len(t.Stack.Frames) {
		return Name{}, false
	}
	p := &t.Stack.Frames[i]
	key := missKey{p.PCInfo, len(words)}
	n.mu.Lock()
	hopeless := n.misses[key] >= maxMisses
	n.mu.Unlock()
	if hopeless {
		return Name{}, false
	}
	f := n.frame(p.PCInfo)
	cfa := t.SP + mem.Addr(p.FP)
	name, ok := n.follow(f, cfa, words, target)
	if !ok {
		name, ok = n.search(f, cfa, target)
	}
	if !ok {
		n.mu.Lock()
		n.misses[key]++
		n.mu.Unlock()
	}
	return name, ok
}

// follow tries each variable of a frame as the beginning of words.
func (n *Names) follow(f *frame, cfa mem.Addr, words []mem.Addr, target mem.Addr) (name Name, ok bool) {
	f.each(func(l *local) bool {
		n.pointers(l, cfa, func(x locus) bool {
			if x, ok = n.walk(x, words, target, 0); ok {
				name = Name{Func: l.fn, Depth: l.depth, Path: x.name, Type: typeName(x.typ), Via: x.via}
			}
			return !ok
		})
		return !ok
	})
	return name, ok
}

// Global names the object at target by the package-level variable that begins at
// addr and has this name in the symbol table. words are as in Local; the first
// of them lies in the variable.
func (n *Names) Global(name string, addr mem.Addr, words []mem.Addr, target mem.Addr) (Name, bool) {
	t, err := n.info.StaticType(name, uint64(addr)-n.bias)
	if err != nil {
		return Name{}, false
	}
	x, ok := n.walk(locus{name: name, typ: t, at: addr}, words, target, 0)
	return Name{Path: x.name, Type: typeName(x.typ), Via: x.via}, ok
}

// typeName is a type's name as the source has it.
func typeName(t *exe.Type) string {
	if t == nil {
		return ""
	}
	return strings.NewReplacer("interface {}", "any", "go.shape.", "").Replace(t.Name)
}
