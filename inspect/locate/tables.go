package locate

import (
	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
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
		if err != nil || s.Parent != 0 || s.C != 0 || s.Elem == 0 || !f.isG(s.G) {
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
	queues, err := f.RT.SemaTableAt(a)
	if err != nil || len(queues) == 0 {
		return false
	}
	for _, q := range queues {
		for i := range q.Waiters {
			if !f.isG(q.Waiters[i].G) {
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
	var found []mem.Addr
	for i := int(off) &^ 7; i+8 <= len(f.data); i += 8 {
		if !wallTime(uint64(f.word(i))) {
			continue
		}
		a := f.base + mem.Addr(i) - mem.Addr(off)
		if s, err := f.RT.ReadMemStats(a); err == nil && plausibleStats(&s) {
			found = append(found, a)
		}
	}
	return only("runtime.memstats", found)
}

// wallTime reports whether ns is a wall time between 2010 and 2100.
func wallTime(ns uint64) bool {
	const lo, hi = 1262304000e9, 4102444800e9
	return ns >= lo && ns <= hi
}

// plausibleStats reports whether s can be what it claims: tables of numbers in a
// program repeat values as well.
func plausibleStats(s *rt.MemStats) bool {
	if !s.Consistent() || s.LastGCNanotime >= s.LastGCUnix {
		return false
	}
	for i, end := range s.PauseEnd {
		unused := uint32(i) > s.NumGC
		if unused && end != 0 || !unused && !wallTime(end) && end != 0 {
			return false
		}
	}
	return true
}

// firstReasons are the second and the third of the wait reasons, behind an
// empty one: the same in every version since Go 1.18 (runtime2.go).
var firstReasons = [...]string{"GC assist marking", "IO wait"}

// waitReasons finds runtime.waitReasonStrings by its first strings, or, where
// the memory lacks the text of strings, by the lengths of all of them.
func (f *finder) waitReasons() (mem.Addr, error) {
	if err := f.load(); err != nil {
		return 0, err
	}
	const header = 16
	for i := header; i+2*header <= len(f.data); i += 8 {
		if f.word(i-8) != 0 || uint64(f.word(i+8)) != uint64(len(firstReasons[0])) || uint64(f.word(i+8+header)) != uint64(len(firstReasons[1])) {
			continue
		}
		if f.isString(i, firstReasons[0]) && f.isString(i+header, firstReasons[1]) || f.haveLengths(i-header, f.RT.Layout.WaitReasons) {
			return f.base + mem.Addr(i) - header, nil
		}
	}
	return 0, nil
}

// haveLengths reports whether the string headers from offset i of the data have
// the lengths of want.
func (f *finder) haveLengths(i int, want []string) bool {
	if len(want) <= len(firstReasons)+1 || i+16*len(want) > len(f.data) {
		return false
	}
	for n, s := range want {
		if uint64(f.word(i+16*n+8)) != uint64(len(s)) {
			return false
		}
	}
	return true
}

// isString reports whether the string header at offset i of the data holds s.
func (f *finder) isString(i int, s string) bool {
	got, err := f.RT.ReadString(layout.String{Ptr: uint64(f.word(i)), Len: uint64(f.word(i + 8))})
	return err == nil && got == s
}
