// Package heap knows the target's heap: which object an address belongs to,
// and which words of the heap and of package-level variables point into given
// objects. It does not know channels.
package heap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"

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
}

// pageSize is the runtime's page, in bytes (mheap.go; since Go 1.4).
const pageSize = 8192

// noScan reports whether the objects of s hold no pointers (spanClass.noscan).
func (s *span) noScan() bool { return s.SpanCls&1 != 0 }

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
}

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
	h := &Heap{rt: r}
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
	slices.SortFunc(h.spans, func(a, b span) int {
		switch {
		case a.Start < b.Start:
			return -1
		case a.Start > b.Start:
			return 1
		}
		return 0
	})
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

// spanOf returns the span in use that holds a, nil if none does.
func (h *Heap) spanOf(a mem.Addr) *span {
	i := sort.Search(len(h.spans), func(i int) bool { return h.spans[i].Start > a }) - 1
	if i < 0 || a >= h.spans[i].Limit {
		return nil
	}
	return &h.spans[i]
}

// Object returns the slot of the heap that holds a; ok is false if a is not in
// the heap.
func (h *Heap) Object(a mem.Addr) (o Object, ok bool) {
	s := h.spanOf(a)
	if s == nil {
		return Object{}, false
	}
	n := uint64(a-s.Start) / s.ElemSize
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
