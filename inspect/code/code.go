// Package code says what functions can do to what goroutines wait on: send,
// receive, close, unlock, call Done. It reads the machine code and the
// function tables of the target, nothing else, so that a stripped program is
// read as well as any other.
//
// Calls that the compiler inlined are exact, by the tables. Direct calls are
// followed, function values that are made count as callable, and what is
// called through an interface or a function value is Dynamic: anything. The
// answers are about functions, not about which channel or lock they use.
package code

import (
	"fmt"
	"sort"
	"strings"
	"sync"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// Program is the code of one stopped target. It is safe for concurrent use:
// what was found out of a function is kept.
type Program struct {
	mem     mem.Viewer
	arch    *arch.Arch
	table   *pcln.Table
	machine *machine
	// data are the ranges of package-level variables, in order.
	data []mem.Range
	std  standard
	ops  map[string]Ops // of primitives, by name

	mu  sync.RWMutex
	fns map[*pcln.Func]*fn

	sumMu sync.Mutex // held to compute sums

	reachMu  sync.RWMutex
	reaches  map[reachKey]*Reach
	closures map[mem.Addr]Closure // by entry
	locked   map[lockedKey][]Site
	released map[lockedKey]LetGo
	firsts   map[lockedKey][]Site
}

// New returns the code of a target. data are the address ranges of its
// package-level variables (data and bss of its modules); references to other
// addresses are not noted.
func New(m mem.Viewer, a *arch.Arch, table *pcln.Table, data []mem.Range) (*Program, error) {
	mach, ok := machineOf(a)
	if !ok {
		return nil, fmt.Errorf("code: instructions of %s are not supported", a.Name)
	}
	p := &Program{
		mem: m, arch: a, table: table, machine: mach,
		std: newStandard(table), ops: make(map[string]Ops),
		fns: make(map[*pcln.Func]*fn), reaches: make(map[reachKey]*Reach), closures: make(map[mem.Addr]Closure),
		locked: make(map[lockedKey][]Site), released: make(map[lockedKey]LetGo), firsts: make(map[lockedKey][]Site),
	}
	p.data = append(p.data, data...)
	sort.Slice(p.data, func(i, j int) bool { return p.data[i].Start < p.data[j].Start })
	for _, prim := range primitives() {
		for _, name := range prim.names {
			p.ops[name] = prim.ops
		}
	}
	return p, nil
}

// fn is what is known of one function.
type fn struct {
	*pcln.Func
	std bool
	// prim is what the function does if it is a primitive.
	prim Ops
	// opaque says that its code is of no interest.
	opaque bool

	bodyOnce sync.Once
	body     *body
	flowOnce sync.Once
	flow     *flow
	sum      sumCell
}

// fn returns what is known of f.
func (p *Program) fn(f *pcln.Func) *fn {
	p.mu.RLock()
	n := p.fns[f]
	p.mu.RUnlock()
	if n != nil {
		return n
	}
	name := plainName(f.Name)
	n = &fn{Func: f, std: p.std.has(f), prim: p.ops[name], opaque: opaque(name) || f.External()}
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.fns[f]; old != nil {
		return old
	}
	p.fns[f] = n
	return n
}

// plainName is a function's name without what the linker adds for another
// calling convention or a method value.
func plainName(name string) string {
	name = strings.TrimSuffix(name, ".abi0")
	return strings.TrimSuffix(name, "-fm")
}

// entry returns the function that begins at a, nil if none does.
func (p *Program) entry(a mem.Addr) *fn {
	f := p.table.Func(a)
	if f == nil || f.Entry != a {
		return nil
	}
	return p.fn(f)
}

// inData reports whether a lies in a package-level variable.
func (p *Program) inData(a mem.Addr) bool {
	i := sort.Search(len(p.data), func(i int) bool { return p.data[i].End > a })
	return i < len(p.data) && p.data[i].Contains(a)
}

// maxCode bounds the code of one function in bytes. The largest known are
// generated tables of some megabytes.
const maxCode = 1 << 24

// code returns the instructions of f, nil if they cannot be read.
func (p *Program) code(f *pcln.Func) []byte {
	size := f.End - f.Entry
	if f.End <= f.Entry || size > maxCode {
		return nil
	}
	b, err := p.mem.View(f.Entry, int(size))
	if err != nil {
		return nil
	}
	return b
}

// funcValue returns the function whose value, without captured variables,
// lies at a in read-only data: nil if none does.
func (p *Program) funcValue(a mem.Addr) *fn {
	if a%mem.Addr(p.arch.PtrSize) != 0 || p.inData(a) {
		return nil
	}
	w, ok := p.word(a)
	if !ok {
		return nil
	}
	return p.entry(mem.Addr(w))
}

func (p *Program) word(a mem.Addr) (uint64, bool) {
	b, err := p.mem.View(a, 8)
	if err != nil {
		return 0, false
	}
	return p.arch.Order.Uint64(b), true
}
