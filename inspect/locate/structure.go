package locate

import (
	"errors"
	"fmt"
	"slices"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// slices calls visit with each position in the data that looks like a slice
// header with at least one element, until visit returns true; it returns the
// address of that position.
func (f *finder) slices(visit func(s layout.Slice) bool) (mem.Addr, error) {
	if err := f.load(); err != nil {
		return 0, err
	}
	const maxLen = 1 << 32
	for i := 0; i+24 <= len(f.data); i += 8 {
		p, n, c := f.word(i), uint64(f.word(i+8)), uint64(f.word(i+16))
		if p < 4096 || p%8 != 0 || n == 0 || n > c || c > maxLen {
			continue
		}
		if visit(layout.Slice{Ptr: uint64(p), Len: n, Cap: c}) {
			return f.base + mem.Addr(i), nil
		}
	}
	return 0, nil
}

// elem returns element i of a slice of pointers.
func (f *finder) elem(s layout.Slice, i uint64) (mem.Addr, error) {
	w, err := f.RT.ReadWord(mem.Addr(s.Ptr + 8*i))
	return mem.Addr(w), err
}

// allgs finds runtime.allgs: the slice of plausible goroutines that begins with
// the main goroutine, or with what its descriptor has become.
func (f *finder) allgs() (mem.Addr, error) {
	return f.slices(func(s layout.Slice) bool {
		var first []rt.G
		for i := range min(s.Len, rt.FirstGs) {
			a, err := f.elem(s, i)
			if err != nil {
				return false
			}
			g, err := f.RT.ReadG(a)
			if err != nil || !f.plausibleG(&g) {
				return false
			}
			first = append(first, g)
		}
		return f.RT.BeginAllGs(first)
	})
}

// plausibleG reports whether g can be a goroutine in allgs: all but dead ones
// have a stack, and no descriptor is idle any more when it gets there (proc.go,
// newproc1).
func (f *finder) plausibleG(g *rt.G) bool {
	switch f.RT.Status(g) {
	case "unknown", rt.Idle:
		return false
	case rt.Dead, rt.DeadExtra:
		return g.StackLo <= g.StackHi
	}
	return g.StackLo < g.StackHi
}

// allp finds runtime.allp: the slice of Ps that carry their own index.
func (f *finder) allp() (mem.Addr, error) {
	return f.slices(func(s layout.Slice) bool {
		const maxP = 1 << 16
		if s.Len > maxP {
			return false
		}
		for i := range s.Len {
			a, err := f.elem(s, i)
			if err != nil || a%8 != 0 {
				return false
			}
			p, err := f.RT.ReadP(a)
			if err != nil || uint64(p.ID) != i || !f.plausibleP(&p) {
				return false
			}
		}
		return true
	})
}

// plausibleP reports whether p can be a P in use: it has an mcache, a run
// queue within its ring, and a thread that says the same.
func (f *finder) plausibleP(p *rt.P) bool {
	if f.RT.PStatus(p) == "unknown" || p.RunQTail-p.RunQHead > uint32(len(p.RunQ)) || p.Timers.Len > p.Timers.Cap {
		return false
	}
	if p.MCache == 0 && f.RT.PStatus(p) != rt.PDead {
		return false
	}
	// A truncated core lacks the end of memory, where mcaches lie.
	if _, err := f.RT.ReadWord(p.MCache); p.MCache != 0 && err != nil && !errors.Is(err, mem.ErrMissing) {
		return false
	}
	if p.M == 0 {
		return true
	}
	m, err := f.RT.ReadM(p.M)
	return err == nil && (m.P == p.Addr || m.NextP == p.Addr || m.OldP == p.Addr)
}

// Of all goroutines the last lastGs are read for the largest id, and of the
// others one in rareGs.
const (
	lastGs = 1 << 16
	rareGs = 64
)

// isG reports whether a goroutine's descriptor lies at a.
func (f *finder) isG(a mem.Addr) bool {
	_, ok := slices.BinarySearch(f.gs, a)
	return ok
}

// known reads the goroutines and Ps found so far.
func (f *finder) known() error {
	if f.gs != nil {
		return nil
	}
	addrs, err := f.RT.ReadPointerSlice(f.g.AllGs, 1<<32)
	if err != nil {
		return err
	}
	// The newest are the last, but for those that took a dead one's place.
	for i, a := range addrs {
		if i%rareGs != 0 && i < len(addrs)-lastGs {
			continue
		}
		if g, err := f.RT.ReadG(a); err == nil {
			f.maxGoid = max(f.maxGoid, g.Goid)
		}
	}
	slices.Sort(addrs)
	f.gs = addrs
	ps, err := f.RT.ReadPointerSlice(f.g.AllP, 1<<16)
	if err != nil {
		return err
	}
	f.ps = make(map[mem.Addr]bool, len(ps))
	for _, a := range ps {
		f.ps[a] = true
	}
	return nil
}

// sched finds runtime.sched: the place in the data where every field of
// schedt agrees with the goroutines, Ps and threads already known.
func (f *finder) sched() (mem.Addr, error) {
	if err := errors.Join(f.load(), f.known()); err != nil {
		return 0, err
	}
	off, _, err := f.RT.Layout.Offset("runtime.schedt", "maxmcount")
	if err != nil {
		return 0, err
	}
	// maxmcount is 10000 unless debug.SetMaxThreads was called. Any positive
	// value passes, zero being what most of the bss holds; the usual one is
	// preferred.
	const usualMax = 10000
	var usual, found []mem.Addr
	for i := 0; i+8 <= len(f.data); i += 8 {
		at := i + int(off)
		if at+4 > len(f.data) || int32(f.Arch.Order.Uint32(f.data[at:])) <= 0 {
			continue
		}
		a := f.base + mem.Addr(i)
		s, err := f.RT.ReadSched(a)
		switch {
		case err != nil || !f.plausibleSched(&s):
		case s.MaxMCount == usualMax:
			usual = append(usual, a)
		default:
			found = append(found, a)
		}
	}
	if len(usual) > 0 {
		found = usual
	}
	return only("runtime.sched", found)
}

// only returns the single element of found.
func only(name string, found []mem.Addr) (mem.Addr, error) {
	switch len(found) {
	case 0:
		return 0, nil
	case 1:
		return found[0], nil
	}
	return 0, fmt.Errorf("%d places look like %s", len(found), name)
}

// plausibleSched reports whether every field of s can be what it claims. Fields
// that change together need not agree: a process may be stopped between two
// writes. NMIdleLocked is below zero while a thread that parks for its locked
// goroutine (stoplockedm, proc.go) has given up its P, another has found that
// goroutine to be runnable (startlockedm), and the first has not counted itself
// yet.
func (f *finder) plausibleSched(s *rt.Sched) bool {
	const maxGoid, maxM = 1 << 48, 1 << 24
	counts := s.MNext > 0 && s.MNext <= maxM && s.NMFreed >= 0 && s.NMFreed < s.MNext && s.MaxMCount > 0 &&
		s.NMIdle >= 0 && int64(s.NMIdle) <= s.MNext && int64(s.NMIdleLocked) >= -s.MNext && int64(s.NMIdleLocked) <= s.MNext &&
		s.NMSys >= 0 && int64(s.NMSys) <= s.MNext && s.NMSpinning >= 0 && int64(s.NMSpinning) <= s.MNext
	ids := s.GoidGen >= f.maxGoid && s.GoidGen < maxGoid && s.NGSys >= 0 && int(s.NGSys) <= len(f.gs)+1
	ps := s.NPIdle >= 0 && int(s.NPIdle) <= len(f.ps) && (s.PIdle == 0 || f.ps[s.PIdle])
	queue := (s.RunQHead == 0 || f.isG(s.RunQHead)) && (s.RunQTail == 0 || f.isG(s.RunQTail))
	flags := s.GCWaiting <= 1 && s.SysmonWait <= 1 && s.StopWait >= 0 && s.LastPoll >= 0 && s.PollUntil >= 0 && s.ProcResizeTime >= 0
	return counts && ids && ps && queue && flags
}

// allm finds runtime.allm: of the pointers outside of sched that head a list of
// Ms, the one whose list names the most threads of the target, and of those the
// longest: others lead into the middle of the list. A thread that is being
// created has no M yet, or one that does not know its id; a thread of C code has
// none at all.
func (f *finder) allm() (mem.Addr, error) {
	if err := f.load(); err != nil {
		return 0, err
	}
	schedSize := mem.Addr(0)
	if s := f.RT.Layout.Structs["runtime.schedt"]; s != nil {
		schedSize = mem.Addr(s.Size)
	}
	threads := make(map[uint64]bool, len(f.Threads))
	for _, tid := range f.Threads {
		threads[uint64(tid)] = true
	}
	mostNamed, longest, found := 0, 0, mem.Addr(0)
	for i := 0; i+8 <= len(f.data); i += 8 {
		head, at := f.word(i), f.base+mem.Addr(i)
		if head < 4096 || head%8 != 0 || at >= f.g.Sched && at < f.g.Sched+schedSize {
			continue
		}
		named, length := f.namedThreads(head, threads)
		if named > mostNamed || named > 0 && named == mostNamed && length > longest {
			mostNamed, longest, found = named, length, at
		}
	}
	return found, nil
}

// namedThreads returns how many of the threads a list of Ms from head names, and
// its length; zeros if it is no such list.
func (f *finder) namedThreads(head mem.Addr, threads map[uint64]bool) (named, length int) {
	seen := make(map[mem.Addr]bool)
	for a := head; a != 0; {
		m, err := f.RT.ReadM(a)
		if err != nil || seen[a] || !f.leadsBack(&m) {
			return 0, 0
		}
		seen[a] = true
		if threads[m.ProcID] {
			named++
		}
		a = m.AllLink
	}
	return named, len(seen)
}

// leadsBack reports whether the stacks of m lead back to it. An M gets its
// gsignal before it enters the list (mcommoninit, proc.go), its g0 after that
// (allocm), and then its thread.
func (f *finder) leadsBack(m *rt.M) bool {
	if m.ProcID == 0 {
		s, err := f.RT.ReadG(m.GSignal)
		return err == nil && s.M == m.Addr
	}
	g0, err := f.RT.ReadG(m.G0)
	return err == nil && m.G0 != 0 && g0.M == m.Addr
}
