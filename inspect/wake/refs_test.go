package wake

import (
	"slices"
	"testing"

	"rtdbg/inspect/heap"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/wait"
)

// A goroutine's references to one node are one, with what tells most.
func TestReferencesToOneNodeAreOne(t *testing.T) {
	own := ref{node: 1, inner: 4, outer: 4, off: 16, own: true}
	for _, x := range []struct {
		name string
		add  []ref
		want ref
	}{
		{"the program's own frame counts, not the runtime's", []ref{{node: 1, inner: 1, outer: 1, exact: true}, own}, ref{node: 1, inner: 4, outer: 4, off: 16, own: true, exact: true}},
		{"the runtime's frame adds nothing to the program's", []ref{own, {node: 1, inner: 1, outer: 1, off: 32}}, own},
		{"from the innermost to the outermost", []ref{own, {node: 1, inner: 7, outer: 9, off: 8, own: true, exact: true}}, ref{node: 1, inner: 4, outer: 9, off: 8, own: true, exact: true}},
	} {
		list := []ref{{node: 1, g: 9}}
		for _, r := range x.add {
			list = addRef(list, 1, r)
		}
		if len(list) != 2 || list[1] != x.want {
			t.Errorf("%s: %+v, want %+v", x.name, list[1:], x.want)
		}
	}
	if list := addRef(addRef(nil, 0, own), 0, ref{node: 2}); len(list) != 2 {
		t.Errorf("references to two nodes are %d", len(list))
	}
}

// chained is an analysis in which node 1 holds node 0, in which an object lies
// at offset 8, and node 2 holds node 1.
func chained(to uint32) *Analyzer {
	a := &Analyzer{
		objects: []object{{addr: 0x1008, kind: wait.Mutex}},
		nodes: []node{
			{extent: heap.Extent{Start: 0x1000, End: 0x1040}},
			{extent: heap.Extent{Start: 0x2000, End: 0x2040}, level: 1},
			{extent: heap.Extent{Start: 0x3000, End: 0x3040}, level: 2},
		},
		edges: []edge{{target: 0, holder: 1, at: 24, to: to}, {target: 1, holder: 2, at: 0, to: 16}, {target: 1, holder: 1, at: 24}},
	}
	a.linkEdges()
	return a
}

// Who holds an object leads to it through pointers to what lies in front of it;
// a pointer behind it leads elsewhere, and a loop ends.
func TestPathsLeadThroughPointersInFrontOfTheObject(t *testing.T) {
	for _, x := range []struct {
		to    uint32
		nodes []uint32
	}{{0, []uint32{0, 1, 2}}, {8, []uint32{0, 1, 2}}, {16, []uint32{0}}} {
		a := chained(x.to)
		var nodes []uint32
		paths := a.paths(0, nil)
		for _, p := range paths {
			nodes = append(nodes, p.node)
		}
		if !slices.Equal(nodes, x.nodes) {
			t.Errorf("pointer to offset %d: nodes %v, want %v", x.to, nodes, x.nodes)
		}
		if last := int32(len(paths) - 1); last == 2 {
			if words := a.chainWords(chain(paths, last), 0); words != "0x3000+0 → 0x2000+24 → 0x1008" {
				t.Errorf("the chain is %q", words)
			}
		}
	}
}

// What too many words point to is cut, and marked.
func TestHoldersAreLimited(t *testing.T) {
	a := &Analyzer{objects: []object{{addr: 0x1000}}, nodes: []node{{}, {}}}
	for i := range uint32(maxHolders + 10) {
		a.edges = append(a.edges, edge{target: 0, holder: 1, at: 8 * i})
	}
	a.linkEdges()
	if edges, _ := a.holdersOf(0); len(edges) != maxHolders || !a.nodes[0].crowded {
		t.Errorf("%d holders, crowded %v", len(edges), a.nodes[0].crowded)
	}
	if down := a.heldBy(1); len(down) != maxHolders {
		t.Errorf("node 1 holds %d", len(down))
	}
}

// Those who have to act before a wait ends all have to be able to run.
func TestAllOwnersHaveToAct(t *testing.T) {
	k := held{0, side(wait.Wait)}
	a := &Analyzer{
		objects: []object{{addr: 0x1000, kind: wait.WaitGroup}}, waiters: []waiter{{2, wait.WaitNumber()}},
		info:    make([]goroutine, 3),
		holders: map[held]ownership{k: {held: k, owners: []owner{{g: 0}, {g: 1}}, sole: true, all: true}},
		holds:   map[int32][]held{0: {k}, 1: {k}}, acted: make(map[held]int),
		refsByG: make([]uint32, 4),
	}
	a.info[0].state = live
	a.spread([]int32{0}, live)
	if a.info[2].state != stuck {
		t.Error("one of two is enough")
	}
	a.info[1].state = live
	a.spread([]int32{1}, live)
	if a.info[2].state != live {
		t.Error("both are not enough")
	}
}

// Values on stacks keep their frames and flags.
func TestStackPointersAreFolded(t *testing.T) {
	a := &Analyzer{}
	c := scanner{a: a}
	v := mem.Addr(0xc000010000)
	for _, s := range []struct {
		word  uint64
		frame uint16
	}{{uint64(v) | slotExact, 1}, {uint64(v) | slotOwn, 3}, {uint64(v) | slotOwn, 5}, {uint64(v), 0}} {
		c.fold(v, s.word, s.frame)
	}
	if len(c.held) != 1 || c.held[0].value() != v || c.held[0].inner != 3 || c.held[0].outer != 5 || c.held[0].word&slotExact == 0 {
		t.Errorf("slots %+v", c.held)
	}
}
