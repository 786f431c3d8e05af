package heap

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// Reference is a word that points into an object.
type Reference struct {
	// At is the address of the word, Value what it holds.
	At, Value mem.Addr
}

// References are words in order, in as many pieces as they were found in.
type References [][]Reference

// Len returns how many there are.
func (r References) Len() int {
	n := 0
	for _, list := range r {
		n += len(list)
	}
	return n
}

// Each calls visit for all of them.
func (r References) Each(visit func(Reference)) {
	for _, list := range r {
		for _, x := range list {
			visit(x)
		}
	}
}

// cut leaves the first limit of them.
func (r References) cut(limit int) {
	for i := range r {
		r[i] = r[i][:min(len(r[i]), limit)]
		limit -= len(r[i])
	}
}

// References finds the words of the heap, and of package-level variables, that
// point into the objects of a set: variables first, then in order of addresses.
// Words that point into variables count as well, those that are ranges of vars.
// Objects in skip, free slots and objects without pointers are not looked into. At most limit
// references are returned; more says that there were more. The heap is read
// once, in order of addresses, on all processors. bad counts the spans that
// could not be read.
func (h *Heap) References(ctx context.Context, targets, skip *Set, vars *Extents, limit int) (found References, more bool, bad int, err error) {
	regions := h.regions()
	found = make(References, len(regions))
	var next, unread, total atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			s := search{h: h, ctx: ctx, targets: targets, skip: skip, vars: vars}
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(regions) || total.Load() > int64(limit) {
					return
				}
				s.refs = s.refs[:0]
				if s.region(regions[i]) != nil {
					unread.Add(1)
				}
				found[i] = slices.Clone(s.refs)
				total.Add(int64(len(s.refs)))
			}
		})
	}
	wg.Wait()
	if found.Len() > limit {
		found.cut(limit)
		more = true
	}
	return found, more, int(unread.Load()), ctx.Err()
}

// region is a piece of memory that is searched at once: spans from first up to
// last, or, where these are equal, variables.
type region struct {
	first, last int
	vars        rt.PointerMask
}

// regionSize is how many bytes of spans make one region, at least.
const regionSize = 4 << 20

// regions cuts the package-level variables and the heap into pieces, the heap
// in order of addresses.
func (h *Heap) regions() []region {
	var list []region
	for i := range h.rt.Modules {
		for _, v := range h.rt.PointerMasks(&h.rt.Modules[i]) {
			list = append(list, region{vars: v})
		}
	}
	for i := 0; i < len(h.spans); {
		r := region{first: i}
		for n := uint64(0); i < len(h.spans) && n < regionSize; i++ {
			n += h.spans[i].NPages * pageSize
		}
		r.last = i
		list = append(list, r)
	}
	return list
}

// search is the state of one worker of References; refs are those of the region
// in hand.
type search struct {
	h             *Heap
	ctx           context.Context
	targets, skip *Set
	vars          *Extents
	refs          []Reference
}

func (s *search) region(r region) error {
	if r.first == r.last {
		from := len(s.refs)
		err := s.words(r.vars.Start, r.vars.End)
		found := slices.DeleteFunc(s.refs[from:], func(x Reference) bool { return !r.vars.Has(x.At) })
		s.refs = s.refs[:from+len(found)]
		return err
	}
	var failed error
	for i := r.first; i < r.last; i++ {
		sp := &s.h.spans[i]
		if sp.noScan() {
			continue
		}
		if err := s.span(i, sp); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

// span searches the allocated objects of one span.
func (s *search) span(i int, sp *span) error {
	n := min(sp.slots(), sp.NElems)
	if n <= 1 && sp.ElemSize >= chunk {
		// One large object.
		if s.skip.has(s.skip.first[i]) || s.h.free(sp, 0) {
			return nil
		}
		return s.words(sp.Start, sp.Limit)
	}
	var allocated []byte
	if sp.AllocBits != 0 && sp.FreeIndex < n {
		if b, err := s.h.rt.Mem.View(sp.AllocBits, int(n+7)/8); err == nil {
			allocated = b
		}
	}
	b, err := s.h.rt.Mem.View(sp.Start, int(n*sp.ElemSize))
	if err != nil {
		return err
	}
	skips := s.skip.some[i] != 0
	for slot := range n {
		if slot >= sp.FreeIndex && allocated != nil && allocated[slot/8]&(1<<(slot%8)) == 0 {
			continue
		}
		if skips && s.skip.has(s.skip.first[i]+slot) {
			continue
		}
		s.object(sp.Start+mem.Addr(slot*sp.ElemSize), b[slot*sp.ElemSize:(slot+1)*sp.ElemSize])
	}
	return nil
}

// words searches [lo, hi) in pieces.
func (s *search) words(lo, hi mem.Addr) error {
	for a := (lo + 7) &^ 7; a < hi; a += chunk {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		b, err := s.h.rt.Mem.View(a, min(chunk, int(hi-a))&^7)
		if err != nil {
			return err
		}
		s.object(a, b)
	}
	return nil
}

// object searches the words of one object.
func (s *search) object(at mem.Addr, b []byte) {
	o := s.h.rt.Arch.Order
	lo, size := uint64(s.h.lo), uint64(s.h.hi-s.h.lo)
	vlo, vsize := uint64(s.vars.lo), uint64(s.vars.hi-s.vars.lo)
	for i := 0; i+8 <= len(b); i += 8 {
		v := o.Uint64(b[i:])
		if v-lo < size && s.targets.Has(mem.Addr(v)) {
			s.refs = append(s.refs, Reference{At: at + mem.Addr(i), Value: mem.Addr(v)})
		} else if v-vlo < vsize {
			if _, ok := s.vars.Find(mem.Addr(v)); ok {
				s.refs = append(s.refs, Reference{At: at + mem.Addr(i), Value: mem.Addr(v)})
			}
		}
	}
}
