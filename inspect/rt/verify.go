package rt

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// verify checks the invariants that a wrong layout or a wrong global breaks
// and that nothing else does.
func (r *Runtime) verify() error {
	all, err := r.allgs()
	if err != nil {
		return err
	}
	if all.len() == 0 {
		return errors.New("runtime.allgs is empty: the program had not started, or its memory is missing")
	}
	first := make([]G, 0, FirstGs)
	for i := range min(all.len(), FirstGs) {
		g, err := r.ReadG(all.at(i))
		if i == 0 && err != nil {
			return fmt.Errorf("allgs[0]: %w", err)
		}
		if err == nil {
			first = append(first, g)
		}
	}
	if g := &first[0]; !r.BeginAllGs(first) {
		return fmt.Errorf("layouts do not fit: allgs[0] at %v has goid %d, status number %d, stack %v–%v (expected goroutine 1); layouts are from %s",
			g.Addr, g.Goid, g.StatusNumber(), g.StackLo, g.StackHi, r.Layout.Source)
	}
	ps, err := r.AllPs()
	if err != nil {
		return err
	}
	for i, p := range ps {
		if int(p.ID) != i {
			return fmt.Errorf("layouts do not fit: allp[%d] at %v has id %d; layouts are from %s", i, p.Addr, p.ID, r.Layout.Source)
		}
	}
	return nil
}

// GoidBatch is how many ids of goroutines a P takes at once (_GoidCacheBatch,
// proc.go).
const GoidBatch = 16

// FirstGs is how many goroutines from the beginning of runtime.allgs tell
// whether it is that.
const FirstGs = 64

// BeginAllGs reports whether gs can be the beginning of runtime.allgs. Its first
// is the main goroutine, goroutine 1, which mgc.go relies on. Where that has
// called runtime.Goexit its descriptor is dead, without a stack if that had
// grown, or serves another goroutine (proc.go, gfput and gfget). The second that
// there ever was is there then: it runs runtime.forcegchelper and never ends, and its
// id is 2, or the first of a batch if main had moved to another P.
func (r *Runtime) BeginAllGs(gs []G) bool {
	if len(gs) == 0 || r.Status(&gs[0]) == "unknown" || !r.hasStack(&gs[0]) {
		return false
	}
	if gs[0].Goid == 1 {
		return true
	}
	return gs[0].Goid > 2 && slices.ContainsFunc(gs[1:], func(g G) bool {
		return (g.Goid == 2 || g.Goid%GoidBatch == 1) && !r.deadG(&g) && r.hasStack(&g)
	})
}

// hasStack reports whether g has a stack, or is dead and needs none.
func (r *Runtime) hasStack(g *G) bool {
	return g.StackLo < g.StackHi || g.StackLo == g.StackHi && r.deadG(g)
}

// A vote counts how often an invariant held and how often it was broken. A
// broken one here and there is a process that was stopped between two writes,
// or one that corrupts its own memory: the majority decides.
type vote struct {
	what        string
	held, broke int
	example     string
}

func (v *vote) add(ok bool, format string, args ...any) {
	if ok {
		v.held++
		return
	}
	if v.broke++; v.broke == 1 {
		v.example = fmt.Sprintf(format, args...)
	}
}

func (v *vote) err() error {
	if v.broke == 0 || v.broke < v.held {
		return nil
	}
	return fmt.Errorf("%s: %d of %d (%s)", v.what, v.broke, v.held+v.broke, v.example)
}

// Fits checks what structures of the runtime say of one another, beyond what
// Locate requires: the list of threads, whose m.g0 leads back, is whole and
// names the target's threads; each goroutine's saved stack pointer lies in its
// stack and its function in the code, its sudogs lead back to it and its
// channels to them; timers have a function. It is how a
// table of layouts of another version, or one that a false version chose, is
// told from the right one. threads are the kernel's ids of the target's
// threads, nil if they are not known. The error says what does not fit.
func (r *Runtime) Fits(threads []int) error {
	gs, err := r.sample()
	if err != nil {
		return err
	}
	err = errors.Join(r.fitModules(), r.fitThreads(gs, threads), r.fitGoroutines(gs), r.fitSudogs(gs), r.fitTimers())
	if err != nil {
		return &MisfitError{r.Layout.Source, err}
	}
	return nil
}

// ReasonsFit reports whether the target's wait reasons are those of the table:
// they differ between most minors, and in some between patches. They need not
// fit for all else to be read; nothing contradicts them where the target's
// were not found.
func (r *Runtime) ReasonsFit() bool {
	return r.Globals.WaitReasonStrings == 0 || slices.Equal(r.waitReasons, r.Layout.WaitReasons)
}

// MisfitError says that the structures of a target contradict the layouts by
// which they were read.
type MisfitError struct {
	// Source is where the layouts are from.
	Source string
	Err    error
}

func (e *MisfitError) Error() string {
	return fmt.Sprintf("layouts of the %s do not fit: %s", e.Source, oneLine(e.Err))
}

