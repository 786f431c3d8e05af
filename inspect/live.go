package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"rtdbg/inspect/capture"
	"rtdbg/inspect/delve"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/tracee"
)

// Live is a process of this host that runs, and of which captures are taken.
type Live struct {
	// p is the process while it runs: its executable and the layouts of that
	// serve all captures.
	p    *Process
	mem  *mem.Process
	opts Options
}

// OpenLive opens the process pid of this host without stopping it.
func OpenLive(pid int, o Options) (*Live, error) {
	p, m, err := openLive(pid, o)
	if err != nil {
		return nil, err
	}
	return &Live{p: p, mem: m, opts: o}, nil
}

// Info describes the process.
func (l *Live) Info() Info { return l.p.info }

// Close releases the process. Captures of it must be closed before.
func (l *Live) Close() error { return l.p.Close() }

// Capture captures the process and opens the capture.
func (l *Live) Capture(ctx context.Context) (*Process, error) {
	c, err := l.take(ctx)
	if err != nil {
		return nil, err
	}
	p := &Process{opts: l.opts, exe: l.p.exe, dwarf: l.p.dwarf, info: l.p.info, closers: []func() error{c.Close}}
	path := c.Path()
	p.openDelve = func(ctx context.Context) (*delve.Session, error) { return delve.OpenCore(ctx, p.exe.Reopen(), path) }
	if err := p.openCore(ctx, path); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	p.info.Memory = fmt.Sprintf("capture of process %d (%d MB)", p.info.PID, c.Bytes>>20)
	return p, nil
}

// Snapshot captures the process without opening the capture.
func (l *Live) Snapshot(ctx context.Context) (*capture.Capture, error) { return l.take(ctx) }

// take stops the process, copies, and lets it go.
func (l *Live) take(ctx context.Context) (*capture.Capture, error) {
	c, err := l.tryTake(ctx)
	if err != nil && tracee.Gone(l.p.info.PID) {
		return nil, fmt.Errorf("process %d: %w", l.p.info.PID, ErrExited)
	}
	return c, err
}

func (l *Live) tryTake(ctx context.Context) (*capture.Capture, error) {
	p := l.p
	ids := p.exe.BuildIDs()
	t, err := capture.New(l.mem, p.exe.Arch, p.info.Exe, cmp.Or(ids.Go, ids.GNU))
	if err != nil {
		return nil, err
	}
	defer t.Close()
	s, n, err := l.survey(ctx, t)
	if err != nil {
		return nil, err
	}
	sel, err := p.chooseHeap(ctx, t, s, pauseBudget(n))
	if err != nil {
		return nil, err
	}
	return t.Take(ctx, sel, l.mem.KernelWaits())
}

// survey opens the running process and counts its goroutines. That fails where
// its structures move too fast; then there is no surveyor.
func (l *Live) survey(ctx context.Context, t *capture.Target) (s *surveyor, goroutines int, err error) {
	if err := l.mem.Refresh(); err != nil {
		return nil, 0, err
	}
	s, err = newSurveyor(ctx, l.p, l.mem, t.Survey())
	if err == nil {
		goroutines, err = s.goroutines(ctx)
	}
	if ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	if err != nil {
		l.opts.verbosef("survey of the running process: %v", err)
		return nil, 0, nil
	}
	return s, goroutines, nil
}

// chooseHeap rehearses the capture with all of the heap, and with what answers
// need of it if that takes too long and this would be shorter.
func (p *Process) chooseHeap(ctx context.Context, t *capture.Target, s *surveyor, within time.Duration) (capture.Selection, error) {
	var all capture.Selection
	whole, err := t.Estimate(all)
	if err != nil {
		return all, err
	}
	if s == nil || p.opts.Heap == HeapAll {
		return all, t.Prepare(ctx, all)
	}
	if fits, err := p.fits(ctx, t, whole, within); fits || err != nil {
		return all, err
	}
	sel, err := s.selection(ctx)
	if err != nil {
		return sel, fmt.Errorf("survey of the running process: %w", err)
	}
	part, err := t.Estimate(sel)
	sel.LeftOut = whole.Bytes - min(part.Bytes, whole.Bytes)
	if err == nil && p.opts.Heap == HeapIfShort && sel.LeftOut < whole.Bytes/worthLeaving {
		sel = all
	}
	if err == nil {
		sel.Within = within * 9 / 10
		err = t.Prepare(ctx, sel)
	}
	return sel, err
}

// worthLeaving is the part of all memory that the heap has to be, one in so many,
// for it to be left out.
const worthLeaving = 4

// fits reports whether all can be copied within the time.
func (p *Process) fits(ctx context.Context, t *capture.Target, whole capture.Estimate, within time.Duration) (bool, error) {
	if p.opts.Heap == HeapNone || float64(whole.Bytes) > fastestCopy*within.Seconds() {
		return false, nil
	}
	e, err := t.Rehearse(ctx, capture.Selection{})
	if errors.Is(err, capture.ErrNoMemory) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p.opts.verbosef("all of the memory: %d MB, copied in %v of the %v that the process may stand still", e.Bytes>>20, e.Time.Round(time.Microsecond), within)
	return e.Time <= within*4/5, nil
}

// fastestCopy is more bytes per second than any machine copies.
const fastestCopy = 50e9

// pauseBudget is how long a process with n goroutines may stand still.
func pauseBudget(n int) time.Duration {
	const least, at, each = 20 * time.Millisecond, 1000, 800 * time.Nanosecond
	return least + time.Duration(max(n-at, 0))*each
}
