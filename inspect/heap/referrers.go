package heap

import (
	"context"
	"errors"
	"slices"
	"sort"

	"rtdbg/inspect/mem"
)

// Extent is a range of addresses that is searched for: an object.
type Extent struct {
	Start, End mem.Addr
}

// Extents is a set of ranges in ascending order that do not overlap.
type Extents struct {
	list   []Extent
	lo, hi mem.Addr
}

// NewExtents sorts and merges ranges.
func NewExtents(list []Extent) *Extents {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Extent) int {
		switch {
		case a.Start < b.Start:
			return -1
		case a.Start > b.Start:
			return 1
		}
		return 0
	})
	e := &Extents{}
	for _, x := range list {
		if n := len(e.list); n > 0 && x.Start < e.list[n-1].End {
			e.list[n-1].End = max(e.list[n-1].End, x.End)
			continue
		}
		e.list = append(e.list, x)
	}
	if n := len(e.list); n > 0 {
		e.lo, e.hi = e.list[0].Start, e.list[n-1].End
	}
	return e
}

// Find returns the start of the range that holds a; ok is false if none does.
func (e *Extents) Find(a mem.Addr) (x Extent, ok bool) {
	if a < e.lo || a >= e.hi {
		return Extent{}, false
	}
	i := sort.Search(len(e.list), func(i int) bool { return e.list[i].Start > a }) - 1
	if i < 0 || a >= e.list[i].End {
		return Extent{}, false
	}
	return e.list[i], true
}

// Reference is a word outside of all stacks that points into a range.
type Reference struct {
	// Slot is where the word lies, Value what it holds.
	Slot, Value mem.Addr
	// Holder is the heap object around the slot; Global says that the slot
	// is part of a package-level variable instead.
	Holder Object
	Global bool
	// Target is the range that Value points into.
	Target Extent
}

// Referrers reads the whole heap and all package-level variables word by word
// and calls visit for each word that points into one of the ranges. It is
// conservative: a number that looks like an address counts, an object that is
// garbage counts; nothing that a pointer can be is missed but for memory that
// is not Go's. Parts that cannot be read are reported in the error.
func (h *Heap) Referrers(ctx context.Context, targets *Extents, visit func(Reference)) error {
	var errs []error
	for i := range h.spans {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := &h.spans[i]
		if s.noScan() {
			continue
		}
		err := h.words(ctx, s.Start, s.Limit, func(slot, value mem.Addr) {
			if x, ok := targets.Find(value); ok {
				n := uint64(slot-s.Start) / s.ElemSize
				visit(Reference{Slot: slot, Value: value, Target: x,
					Holder: Object{Addr: s.Start + mem.Addr(n*s.ElemSize), Size: s.ElemSize}})
			}
		})
		errs = appendFew(errs, err)
	}
	for i := range h.rt.Modules {
		for _, v := range h.rt.Modules[i].PointerVariables() {
			err := h.words(ctx, v.Start, v.End, func(slot, value mem.Addr) {
				if x, ok := targets.Find(value); ok {
					visit(Reference{Slot: slot, Value: value, Target: x, Global: true})
				}
			})
			errs = appendFew(errs, err)
		}
	}
	return errors.Join(errs...)
}

// maxErrors bounds the errors that one walk reports.
const maxErrors = 5

func appendFew(errs []error, err error) []error {
	if err != nil && len(errs) < maxErrors {
		errs = append(errs, err)
	}
	return errs
}

// chunk is how much is read at once, in bytes.
const chunk = 1 << 20

// words calls visit with each aligned word of [lo, hi).
func (h *Heap) words(ctx context.Context, lo, hi mem.Addr, visit func(slot, value mem.Addr)) error {
	lo = (lo + 7) &^ 7
	var errs []error
	for a := lo; a < hi; a += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(chunk, int(hi-a)) &^ 7
		b, err := h.rt.Mem.View(a, n)
		if err != nil {
			errs = appendFew(errs, err)
			continue
		}
		for i := 0; i+8 <= len(b); i += 8 {
			if v := h.rt.Arch.Order.Uint64(b[i:]); v != 0 {
				visit(a+mem.Addr(i), mem.Addr(v))
			}
		}
	}
	return errors.Join(errs...)
}
