package inspect

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/delve"
	"rtdbg/inspect/exe"
	"rtdbg/inspect/mem"
)

// serves notes where others can join a session.
func (p *Process) serves(s *delve.Session) {
	p.interrupt = s.Interrupt
	p.info.Listen = s.Listening()
	if s.Exposed() {
		p.opts.warnf("whoever can reach %s controls the target: Delve asks for no password", p.info.Listen)
	}
}

// Connect opens the target of a headless Delve server, beside any other
// client of it. Close leaves the server and its target as they were.
func Connect(ctx context.Context, addr string, o Options) (*Process, error) {
	s, err := delve.Connect(ctx, addr, delve.ConnectOptions{Stop: o.Stop, Guard: o.Guard})
	if err != nil {
		return nil, err
	}
	p := &Process{opts: o, session: s, interrupt: s.Interrupt, dwarf: noExecutable}
	p.info = Info{Server: addr}
	if s.Halted() {
		o.warnf("%s ran: it is halted, which a dlv that waits for it is told, and runs on afterwards, which no dlv is told: what that then asks waits for a stop (rtdbg.star has halt)", p.name())
	}
	release := context.AfterFunc(ctx, p.Interrupt)
	err = p.connect(ctx, addr)
	if !release() {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, errors.Join(movedOn(err), p.Close())
	}
	return p, nil
}

func (p *Process) connect(ctx context.Context, addr string) error {
	t, err := p.session.Target(ctx)
	if err != nil {
		return err
	}
	if t.State != delve.StateStopped {
		return fmt.Errorf("connect %s: the target is %s: halt it in dlv first (Ctrl-C, then p), or allow rtdbg to (--stop)", addr, t.State)
	}
	p.info.PID = t.PID
	if t.Backend == "core" {
		return p.openServed(ctx, addr, t)
	}
	if err := p.stand(ctx); err != nil {
		return err
	}
	if err := p.openServed(ctx, addr, t); err != nil {
		if moved := p.AtInstant(ctx); errors.Is(moved, ErrMovedOn) {
			return moved // that is why it could not be read
		}
		return err
	}
	return p.addCounters(ctx)
}

// openServed opens the target t of the server at addr.
func (p *Process) openServed(ctx context.Context, addr string, t *delve.Target) error {
	threads, err := p.session.Threads(ctx)
	if err != nil {
		return err
	}
	here := !t.Recorded && p.session.OnThisHost(ctx)
	if here {
		p.nameThreads(threads)
	}
	machine, ok := arch.ByName(t.GOARCH)
	if !ok {
		return fmt.Errorf("connect %s: rtdbg does not know the architecture %q of the target", addr, t.GOARCH)
	}
	session := p.session // Close forgets it, and a read may be left behind
	read := func(b []byte, a mem.Addr) error { return session.ReadMemory(context.WithoutCancel(ctx), b, a) }
	p.Mem = mem.NewPaged(read, "Delve server "+addr+" (ExamineMemory)")
	tg := target{arch: machine, threads: threads, goVersion: t.GoVersion}
	tg.symbols = func(name string) (mem.Addr, bool) {
		a, err := session.Symbol(context.WithoutCancel(ctx), name)
		return a, err == nil && a != 0
	}
	if err := p.adoptExecutable(t, here, &tg); err != nil {
		p.opts.verbosef("the executable is not at hand: %v", err)
	}
	p.info.Memory = p.Mem.Describe()
	now := Now{Source: "unknown: the target is not known to be on this host, or recorded"}
	if here {
		now = liveNow()
	}
	p.now = func() Now { return now }
	return p.open(ctx, tg)
}

// adoptExecutable uses the executable of a process that is here, so that its
// read-only parts need not go through the server. What is elsewhere has an id that
// may be another process's here.
func (p *Process) adoptExecutable(t *delve.Target, here bool, tg *target) error {
	if !here {
		return errors.New("the server does not serve a process that this host's kernel tells of")
	}
	path := "/proc/" + strconv.Itoa(t.PID) + "/exe"
	f, err := exe.Open(path)
	if err != nil {
		return err
	}
	m, err := mem.OpenProcess(t.PID)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	defer m.Close()
	bias, err := m.LoadBias(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	p.adopt(f)
	p.info.Exe = path
	p.Mem = mem.NewOverlay(mem.WithRanges(p.Mem, m.Ranges()), mem.NewImage(f, bias))
	tg.arch, tg.bias, tg.symbols = f.Arch, bias, nil
	return nil
}