func (e *MisfitError) Unwrap() error { return e.Err }

// sampleSize is how many goroutines Fits looks at.
const sampleSize = 512

// sample reads goroutines from all over allgs.
func (r *Runtime) sample() ([]G, error) {
	s, err := r.readSliceAt(r.Globals.AllGs)
	if err != nil {
		return nil, fmt.Errorf("runtime.allgs: %w", err)
	}
	if s.Len > s.Cap || s.Len > maxGs {
		return nil, fmt.Errorf("runtime.allgs: corrupt slice: length %d, capacity %d", s.Len, s.Cap)
	}
	var gs []G
	for i := uint64(0); i < s.Len; i += max(s.Len/sampleSize, 1) {
		a, err := r.ReadWord(mem.Addr(s.Ptr + i*uint64(r.Arch.PtrSize)))
		if err != nil {
			return nil, fmt.Errorf("runtime.allgs: %w", err)
		}
		if g, err := r.ReadG(mem.Addr(a)); err == nil {
			gs = append(gs, g)
		}
	}
	return gs, nil
}

// fitModules checks the end of each moduledata, which lies behind all that
// differs between versions: the pointer masks of data and bss, with one bit for
// each word (runtime.modulesinit, symtab.go).
func (r *Runtime) fitModules() error {
	v := vote{what: "pointer masks that are not those of the data and bss"}
	for i := range r.Modules {
		m := &r.Modules[i]
		v.add(fitsMask(m.GCDataBits, m.Data, m.EData) && fitsMask(m.GCBSSBits, m.BSS, m.EBSS),
			"moduledata at %v: %d bits for data %v–%v, %d for bss %v–%v", m.Addr, m.GCDataBits, m.Data, m.EData, m.GCBSSBits, m.BSS, m.EBSS)
	}
	return v.err()
}

// fitsMask reports whether a mask of n bits can be that of [lo, hi): it has a
// bit for each word up to the last pointer.
func fitsMask(n int32, lo, hi mem.Addr) bool {
	return n >= 0 && lo <= hi && uint64(n)*8 <= uint64(hi-lo)+7
}

// fitThreads checks runtime.allm, unless it was not found or is incomplete for
// want of memory.
func (r *Runtime) fitThreads(gs []G, threads []int) error {
	if r.Globals.AllM == 0 {
		return nil
	}
	ms, err := r.AllMs()
	if errors.Is(err, mem.ErrMissing) {
		return nil
	}
	if err != nil {
		return err
	}
	tids := make(map[uint64]bool, len(threads))
	for _, t := range threads {
		tids[uint64(t)] = true
	}
	listed := make(map[mem.Addr]bool, len(ms))
	g0 := vote{what: "threads whose g0 does not lead back to them"}
	kernel := vote{what: "threads that the target does not have"}
	ids := vote{what: "threads with the id of another"}
	known := make(map[int64]bool, len(ms))
	for i := range ms {
		m := &ms[i]
		listed[m.Addr] = true
		// A thread that is being made has no g0 yet (runtime.allocm).
		if m.G0 != 0 {
			if g, err := r.ReadG(m.G0); !errors.Is(err, mem.ErrMissing) {
				g0.add(err == nil && g.M == m.Addr, "m %v, g0 %v", m.Addr, m.G0)
			}
		}
		if m.ProcID != 0 && threads != nil {
			kernel.add(tids[m.ProcID], "m %v: %d", m.Addr, m.ProcID)
		}
		ids.add(m.ID >= 0 && !known[m.ID], "m %v: %d", m.Addr, m.ID)
		known[m.ID] = true
	}
	return errors.Join(g0.err(), kernel.err(), ids.err(), r.fitCount(len(ms)), r.fitOwners(gs, listed))
}

// fitCount checks the number of threads in runtime.allm against the scheduler's
// own count. They are not changed at one stroke, so it may be off a little.
func (r *Runtime) fitCount(listed int) error {
	s, err := r.Sched()
	if err != nil {
		return nil
	}
	alive := s.MNext - s.NMFreed
	if off := alive - int64(listed); 2*max(off, -off) > alive {
		return fmt.Errorf("runtime.allm has %d threads, runtime.sched %d", listed, alive)
	}
	return nil
}

// fitOwners checks that the threads of Ps and goroutines are among those of
// runtime.allm.
func (r *Runtime) fitOwners(gs []G, listed map[mem.Addr]bool) error {
	v := vote{what: "threads of Ps and goroutines that are not in runtime.allm"}
	ps, err := r.AllPs()
	if err != nil {
		return err
	}
	for i := range ps {
		if ps[i].M != 0 {
			v.add(listed[ps[i].M], "p %d, m %v", ps[i].ID, ps[i].M)
		}
	}
	for i := range gs {
		if gs[i].M != 0 && !r.deadG(&gs[i]) {
			v.add(listed[gs[i].M], "goroutine %d, m %v", gs[i].Goid, gs[i].M)
		}
	}
	return v.err()
}

