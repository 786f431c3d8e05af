// Package capture copies what an answer needs out of a running process: it stops
// the process, copies, and lets it go. The copy is a core file in memory, which
// is read, and can be kept, as any other core.
package capture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/tracee"
)

// Target is a process of which captures are taken.
type Target struct {
	pid  int
	arch *arch.Arch
	mem  *mem.Process
	// exe and buildID identify the executable.
	exe, buildID  string
	name, command string
	auxv          []byte
	// foreign says that the process is in another PID namespace than this one.
	foreign bool
	pages   *pagemap
	places  places
	// buffer is where the next capture goes to, nil if there is none yet.
	buffer *buffer
}

// New prepares captures of the process p, whose executable is exe by its own
// name and has the given build id. p stays the caller's.
func New(p *mem.Process, a *arch.Arch, exe, buildID string) (*Target, error) {
	t := &Target{pid: p.PID(), arch: a, mem: p, exe: exe, buildID: buildID}
	var err error
	if t.auxv, err = os.ReadFile(fmt.Sprintf("/proc/%d/auxv", t.pid)); err != nil {
		return nil, fmt.Errorf("process %d: %w", t.pid, err)
	}
	if t.command, err = p.Command(); err != nil {
		return nil, err
	}
	st, err := tracee.ReadStatus(t.pid)
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", t.pid, err)
	}
	t.name, t.foreign = st.Name, st.Inner != 0 && st.Inner != t.pid
	t.pages = openPagemap(t.pid)
	return t, nil
}

// Close releases what the next capture would have used. Captures stay.
func (t *Target) Close() error {
	t.pages.close()
	if t.buffer != nil {
		t.buffer.close()
		t.buffer = nil
	}
	return nil
}

// Estimate is what a capture would take.
type Estimate struct {
	// Bytes is how much would be copied, Time how long that took while the
	// process ran.
	Bytes uint64
	Time  time.Duration
}

// Estimate says how much Take would copy, without a Time.
func (t *Target) Estimate(sel Selection) (Estimate, error) {
	if err := t.mem.Refresh(); err != nil {
		return Estimate{}, err
	}
	p := makePlan(t.mem.Ranges(), t.pages, &t.places, sel)
	return Estimate{Bytes: p.bytes}, nil
}

// ErrNoMemory says that this machine has not the memory for a capture.
var ErrNoMemory = errors.New("not enough memory is available here")

// Prepare copies what Take would copy, while the process runs, so that Take finds
// its memory at hand.
func (t *Target) Prepare(ctx context.Context, sel Selection) error {
	_, err := t.prepare(ctx, sel)
	return err
}

func (t *Target) prepare(ctx context.Context, sel Selection) (*plan, error) {
	if err := t.mem.Refresh(); err != nil {
		return nil, err
	}
	p := makePlan(t.mem.Ranges(), t.pages, &t.places, sel)
	if free := available(); free > 0 && p.bytes > free/2 {
		return nil, fmt.Errorf("capture %d bytes of process %d: %w (%d bytes)", p.bytes, t.pid, ErrNoMemory, free)
	}
	if err := t.room(p); err != nil {
		return nil, err
	}
	return p, t.copyQuietly(ctx, p)
}

// copyQuietly copies while the process runs, which is not to notice it.
func (t *Target) copyQuietly(ctx context.Context, p *plan) (err error) {
	tracee.OnThread(tracee.Yield, func() {
		_, err = copyAll(ctx, t.mem, t.buffer.b, p.runs, tracee.Yield)
	})
	return err
}

// Rehearse prepares and returns how long the copy takes: the shortest of some
// times, since this goes after the work of others.
func (t *Target) Rehearse(ctx context.Context, sel Selection) (Estimate, error) {
	p, err := t.prepare(ctx, sel)
	if err != nil {
		return Estimate{}, err
	}
	e := Estimate{Bytes: p.bytes}
	for i := range rehearsals {
		begin := time.Now()
		if err := t.copyQuietly(ctx, p); err != nil {
			return e, err
		}
		if took := time.Since(begin); i == 0 || took < e.Time {
			e.Time = took
		}
	}
	return e, nil
}

