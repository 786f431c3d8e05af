package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"rtdbg/inspect/delve"
	"rtdbg/inspect/exe"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/tracee"
)

// Attach opens the process pid of this host. It stops the process for as long as
// it takes to copy what answers need, and thinks afterwards: see package capture.
// With o.Stop or o.Listen the process stays stopped, under Delve, until Close.
func Attach(ctx context.Context, pid int, o Options) (*Process, error) {
	if o.Stop || o.Listen != "" {
		return attachStopped(ctx, pid, o)
	}
	l, err := OpenLive(pid, o)
	if err != nil {
		return nil, err
	}
	p, err := l.Capture(ctx)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	p.closers = append([]func() error{l.Close}, p.closers...)
	return p, nil
}

// openLive opens the memory and the executable of a process that runs.
func openLive(pid int, o Options) (*Process, *mem.Process, error) {
	st, err := tracee.Check(pid)
	if err != nil {
		return nil, nil, err
	}
	if st.Stopped() {
		o.warnf("process %d is stopped by a signal, until SIGCONT: nothing in it runs, and times count for how long it has stood", pid)
	}
	return openMemory(pid, o)
}

// openMemory opens the memory and the executable of a process whose tracer is
// this one, or nobody.
func openMemory(pid int, o Options) (*Process, *mem.Process, error) {
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
	return p, m, nil
}

// attachStopped has Delve stop the process.
func attachStopped(ctx context.Context, pid int, o Options) (*Process, error) {
	p, m, err := openLive(pid, o)
	if err != nil {
		return nil, err
	}
	if tid := tracee.Sleeper(pid); tid != 0 {
		return nil, errors.Join(tracee.ErrSleeps(pid, tid), p.Close())
	}
	p.kernel = m.KernelWaits() // a stopped thread waits for who stopped it
	// Delve stops the process first and then loads its symbols.
	now := liveNow()
	p.now = func() Now { return now }
	if err := p.guard(pid); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if p.session, err = delve.Attach(ctx, pid, delve.Listen(o.Listen)); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if err := p.session.Unrefused(); err != nil {
		o.warnf("process %d: Delve's own breakpoints stood in its code until they were cleared: %v", pid, err)
	}
	p.serves(p.session)
	if err := p.stand(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if err := p.openStopped(ctx, m); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// openStopped opens a process that Delve has stopped.
func (p *Process) openStopped(ctx context.Context, m *mem.Process) error {
	threads, err := p.session.Threads(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name(), err)
	}
	// Threads and mappings may have come and gone until it stopped.
	if err := m.Refresh(); err != nil {
		return err
	}
	bias, err := m.LoadBias(p.exe)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name(), err)
	}
	p.nameThreads(threads)
	return p.open(ctx, target{arch: p.exe.Arch, bias: bias, threads: threads})
}

// guard starts the guard, if there is to be one; Close ends it.
func (p *Process) guard(pid int) error {
	if p.opts.Guard == nil {
		return nil
	}
	g, err := delve.StartGuard(p.opts.Guard, pid)
	if err != nil {
		return err
	}
	p.unguard = g.Release
	return nil
}

// Guard is what the command of Options.Guard does: it waits for the end of in,
// which is the death of the process that started it, and then has the process pid
// run on as it was.
func Guard(pid int, in io.Reader, out io.Writer) error { return delve.Watch(pid, in, out) }

// GuardServer is what the command of Options.Guard does for the target of a
// server: it waits for the end of in, and then resumes what Connect has halted.
func GuardServer(ctx context.Context, addr string, in io.Reader) error {
	return delve.WatchServer(ctx, in, addr)
}
