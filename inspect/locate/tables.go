package locate

import (
	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// semtable finds runtime.semtable through any of its waiters: a word that
// points to the root of a treap, whose semaphore's address says which of the
// 251 roots it must be. An empty table is not found, and not needed.
func (f *finder) semtable() (mem.Addr, error) {
	if err := f.load(); err != nil {
		return 0, err
	}
	if err := f.known(); err != nil {
		return 0, err
	}
	for i := 0; i+8 <= len(f.data); i += 8 {
		w := f.word(i)
		if w < 4096 || w%8 != 0 {
			continue
		}
		s, err := f.RT.ReadSudog(w)
		if err != nil || s.Parent != 0 || s.C != 0 || s.Elem == 0 || !f.gs[s.G] {
			continue
		}
		if table, ok := f.RT.SemTableFrom(f.base+mem.Addr(i), s.Elem); ok && f.fits(table) {
			return table, nil
		}
	}
	return 0, nil
}

// fits reports whether a semaphore table can lie at a: every queue's semaphore
// must hash to its root, every waiter must be a goroutine.
func (f *finder) fits(a mem.Addr) bool {
	r := *f.RT
	r.Globals.SemTable = a
	queues, err := r.SemaTable()
	if err != nil || len(queues) == 0 {
		return false
	}
	for _, q := range queues {
		for i := range q.Waiters {
			if !f.gs[q.Waiters[i].G] {
				return false
			}
		}
	}
	return true
}

// mspanProbe is what makes a span descriptor recognisable.
type mspanProbe struct {
	Start  mem.Addr `rt:"startAddr"`
	NPages uint64   `rt:"npages"`
	Limit  mem.Addr `rt:"limit"`
	State  uint8    `rt:"state"`
}

// mheap finds runtime.mheap_ through its slice of all span descriptors.
func (f *finder) mheap() (mem.Addr, error) {
	plan, err := layout.Bind[mspanProbe](f.RT.Layout, "runtime.mspan")
	if err != nil {
		return 0, err
	}
	off, _, err := f.RT.Layout.Offset("runtime.mheap", "allspans")
	if err != nil {
		return 0, err
	}
	at, err := f.slices(func(s layout.Slice) bool {
		const sample = 64
		inUse := 0
		for i := range min(s.Len, sample) {
			a, err := f.elem(s, i)
			if err != nil || a%8 != 0 {
				return false
			}
			var sp mspanProbe
			if plan.Read(f.RT.Mem, a, &sp) != nil || sp.Start%8192 != 0 || sp.NPages > 1<<36 || sp.State > 2 {
				return false
			}
			if sp.State != 0 {
				inUse++
				if sp.Start == 0 || sp.NPages == 0 || sp.Limit > sp.Start+mem.Addr(sp.NPages*8192) {
					return false
				}
			}
		}
		return inUse > 0
	})
	if err != nil || at == 0 {
		return 0, err
	}
	return at - mem.Addr(off), nil
}

// memstats finds runtime.memstats after the first garbage collection: the end
// of the last pause is the time of the last collection, both in wall time.
func (f *finder) memstats() (mem.Addr, error) {
	if err := f.load(); err != nil {
		return 0, err
	}
	off, _, err := f.RT.Layout.Offset("runtime.mstats", "last_gc_unix")
	if err != nil {
		return 0, err
	}
	// Wall times between 2010 and 2100, in ns.
	const minWall, maxWall = 1262304000e9, 4102444800e9
	var found []mem.Addr
	for i := int(off) &^ 7; i+8 <= len(f.data); i += 8 {
		if w := uint64(f.word(i)); w < minWall || w > maxWall {
			continue
		}
		a := f.base + mem.Addr(i) - mem.Addr(off)
		if s, err := f.RT.ReadMemStats(a); err == nil && s.Consistent() {
			found = append(found, a)
		}
	}
	return only("runtime.memstats", found)
}

// waitReasons finds runtime.waitReasonStrings by its first strings.
func (f *finder) waitReasons() (mem.Addr, error) {
	if err := f.load(); err != nil {
		return 0, err
	}
	want := f.RT.WaitReasons()
	if len(want) < 3 {
		return 0, nil
	}
	for i := 16; i+32 <= len(f.data); i += 8 {
		if uint64(f.word(i+8)) != uint64(len(want[1])) || uint64(f.word(i+24)) != uint64(len(want[2])) || f.word(i-8) != 0 {
			continue
		}
		if f.isString(i, want[1]) && f.isString(i+16, want[2]) {
			return f.base + mem.Addr(i) - 16, nil
		}
	}
	return 0, nil
}

// isString reports whether the string header at offset i of the data holds s.
func (f *finder) isString(i int, s string) bool {
	got, err := f.RT.ReadString(layout.String{Ptr: uint64(f.word(i)), Len: uint64(f.word(i + 8))})
	return err == nil && got == s
}
