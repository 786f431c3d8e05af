package rt

import (
	"errors"

	"rtdbg/inspect/mem"
)

// MemStats is the part of runtime.memstats that rtdbg reads (runtime.mstats,
// mstats.go).
type MemStats struct {
	// LastGCUnix and LastGCNanotime are the wall time and the nanotime of
	// the end of the last garbage collection, ns, taken together.
	LastGCUnix     uint64 `rt:"last_gc_unix"`
	LastGCNanotime uint64 `rt:"last_gc_nanotime"`
	// PauseEnd is a ring of the wall times at which pauses ended, ns.
	PauseEnd [256]uint64 `rt:"pause_end"`
	NumGC    uint32      `rt:"numgc"`
	// PauseNS is the ring of the lengths of the pauses of collections, ns,
	// PauseTotal their sum.
	PauseNS     [256]uint64 `rt:"pause_ns"`
	PauseTotal  uint64      `rt:"pause_total_ns"`
	NumForcedGC uint32      `rt:"numforcedgc"`
	EnableGC    bool        `rt:"enablegc"`
}

// ReadMemStats reads the mstats at a.
func (r *Runtime) ReadMemStats(a mem.Addr) (MemStats, error) {
	var s MemStats
	err := r.plans.memStats.Read(r.Mem, a, &s)
	return s, err
}

// Consistent reports whether s has seen a garbage collection and agrees with
// itself: the last pause ended with the last collection.
func (s *MemStats) Consistent() bool {
	n := uint32(len(s.PauseEnd))
	return s.NumGC > 0 && s.PauseEnd[(s.NumGC-1)%n] == s.LastGCUnix && s.LastGCNanotime != 0
}

// WallOffset returns what to subtract from a wall time (Unix ns) to get the
// target's nanotime. It is known once the target has collected garbage.
func (r *Runtime) WallOffset() (int64, error) {
	if r.Globals.MemStats == 0 {
		return 0, errors.New("runtime.memstats was not found in the target")
	}
	s, err := r.ReadMemStats(r.Globals.MemStats)
	if err != nil {
		return 0, err
	}
	if !s.Consistent() {
		return 0, errors.New("the target has not collected garbage yet")
	}
	return int64(s.LastGCUnix - s.LastGCNanotime), nil
}

// NowAtLeast returns a nanotime at or before the instant of the capture, as
// late as the stamps of the scheduler, of sysmon, and of some goroutines allow;
// 0 if there are none. In an idle process all of them are old.
func (r *Runtime) NowAtLeast() int64 {
	var now int64
	if s, err := r.Sched(); err == nil {
		now = max(now, s.LastPoll, s.ProcResizeTime)
	}
	if r.Globals.MemStats != 0 {
		if s, err := r.ReadMemStats(r.Globals.MemStats); err == nil && s.Consistent() {
			now = max(now, int64(s.LastGCNanotime))
		}
	}
	if ps, err := r.AllPs(); err == nil {
		for i := range ps {
			now = max(now, ps[i].SchedWhen, ps[i].SyscallWhen, ps[i].GCStopTime)
		}
	}
	gs, err := r.sample()
	if err != nil {
		return now
	}
	for i := range gs {
		now = max(now, gs[i].WaitSince)
		if gs[i].Tracking != 0 {
			now = max(now, gs[i].TrackingStamp)
		}
	}
	return now
}

// FakeTime returns runtime.faketime, the nanotime of a program built with the
// tag faketime, as that of the playground (time_fake.go); ok is false for any
// other.
func (r *Runtime) FakeTime() (ns int64, ok bool) {
	if r.Globals.Faketime == 0 {
		return 0, false
	}
	w, err := r.ReadWord(r.Globals.Faketime)
	return int64(w), err == nil && w != 0
}