// rehearsals is how often the time of a copy is taken.
const rehearsals = 3

// slack is how much more than planned a capture may need, in bytes, because the
// process goes on meanwhile.
const slack = 64 << 20

// room makes the buffer large enough for the plan.
func (t *Target) room(p *plan) error {
	if t.buffer == nil {
		var err error
		t.buffer, err = newBuffer(t.places.end + slack)
		return err
	}
	if uint64(len(t.buffer.b)) < p.size {
		return t.buffer.resize(t.places.end + slack)
	}
	return nil
}

// Capture is a process at one instant, as a core file in memory.
type Capture struct {
	file *os.File
	*plan
	arch  *arch.Arch
	notes []byte
	// Instant is when it was, and what was left out.
	Instant mem.Instant
	// Bytes is how much was copied.
	Bytes uint64
}

// Path is a path by which this process opens the core, until Close.
func (c *Capture) Path() string { return "/proc/self/fd/" + strconv.Itoa(int(c.file.Fd())) }

// Close gives the memory back; what has opened it may go on reading.
func (c *Capture) Close() error { return c.file.Close() }

// Take stops the process, copies what sel says, lets it go, and only then makes
// a core of it. kernel is what the kernel said of the threads before. The process
// is let go in any case.
func (t *Target) Take(ctx context.Context, sel Selection, kernel map[uint64]mem.KernelWait) (*Capture, error) {
	if t.buffer == nil {
		if err := t.Prepare(ctx, sel); err != nil {
			return nil, err
		}
	}
	var s *shot
	var err error
	tracee.OnThread(tracee.Hurry, func() { s, err = t.shootSafely(ctx, sel, kernel) })
	if err != nil {
		return nil, fmt.Errorf("capture process %d: %w", t.pid, err)
	}
	c, err := t.finish(s)
	if err != nil {
		t.buffer.close()
	}
	t.buffer = nil
	if err != nil {
		return nil, fmt.Errorf("capture process %d: %w", t.pid, err)
	}
	return c, nil
}

// shot is what was copied of a stopped process.
type shot struct {
	description
	*plan
	// extra are the pages that were copied beside the plan.
	extra Pages
}

// shootSafely is shoot with an error in place of a panic, which would end this
// process.
func (t *Target) shootSafely(ctx context.Context, sel Selection, kernel map[uint64]mem.KernelWait) (s *shot, err error) {
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, fmt.Errorf("internal error: %v", r)
		}
	}()
	return t.shoot(ctx, sel, kernel)
}

// shoot is all that happens while the process stands.
func (t *Target) shoot(ctx context.Context, sel Selection, kernel map[uint64]mem.KernelWait) (*shot, error) {
	stopped, err := tracee.StopHere(ctx, t.pid)
	if err != nil {
		return nil, err
	}
	defer stopped.Release()
	s := &shot{description: description{arch: t.arch, pid: t.pid, name: t.name, command: t.command, auxv: t.auxv, threads: stopped.Threads()}}
	s.instant = mem.Instant{NanoTime: monotonic(), Wall: time.Now().UnixNano(), Exe: t.exe, BuildID: t.buildID, Kernel: kernel}
	if t.foreign {
		s.innerIDs()
	}
	if err := t.mem.Refresh(); err != nil {
		return nil, err
	}
	s.ranges = t.mem.Ranges()
	if sel.Wanted != nil {
		s.wantThreads(sel.Wanted)
	}
	s.plan = makePlan(s.ranges, t.pages, &t.places, sel)
	if err := t.room(s.plan); err != nil {
		return nil, err
	}
	missing, err := copyAll(ctx, t.mem, t.buffer.b, s.runs, tracee.Hurry)
	if err != nil {
		return nil, err
	}
	if sel.Again != nil {
		deadline, cancel := context.WithDeadline(ctx, stopped.Since.Add(sel.Within))
		t.stand(s, sel.Survey)
		sel.Again(deadline)
		cancel()
	}
	stopped.Release()
	s.instant.Pause = time.Since(stopped.Since).Nanoseconds()
	if s.extra.Len() > 0 {
		s.plan = s.with(&s.extra, &t.places)
	}
	s.instant.LeftOut = sel.LeftOut
	s.drop(missing)
	return s, nil
}

