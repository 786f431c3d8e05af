// Package heap knows the target's heap: which object an address belongs to, and
// which objects can be reached from given roots. It does not know channels.
package heap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// span is a run of pages with objects of one size (runtime.mspan, mheap.go).
type span struct {
	Start    mem.Addr `rt:"startAddr"`
	NPages   uint64   `rt:"npages"`
	NElems   uint64   `rt:"nelems"`
	SpanCls  uint8    `rt:"spanclass"`
	State    uint8    `rt:"state"`
	ElemSize uint64   `rt:"elemsize"`
	// Limit is the end of the objects.
	Limit mem.Addr `rt:"limit"`
	// FreeIndex is the first slot that may be free, AllocBits the map of
	// those in use from there on. freeIndexForScan, which the runtime's own
	// conservative scan goes by, stands still during a mark phase (mallocgc,
	// malloc.go), when what is allocated is in use nevertheless.
	FreeIndex uint64   `rt:"freeindex"`
	AllocBits mem.Addr `rt:"allocBits"`
	// Specials is the first special record of an object of the span.
	Specials mem.Addr `rt:"specials"`
}

// slots returns the number of slots of s.
func (s *span) slots() uint64 { return uint64(s.Limit-s.Start) / s.ElemSize }

// slot returns the number of the slot of s that holds a.
func (s *span) slot(a mem.Addr) uint64 { return uint64(a-s.Start) / s.ElemSize }

// pageSize is the runtime's page, in bytes (mheap.go; since Go 1.4).
const pageSize = 8192

// noScan reports whether the objects of s hold no pointers (spanClass.noscan).
func (s *span) noScan() bool { return s.SpanCls&1 != 0 }

// free reports whether slot n of s is free (mspan.isFree, mheap.go): its
// content is stale. An unreadable bitmap says that nothing is free.
func (h *Heap) free(s *span, n uint64) bool {
	if n < s.FreeIndex || n >= s.NElems || s.AllocBits == 0 {
		return false
	}
	var b [1]byte
	if err := h.rt.Mem.ReadAt(b[:], s.AllocBits+mem.Addr(n/8)); err != nil {
		return false
	}
	return b[0]&(1<<(n%8)) == 0
}

// Object is an allocated or free slot of the heap.
type Object struct {
	// Addr is the first byte, Size the size of the slot in bytes: at least
	// that of the object.
	Addr mem.Addr
	Size uint64
	// NoScan says that it holds no pointers.
	NoScan bool
}

// Contains reports whether a lies in the object.
func (o Object) Contains(a mem.Addr) bool {
	return a >= o.Addr && uint64(a-o.Addr) < o.Size
}

// Heap is the heap of one stopped instant.
type Heap struct {
	rt    *rt.Runtime
	spans []span // in use, in ascending order of Start
	// lo and hi bound all spans.
	lo, hi mem.Addr
	// arenas leads from an address to its span without a search: for each
	// arena from the one of lo on the span of each page, counted from 1, nil
	// for an arena without spans. far has those of a heap that is too
	// scattered for that.
	arenas [][]uint32
	far    map[mem.Addr][]uint32
	// first is the number of the first slot of each span when the slots of
	// all are counted through: see Set.
	firstOnce sync.Once
	first     []uint64
}

// arenaSize is the size of the pieces in which arenas is kept, in bytes.
const arenaSize = 64 << 20

// maxArenas is how many arenas are indexed without a map: 4 TB of addresses.
const maxArenas = 1 << 16

// index fills in arenas or far, lo and hi.
func (h *Heap) index() {
	for i := range h.spans {
		if i == 0 {
			h.lo = h.spans[i].Start
		}
		h.hi = max(h.hi, h.spans[i].Limit)
	}
	if n := (h.hi-1)/arenaSize - h.lo/arenaSize + 1; len(h.spans) > 0 && n <= maxArenas {
		h.arenas = make([][]uint32, n)
	}
	h.far = make(map[mem.Addr][]uint32)
	for i := range h.spans {
		s := &h.spans[i]
		for a := s.Start; a < s.Limit; a += pageSize {
			pages := h.pages(a)
			if pages == nil {
				pages = make([]uint32, arenaSize/pageSize)
				if h.arenas != nil {
					h.arenas[a/arenaSize-h.lo/arenaSize] = pages
				} else {
					h.far[a/arenaSize] = pages
				}
			}
			pages[a%arenaSize/pageSize] = uint32(i + 1)
		}
	}
}

