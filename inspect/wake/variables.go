package wake

import (
	"context"
	"math"
	"slices"
	"sort"
	"sync"

	"rtdbg/inspect/code"
	"rtdbg/inspect/heap"
	"rtdbg/inspect/mem"
)

// The limits that keep the search for users of variables linear.
const (
	// maxVariables is how many variables that lead to objects are looked at.
	maxVariables = 256
	// maxUsers is how many goroutines are noted as users, in all.
	maxUsers = 1 << 21
)

// variableRefs are the references of goroutines to package-level variables
// that lead to objects: those that the code in their frames makes, from where
// it goes on.
func (a *Analyzer) variableRefs(ctx context.Context) (refs blocks[ref]) {
	if a.code == nil {
		return refs
	}
	vars := a.leadingVariables()
	if len(vars) == 0 {
		return refs
	}
	byShape, first := a.byShape()
	for _, n := range vars {
		x := a.nodes[n].extent
		u := a.code.Users(x.Start, max(x.End, x.Start+8))
		known := make(map[mem.Addr]bool) // by pc: frames are shared
		for s, sh := range a.shapes.list {
			if ctx.Err() != nil || refs.n > maxUsers {
				return refs
			}
			frame, ok := a.uses(u, sh, known)
			if !ok {
				continue
			}
			for _, i := range byShape[first[s]:first[s+1]] {
				refs.add([]ref{{node: n, g: i, inner: uint16(frame), outer: uint16(frame), exact: true, own: true, named: true}})
			}
		}
	}
	return refs
}

// leadingVariables are the numbers of the nodes that are package-level
// variables, the nearest first.
func (a *Analyzer) leadingVariables() []uint32 {
	var list []uint32
	for level := range uint8(maxLevels + 1) {
		for n := range a.nodes {
			if x := &a.nodes[n]; x.global && x.level == level && len(list) < maxVariables {
				list = append(list, uint32(n))
			}
		}
	}
	return list
}

// uses returns the innermost frame of a shape whose code uses a variable from
// where it goes on.
func (a *Analyzer) uses(u *code.Users, sh *shape, known map[mem.Addr]bool) (frame int, ok bool) {
	for i := range min(len(sh.stack.Frames), math.MaxUint16) {
		if !sh.own[i] {
			continue
		}
		pc := sh.stack.Frames[i].PC
		used, seen := known[pc]
		if !seen {
			_, used = u.Site(a.code.After(pc))
			known[pc] = used
		}
		if used {
			return i, true
		}
	}
	return 0, false
}

// byShape lists the goroutines of each shape; those of shape s are from
// first[s] up to first[s+1].
func (a *Analyzer) byShape() (list, first []uint32) {
	first = make([]uint32, len(a.shapes.list)+1)
	for i := range a.info {
		if a.info[i].state != gone {
			first[a.info[i].shape+1]++
		}
	}
	sum(first)
	list = make([]uint32, first[len(a.shapes.list)])
	at := append([]uint32(nil), first...)
	for i := range a.info {
		if g := &a.info[i]; g.state != gone {
			list[at[g.shape]] = uint32(i)
			at[g.shape]++
		}
	}
	return list, first
}

// variables are the extents of package-level variables.
type variables struct {
	// pointed are the addresses in data and bss to which words there point,
	// in ascending order: the beginnings of variables without a symbol, such
	// as what a composite literal is initialised from.
	pointed []mem.Addr
	mu      sync.Mutex
	known   map[mem.Addr]heap.Extent
}

// maxVariable bounds a variable without a symbol, in bytes.
const maxVariable = 4096

// findVariables reads which variables others point to.
func (a *Analyzer) findVariables() {
	v := &a.variables
	v.known = make(map[mem.Addr]heap.Extent)
	if a.vars == nil {
		return
	}
	order := a.rt.Arch.Order
	for i := range a.rt.Modules {
		for _, r := range a.rt.Modules[i].PointerVariables() {
			b, err := a.rt.Mem.View(r.Start, int(r.End-r.Start)&^7)
			if err != nil {
				continue // variables then seem to be of one word
			}
			for j := 0; j+8 <= len(b); j += 8 {
				if p := mem.Addr(order.Uint64(b[j:])); a.rt.InData(p) {
					v.pointed = append(v.pointed, p)
				}
			}
		}
	}
	slices.Sort(v.pointed)
	v.pointed = slices.Compact(v.pointed)
}

// around returns the extent of the variable around an address: by its symbol,
// or, among variables that have symbols, from the nearest address in front of it
// that something points to.
func (v *variables) around(a *Analyzer, at mem.Addr) heap.Extent {
	v.mu.Lock()
	defer v.mu.Unlock()
	if x, ok := v.known[at]; ok {
		return x
	}
	x := heap.Extent{Start: at, End: at + 1}
	if a.vars == nil {
		// Without symbols nothing tells where a variable ends.
		return x
	}
	i := sort.Search(len(v.pointed), func(i int) bool { return v.pointed[i] > at })
	if _, named, ok := a.vars.Variable(at); ok {
		x = named
	} else if i > 0 && at-v.pointed[i-1] < maxVariable {
		x.Start, x.End = v.pointed[i-1], v.pointed[i-1]+maxVariable
		if i < len(v.pointed) {
			x.End = min(x.End, v.pointed[i])
		}
	}
	v.known[at] = x
	return x
}
