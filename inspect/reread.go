package inspect

import (
	"context"
	"errors"
	"fmt"

	"rtdbg/inspect/delve"
)

// Rereads reports whether Reread can read the target again.
func (p *Process) Rereads() bool {
	p.delveMu.Lock()
	defer p.delveMu.Unlock()
	return p.session != nil && p.session.Kind() != delve.KindCore
}

// Reread reads a target that Delve has stopped (Connect, Attach with Stop) as it
// stands now, on the session of p: letting the process go in between would let
// it run, and a server without --accept-multiclient has no second session. p is
// closed if that succeeds, and stays as it is otherwise.
func (p *Process) Reread(ctx context.Context) (*Process, error) {
	if !p.Rereads() {
		return nil, fmt.Errorf("%s cannot be read again: it is not under Delve", p.name())
	}
	s, err := p.delve(ctx)
	if err != nil {
		return nil, err
	}
	n, err := p.reread(ctx, s)
	if err != nil {
		if n != nil {
			n.session = nil // which stays with p
			err = errors.Join(err, n.Close())
		}
		return nil, err
	}
	n.unguard = p.handOver()
	return n, p.Close()
}

// reread opens the target of s. With an error what it returns is to be closed.
func (p *Process) reread(ctx context.Context, s *delve.Session) (*Process, error) {
	if s.Kind() == delve.KindProcess {
		n, m, err := openMemory(p.info.PID, p.opts)
		if err != nil {
			return nil, err
		}
		now := liveNow()
		n.session, n.now = s, func() Now { return now }
		n.interrupt, n.info.Listen = p.interrupt, p.info.Listen
		if err := n.stand(ctx); err != nil {
			return n, err
		}
		return n, n.openStopped(ctx, m)
	}
	if err := p.haltIfAllowed(ctx, s); err != nil {
		return nil, err
	}
	n := &Process{opts: p.opts, session: s, interrupt: p.interrupt, dwarf: noExecutable, info: Info{Server: p.info.Server}}
	return n, n.connect(ctx, p.info.Server)
}

// haltIfAllowed halts a target that runs where the options allow that.
func (p *Process) haltIfAllowed(ctx context.Context, s *delve.Session) error {
	if !p.opts.Stop {
		return nil
	}
	state, err := s.State(ctx)
	if err != nil || state != delve.StateRunning {
		return err
	}
	return s.Halt(ctx)
}

// handOver leaves the session to another Process, and the guard, whose end it
// returns.
func (p *Process) handOver() (unguard func() error) {
	p.delveMu.Lock()
	defer p.delveMu.Unlock()
	unguard = p.unguard
	p.session, p.unguard = nil, nil
	return unguard
}