// pages returns the spans of the pages of the arena around a, nil if it has
// none. a must lie between lo and hi.
func (h *Heap) pages(a mem.Addr) []uint32 {
	if h.arenas == nil {
		return h.far[a/arenaSize]
	}
	return h.arenas[a/arenaSize-h.lo/arenaSize]
}

// find returns the index of the span in use that holds a, -1 if none does.
func (h *Heap) find(a mem.Addr) int {
	if a < h.lo || a >= h.hi {
		return -1
	}
	pages := h.pages(a)
	if pages == nil {
		return -1
	}
	i := int(pages[a%arenaSize/pageSize]) - 1
	if i < 0 || a < h.spans[i].Start || a >= h.spans[i].Limit {
		return -1
	}
	return i
}

// In reports whether a may lie in the heap: it does not look for its span.
func (h *Heap) In(a mem.Addr) bool { return a >= h.lo && a < h.hi }

// maxSpans bounds mheap_.allspans.
const maxSpans = 1 << 28

// Open reads the descriptors of all spans in use. Spans that cannot be read
// are left out and counted in the error, with which the Heap is still usable;
// a nil Heap means that nothing could be read.
func Open(ctx context.Context, r *rt.Runtime) (*Heap, error) {
	if r.Globals.MHeap == 0 {
		return nil, errors.New("runtime.mheap_ was not found in the target")
	}
	plan, err := layout.Bind[span](r.Layout, "runtime.mspan")
	if err != nil {
		return nil, err
	}
	addrs, err := allSpans(r)
	if err != nil {
		return nil, err
	}
	inUse, ok := r.Layout.Consts["runtime.mSpanInUse"]
	if !ok {
		return nil, fmt.Errorf("the layouts of %s lack runtime.mSpanInUse", r.Layout.Source)
	}
	// Room that is not used is not touched and costs nothing.
	h := &Heap{rt: r, spans: make([]span, 0, len(addrs))}
	var bad int
	var firstBad error
	for i, a := range addrs {
		if i%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var s span
		if err := plan.Read(r.Mem, a, &s); err != nil {
			if bad++; firstBad == nil {
				firstBad = err
			}
			continue
		}
		if int64(s.State) == inUse && s.ElemSize > 0 && s.Limit > s.Start && s.NPages > 0 {
			h.spans = append(h.spans, s)
		}
	}
	if byStart := func(a, b span) int { return cmp.Compare(a.Start, b.Start) }; !slices.IsSortedFunc(h.spans, byStart) {
		slices.SortFunc(h.spans, byStart)
	}
	h.index()
	if bad > 0 {
		return h, fmt.Errorf("%d of %d span descriptors are unreadable: %w", bad, len(addrs), firstBad)
	}
	return h, nil
}

// allSpans reads mheap_.allspans.
func allSpans(r *rt.Runtime) ([]mem.Addr, error) {
	off, _, err := r.Layout.Offset("runtime.mheap", "allspans")
	if err != nil {
		return nil, err
	}
	addrs, err := r.ReadPointerSlice(r.Globals.MHeap+mem.Addr(off), maxSpans)
	if err != nil {
		return nil, fmt.Errorf("mheap_.allspans: %w", err)
	}
	return addrs, nil
}

// Object returns the slot of the heap that holds a; ok is false if a is not in
// the heap.
func (h *Heap) Object(a mem.Addr) (o Object, ok bool) {
	i := h.find(a)
	if i < 0 {
		return Object{}, false
	}
	s := &h.spans[i]
	n := s.slot(a)
	return Object{Addr: s.Start + mem.Addr(n*s.ElemSize), Size: s.ElemSize, NoScan: s.noScan()}, true
}

// InUse returns the number of bytes of all spans in use.
func (h *Heap) InUse() uint64 {
	var n uint64
	for i := range h.spans {
		n += h.spans[i].NPages * pageSize
	}
	return n
}
