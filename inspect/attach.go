package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"rtdbg/inspect/capture"
	"rtdbg/inspect/delve"
	"rtdbg/inspect/exe"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/tracee"
)

// Attach opens the process pid of this host. It stops the process for as long as
// it takes to copy what answers need, and thinks afterwards: see capture. With
// o.Stop the process stays stopped, under Delve, until Close.
func Attach(ctx context.Context, pid int, o Options) (*Process, error) {
	if o.Stop {
		return attachStopped(ctx, pid, o)
	}
	return captureProcess(ctx, pid, o)
}

// openLive opens the memory and the executable of a process that runs.
func openLive(pid int, o Options) (*Process, *mem.Process, error) {
	if _, err := tracee.Check(pid); err != nil {
		return nil, nil, err
	}
	m, err := mem.OpenProcess(pid)
	if err != nil {
		return nil, nil, err
	}
	f, err := exe.Open(m.ExePath())
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("process %d: %w", pid, err), m.Close())
	}
	p := &Process{Mem: m, opts: o, closers: []func() error{m.Close}}
	p.adopt(f)
	p.info = Info{PID: pid, Memory: m.Describe() + " (/proc/PID/mem)"}
	if p.info.Exe, err = os.Readlink(m.ExePath()); err != nil {
		p.info.Exe = m.ExePath()
	}
	p.kernel = m.KernelWaits() // a stopped thread waits for who stopped it
	return p, m, nil
}

// attachStopped has Delve stop the process.
func attachStopped(ctx context.Context, pid int, o Options) (*Process, error) {
	p, m, err := openLive(pid, o)
	if err != nil {
		return nil, err
	}
	// Delve stops the process first and then loads its symbols.
	now := liveNow()
	p.now = func() Now { return now }
	if p.session, err = delve.Attach(ctx, pid); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	threads, err := p.session.Threads(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("process %d: %w", pid, err), p.Close())
	}
	// Threads and mappings may have come and gone until it stopped.
	if err := m.Refresh(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	bias, err := m.LoadBias(p.exe)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("process %d: %w", pid, err), p.Close())
	}
	if err := p.open(ctx, target{arch: p.exe.Arch, bias: bias, threads: threads}); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// captureProcess captures a process and opens the capture.
func captureProcess(ctx context.Context, pid int, o Options) (*Process, error) {
	p, m, err := openLive(pid, o)
	if err != nil {
		return nil, err
	}
	c, err := p.capture(ctx, m)
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	// What was the running process becomes the captured one: the executable and
	// its layouts stay.
	p.closers = append(p.closers, c.Close)
	p.Mem, p.kernel = nil, nil
	path := c.Path()
	p.openDelve = func(ctx context.Context) (*delve.Session, error) { return delve.OpenCore(ctx, p.exe.Reopen(), path) }
	if err := p.openCore(ctx, path); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	p.info.Memory = fmt.Sprintf("capture of process %d (%d MB)", p.info.PID, c.Bytes>>20)
	return p, nil
}

// capture stops the process, copies, and lets it go.
func (p *Process) capture(ctx context.Context, m *mem.Process) (*capture.Capture, error) {
	ids := p.exe.BuildIDs()
	t, err := capture.New(m, p.exe.Arch, p.info.Exe, cmp.Or(ids.Go, ids.GNU))
	if err != nil {
		return nil, err
	}
	defer t.Close()
	memory := t.Survey()
	s, err := newSurveyor(ctx, p, m, memory)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	n := 0
	if err != nil {
		p.opts.verbosef("survey of the running process: %v", err)
	} else if n, err = s.goroutines(ctx); err != nil {
		p.opts.verbosef("survey of the running process: %v", err)
	}
	within := pauseBudget(n)
	sel, err := p.chooseHeap(ctx, t, s, within)
	if err != nil {
		return nil, err
	}
	return t.Take(ctx, sel, p.kernel)
}

// chooseHeap rehearses the capture with all of the heap, and with what answers
// need of it if that takes too long and this would be shorter.
func (p *Process) chooseHeap(ctx context.Context, t *capture.Target, s *surveyor, within time.Duration) (capture.Selection, error) {
	var all capture.Selection
	whole, err := t.Estimate(all)
	if err != nil {
		return all, err
	}
	if s == nil && p.opts.Heap == HeapIfShort || p.opts.Heap == HeapAll {
		_, err := t.Rehearse(ctx, all)
		return all, err
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
		_, err = t.Rehearse(ctx, sel)
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
