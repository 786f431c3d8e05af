package names

import (
	"rtdbg/inspect/mem"
)

// The limits of a search through the fields of a frame's variables.
const (
	maxSearched = 400 // words
	maxDepth    = 3   // pointers
)

// search looks for the object at target in what the variables of a frame lead to
// through fields.
func (n *Names) search(f *frame, cfa, target mem.Addr) (name Name, ok bool) {
	type item struct {
		locus
		l     *local
		depth int
	}
	var queue []item
	f.each(func(l *local) bool {
		n.pointers(l, cfa, func(x locus) bool {
			queue = append(queue, item{x, l, 1})
			return true
		})
		return true
	})
	seen := make(map[mem.Addr]bool)
	for words := 0; len(queue) > 0 && words < maxSearched; {
		it := queue[0]
		queue = queue[1:]
		if !it.many && it.typ != nil {
			if x, ok := n.arrive(it.locus, target); ok {
				return Name{Func: it.l.fn, Depth: it.l.depth, Path: x.name, Type: typeName(x.typ), Via: x.via}, true
			}
		}
		if it.many || it.typ == nil || it.shown != nil || it.depth >= maxDepth || seen[it.at] {
			continue
		}
		seen[it.at] = true
		v := it.value()
		for off := int64(0); off+8 <= it.typ.Size && words < maxSearched; off += 8 {
			words++
			if x, ok := n.pointer(v, off); ok {
				queue = append(queue, item{x, it.l, it.depth + 1})
			}
		}
	}
	return Name{}, false
}