// systemStack is how much of the stack of a thread in C, or in the scheduler, is
// copied, in bytes; nearTLS what lies around its thread pointer.
const (
	systemStack = 64 << 10
	nearTLS     = 256
)

// wantThreads adds the stacks on which the threads stand, and what their thread
// pointers point to, as far as these are mapped.
func (s *shot) wantThreads(wanted *Pages) {
	add := func(lo, hi mem.Addr) {
		for _, r := range s.ranges {
			if from, to := max(lo, r.Start), min(hi, r.End); from < to {
				wanted.Add(from, int(to-from))
			}
		}
	}
	for _, t := range s.threads {
		regs, err := s.arch.DecodeRegs(t.General)
		if err != nil {
			continue
		}
		add(mem.Addr(regs.SP)-nearTLS, mem.Addr(regs.SP)+systemStack)
		tls := regs.TLS
		if len(t.TLS) >= 8 { // a register set of its own, on arm64
			tls = s.arch.Order.Uint64(t.TLS)
		}
		add(mem.Addr(tls)-nearTLS, mem.Addr(tls)+nearTLS)
	}
}

// monotonic is the clock that the target's runtime.nanotime reads, in ns.
func monotonic() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0
	}
	return ts.Nano()
}

// finish makes a core of what was copied.
func (t *Target) finish(s *shot) (*Capture, error) {
	notes, err := s.notes()
	if err != nil {
		return nil, err
	}
	size, tail, head, err := frame(t.arch, s.size, notes, s.segments)
	if err != nil {
		return nil, err
	}
	if err := t.buffer.resize(size); err != nil {
		return nil, err
	}
	copy(t.buffer.b, head)
	copy(t.buffer.b[s.size:], tail)
	if err := t.punch(s.plan); err != nil {
		return nil, err
	}
	if err := t.buffer.unmap(); err != nil {
		return nil, err
	}
	return &Capture{file: t.buffer.file, plan: s.plan, arch: t.arch, notes: notes, Instant: s.instant, Bytes: s.bytes}, nil
}

// punch empties the holes of the plan: the rehearsal may have left something
// there.
func (t *Target) punch(p *plan) error {
	from := uint64(pageSize)
	for _, r := range slices.SortedFunc(slices.Values(p.runs), func(a, b run) int { return cmp.Compare(a.off, b.off) }) {
		if err := t.hole(from, r.off); err != nil {
			return err
		}
		from = r.off + r.size
	}
	return t.hole(from, p.size)
}

func (t *Target) hole(from, to uint64) error {
	if from >= to {
		return nil
	}
	err := unix.Fallocate(int(t.buffer.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(from), int64(to-from))
	if err != nil {
		return fmt.Errorf("empty what was not copied: %w", err)
	}
	return nil
}

// innerIDs gives the threads the ids that they have in their own PID namespace,
// which the runtime knows them by.
func (s *shot) innerIDs() {
	inner := make(map[uint64]mem.KernelWait)
	for i := range s.threads {
		th := &s.threads[i]
		st, err := tracee.ReadStatus(th.TID)
		if err != nil {
			continue // it has ended since
		}
		if w, ok := s.instant.Kernel[uint64(th.TID)]; ok {
			inner[uint64(st.Inner)] = w
		}
		th.TID = st.Inner
	}
	s.instant.Kernel = inner
}
