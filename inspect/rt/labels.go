package rt

import (
	"fmt"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// maxLabels bounds the profiler labels of one goroutine.
const maxLabels = 4096

// maxLabelString bounds a key or value, in bytes.
const maxLabelString = 1 << 16

// stringSize is the size of a string header in bytes.
const stringSize = 16

// LabelList reads profiler labels as Go has kept them since 1.24: a points to a
// sorted list of pairs of strings (internal/runtime/pprof/label.Set; LabelSet
// in runtime/pprof before 1.25). Labels read before an error are returned with
// it.
func (r *Runtime) LabelList(a mem.Addr) (map[string]string, error) {
	s, err := r.readSliceAt(a)
	if err != nil {
		return nil, err
	}
	if s.Len > maxLabels {
		return nil, fmt.Errorf("corrupt list of %d", s.Len)
	}
	labels := make(map[string]string, s.Len)
	for i := range s.Len {
		at := mem.Addr(s.Ptr + 2*stringSize*i)
		if err := r.readLabel(labels, at, at+stringSize); err != nil {
			return labels, err
		}
	}
	return labels, nil
}

// readLabel adds the label whose key and value are the strings at the given
// addresses.
func (r *Runtime) readLabel(labels map[string]string, key, value mem.Addr) error {
	k, err := r.readLabelString(key)
	if err != nil {
		return err
	}
	v, err := r.readLabelString(value)
	if err != nil {
		return fmt.Errorf("label %s: %w", k, err)
	}
	if labels[k] = v; len(labels) > maxLabels {
		return fmt.Errorf("more than %d labels", maxLabels)
	}
	return nil
}

// readLabelString reads the string whose header lies at a.
func (r *Runtime) readLabelString(a mem.Addr) (string, error) {
	w, err := r.readWords(a, 2)
	if err != nil {
		return "", err
	}
	if w[1] > maxLabelString {
		return "", fmt.Errorf("label of %d bytes at %v", w[1], mem.Addr(w[0]))
	}
	return r.ReadString(layout.String{Ptr: w[0], Len: w[1]})
}

// hmap is the header of a map (runtime.hmap, map.go; before Go 1.24).
type hmap struct {
	Count uint64 `rt:"count"`
	Flags uint8  `rt:"flags"`
	// B is the binary logarithm of the number of buckets.
	B       uint8    `rt:"B"`
	Buckets mem.Addr `rt:"buckets"`
	// OldBuckets are those that a map still has while it grows, with the
	// entries that have not moved yet.
	OldBuckets mem.Addr `rt:"oldbuckets"`
}

// Of the buckets of a map[string]string before Go 1.24 (runtime.bmap, map.go,
// and cmd/compile/internal/reflectdata.MapBucketType): the hashes' top bytes,
// the keys, the values, the overflow bucket.
const (
	bucketSlots    = 8
	bucketKeys     = bucketSlots
	bucketValues   = bucketKeys + bucketSlots*stringSize
	bucketOverflow = bucketValues + bucketSlots*stringSize
	bucketSize     = bucketOverflow + 8
	// minTopHash is the least top byte of a slot that is in use; less says
	// that the slot is empty or its entry has moved.
	minTopHash = 5
	// sameSizeGrow is the flag of a map that grows into as many buckets.
	sameSizeGrow = 8
	// maxLabelB bounds hmap.B of a map of maxLabels entries.
	maxLabelB = 12
)

// LabelMap reads profiler labels as Go kept them before 1.24: a points to a map
// (runtime/pprof.labelMap). Labels read before an error are returned with it.
func (r *Runtime) LabelMap(a mem.Addr) (map[string]string, error) {
	if r.plans.hmap == nil {
		return nil, fmt.Errorf("the layout of runtime.hmap in %s is not known", r.Layout.Go)
	}
	at, err := r.ReadWord(a)
	if err != nil || at == 0 {
		return nil, err
	}
	var h hmap
	if err := r.plans.hmap.Read(r.Mem, mem.Addr(at), &h); err != nil {
		return nil, err
	}
	if h.Count > maxLabels || h.B > maxLabelB {
		return nil, fmt.Errorf("corrupt map of %d entries in 2^%d buckets", h.Count, h.B)
	}
	labels := make(map[string]string, h.Count)
	if err := r.mapBuckets(labels, h.Buckets, 1<<h.B); err != nil {
		return labels, err
	}
	old := uint64(1) << h.B
	if h.Flags&sameSizeGrow == 0 {
		old /= 2
	}
	if err := r.mapBuckets(labels, h.OldBuckets, old); err != nil {
		return labels, err
	}
	if uint64(len(labels)) != h.Count {
		return labels, fmt.Errorf("the map has %d entries, %d were found", h.Count, len(labels))
	}
	return labels, nil
}

// mapBuckets adds the entries of n buckets from a on, and of those that they
// overflow into.
func (r *Runtime) mapBuckets(labels map[string]string, a mem.Addr, n uint64) error {
	if a == 0 {
		return nil
	}
	read := 0
	for i := range n {
		for b := a + mem.Addr(i*bucketSize); b != 0; {
			if read++; read > 2*maxLabels {
				return fmt.Errorf("map: more than %d buckets, or a loop", 2*maxLabels)
			}
			if err := r.mapBucket(labels, b); err != nil {
				return err
			}
			next, err := r.ReadWord(b + bucketOverflow)
			if err != nil {
				return err
			}
			b = mem.Addr(next)
		}
	}
	return nil
}

// mapBucket adds the entries of the bucket at a.
func (r *Runtime) mapBucket(labels map[string]string, a mem.Addr) error {
	var top [bucketSlots]byte
	if err := r.Mem.ReadAt(top[:], a); err != nil {
		return err
	}
	for i, t := range top {
		if t < minTopHash {
			continue
		}
		slot := a + mem.Addr(i*stringSize)
		if err := r.readLabel(labels, slot+bucketKeys, slot+bucketValues); err != nil {
			return err
		}
	}
	return nil
}