func (r *Runtime) deadG(g *G) bool {
	switch r.Status(g) {
	case Idle, Dead, DeadExtra:
		return true
	}
	return false
}

// fitGoroutines checks what a goroutine's descriptor says of itself.
func (r *Runtime) fitGoroutines(gs []G) error {
	status := vote{what: "goroutines with an unknown status"}
	stack := vote{what: "goroutines whose stack pointer is not in their stack"}
	code := vote{what: "goroutines whose function is not in the program's code"}
	ids := vote{what: "goroutines with the id of another"}
	seen := make(map[uint64]bool, len(gs))
	for i := range gs {
		g := &gs[i]
		status.add(r.Status(g) != "unknown", "g %v: %d", g.Addr, g.StatusNumber())
		if r.deadG(g) {
			continue
		}
		ids.add(g.Goid != 0 && !seen[g.Goid], "g %v: %d", g.Addr, g.Goid)
		seen[g.Goid] = true
		code.add(r.inCode(g.StartPC) && r.inCode(g.GoPC), "goroutine %d: function at %v, made at %v", g.Goid, g.StartPC, g.GoPC)
		if r.Parked(g) {
			stack.add(g.SchedSP > g.StackLo && g.SchedSP <= g.StackHi && g.SchedPC != 0,
				"goroutine %d: sp %v, stack %v–%v", g.Goid, g.SchedSP, g.StackLo, g.StackHi)
		}
	}
	return errors.Join(status.err(), stack.err(), code.err(), ids.err())
}

// inCode reports whether a lies in the code of a module.
func (r *Runtime) inCode(a mem.Addr) bool {
	for i := range r.Modules {
		if a >= r.Modules[i].Text && a < r.Modules[i].EText {
			return true
		}
	}
	return false
}

// sampleTimers is how many timers of each P Fits looks at.
const sampleTimers = 64

// fitTimers checks timers of each P, which lie near its end: they have a
// function to call.
func (r *Runtime) fitTimers() error {
	v := vote{what: "Ps whose timers are none"}
	ps, err := r.AllPs()
	if err != nil {
		return err
	}
	for i := range ps {
		if ps[i].Timers == (layout.Slice{}) {
			continue
		}
		ok, err := r.timersCall(&ps[i])
		if errors.Is(err, mem.ErrMissing) {
			continue
		}
		v.add(ok && err == nil, "p %d: slice %v", ps[i].ID, ps[i].Timers)
	}
	return v.err()
}

// timersCall reports whether timers of p have a function to call. One that was
// stopped may have none: a pollDesc takes it away, and the timer stays in the
// heap for a while (runtime/netpoll.go, up to Go 1.22).
func (r *Runtime) timersCall(p *P) (bool, error) {
	addrs, err := r.timerAddrs(p)
	if err != nil {
		return false, err
	}
	step := max(len(addrs)/sampleTimers, 1)
	for i := 0; i < len(addrs); i += step {
		t, err := r.ReadTimer(addrs[i])
		if err != nil || t.F == 0 && t.When != 0 {
			return false, err
		}
	}
	return true, nil
}

// fitSudogs checks that the sudogs of parked goroutines lead back to them, and
// their channels to sudogs of that channel.
func (r *Runtime) fitSudogs(gs []G) error {
	owner := vote{what: "sudogs that do not lead back to their goroutine"}
	queue := vote{what: "channels whose queues do not lead back to them"}
	for i := range gs {
		g := &gs[i]
		if !r.Parked(g) || g.Waiting == 0 {
			continue
		}
		s, err := r.ReadSudog(g.Waiting)
		if errors.Is(err, mem.ErrMissing) {
			continue
		}
		owner.add(err == nil && s.G == g.Addr, "goroutine %d, sudog %v", g.Goid, g.Waiting)
		if err == nil && s.G == g.Addr && s.C != 0 {
			if ok, known := r.queued(s.C); known {
				queue.add(ok, "goroutine %d, chan %v", g.Goid, s.C)
			}
		}
	}
	return errors.Join(owner.err(), queue.err())
}

// queued reports whether who waits on the channel at a leads back to it; known is
// false where memory is missing, and where nobody waits any more: whoever sends takes
// the receiver out of the queue before it makes it runnable (runtime.send, chan.go).
func (r *Runtime) queued(a mem.Addr) (ok, known bool) {
	c, err := r.ReadChan(a)
	if errors.Is(err, mem.ErrMissing) {
		return false, false
	}
	if err != nil || c.QCount > c.DataQSiz {
		return false, true
	}
	for _, first := range [...]mem.Addr{c.RecvFirst, c.SendFirst} {
		if first == 0 {
			continue
		}
		s, err := r.ReadSudog(first)
		if errors.Is(err, mem.ErrMissing) {
			return false, false
		}
		if err != nil || s.C != a {
			return false, true
		}
		ok = true
	}
	return ok, ok
}

// oneLine joins the lines of an error that has several.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
