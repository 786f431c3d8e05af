package rt

import (
	"fmt"
	"math/bits"

	"rtdbg/inspect/mem"
)

// maxMapEntries bounds the entries of a map that is read.
const maxMapEntries = 1 << 16

// PointerMap calls visit with each key and element of the map at a, both of
// which are one pointer, as in the map of os/signal's handlers. A map has
// buckets up to Go 1.23 and groups since (runtime/map.go,
// internal/runtime/maps).
func (r *Runtime) PointerMap(a mem.Addr, visit func(key, elem mem.Addr)) error {
	if a == 0 {
		return nil
	}
	n, err := r.MapLen(a)
	if err != nil {
		return err
	}
	if n > maxMapEntries {
		return fmt.Errorf("map %v: %d entries", a, n)
	}
	if r.Layout.Structs["internal/runtime/maps.Map"] != nil {
		return r.swissMap(a, visit)
	}
	return r.bucketMap(a, visit)
}

// bucketMap walks a map of buckets: the hashes' top bytes, 8 keys, 8 elements,
// the overflow bucket.
func (r *Runtime) bucketMap(a mem.Addr, visit func(key, elem mem.Addr)) error {
	if r.plans.hmap == nil {
		return fmt.Errorf("the layout of runtime.hmap in %s is not known", r.Layout.Go)
	}
	var h hmap
	if err := r.plans.hmap.Read(r.Mem, a, &h); err != nil {
		return err
	}
	if h.B > 20 {
		return fmt.Errorf("corrupt map of 2^%d buckets", h.B)
	}
	old := uint64(1) << h.B
	if h.Flags&sameSizeGrow == 0 {
		old /= 2
	}
	const words = 1 + 2*bucketSlots + 1
	read := 0
	for _, part := range [...]struct {
		at mem.Addr
		n  uint64
	}{{h.Buckets, 1 << h.B}, {h.OldBuckets, old}} {
		for i := range part.n {
			for b := part.at + mem.Addr(i*words*8); part.at != 0 && b != 0; {
				if read++; read > 2*maxMapEntries {
					return fmt.Errorf("map %v: more than %d buckets, or a loop", a, 2*maxMapEntries)
				}
				w, err := r.readWords(b, words)
				if err != nil {
					return err
				}
				for j := range bucketSlots {
					if byte(w[0]>>(8*j)) >= minTopHash {
						visit(mem.Addr(w[1+j]), mem.Addr(w[1+bucketSlots+j]))
					}
				}
				b = mem.Addr(w[words-1])
			}
		}
	}
	return nil
}

// swissMap walks a map of groups: a control byte for each of 8 slots, whose
// highest bit is clear in one that is full, and the slots, key before element.
func (r *Runtime) swissMap(a mem.Addr, visit func(key, elem mem.Addr)) error {
	dir, err := r.fieldWord(a, "internal/runtime/maps.Map", "dirPtr")
	if err != nil {
		return err
	}
	n, err := r.fieldWord(a, "internal/runtime/maps.Map", "dirLen")
	if err != nil {
		return err
	}
	if n == 0 {
		return r.mapGroups(mem.Addr(dir), 1, visit) // a small map is one group
	}
	if n > maxMapEntries {
		return fmt.Errorf("corrupt map of %d tables", n)
	}
	last := mem.Addr(0)
	for i := range n {
		w, err := r.ReadWord(mem.Addr(dir + 8*i))
		if err != nil {
			return err
		}
		table := mem.Addr(w)
		if table == last {
			continue // several entries of the directory share a table
		}
		last = table
		groups, err := r.fieldWord(table, "internal/runtime/maps.table", "groups.data")
		if err != nil {
			return err
		}
		mask, err := r.fieldWord(table, "internal/runtime/maps.table", "groups.lengthMask")
		if err != nil {
			return err
		}
		if mask >= maxMapEntries || bits.OnesCount64(mask+1) != 1 {
			return fmt.Errorf("corrupt map of %d groups", mask+1)
		}
		if err := r.mapGroups(mem.Addr(groups), mask+1, visit); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runtime) mapGroups(a mem.Addr, n uint64, visit func(key, elem mem.Addr)) error {
	const words = 1 + 2*bucketSlots
	for i := range n {
		w, err := r.readWords(a+mem.Addr(i*words*8), words)
		if err != nil {
			return err
		}
		for j := range bucketSlots {
			if w[0]>>(8*j)&0x80 == 0 {
				visit(mem.Addr(w[1+2*j]), mem.Addr(w[2+2*j]))
			}
		}
	}
	return nil
}

// fieldWord reads the word of a field of the structure at a.
func (r *Runtime) fieldWord(a mem.Addr, structure, field string) (uint64, error) {
	off, size, err := r.Layout.Offset(structure, field)
	if err != nil {
		return 0, err
	}
	if size != 8 {
		return 0, fmt.Errorf("%s.%s has %d bytes", structure, field, size)
	}
	return r.ReadWord(a + mem.Addr(off))
}

// SignalMapOffset returns the offset in os/signal.handlers of its map of
// handlers; ok is false for a program without package os/signal.
func (r *Runtime) SignalMapOffset() (off mem.Addr, ok bool) {
	n, _, err := r.Layout.Offset("os/signal.handlers", "m")
	return mem.Addr(n), err == nil
}
