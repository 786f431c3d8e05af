package inspect

import (
	"context"
	"errors"

	"rtdbg/inspect/delve"
)

// Reread reads the target of a Delve server as it stands now, on the session of
// p: a server without --accept-multiclient has no second one. p is closed if
// that succeeds, and stays as it is otherwise.
func (p *Process) Reread(ctx context.Context) (*Process, error) {
	if p.info.Server == "" {
		return nil, errors.New("only the target of a Delve server can be read again")
	}
	s, err := p.delve(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.haltIfAllowed(ctx, s); err != nil {
		return nil, err
	}
	n := &Process{opts: p.opts, session: s, dwarf: noExecutable, info: Info{Server: p.info.Server}}
	if err := n.connect(ctx, p.info.Server); err != nil {
		n.handOver()
		return nil, errors.Join(err, n.Close())
	}
	p.handOver()
	return n, p.Close()
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

// handOver leaves the session to another Process.
func (p *Process) handOver() {
	p.delveMu.Lock()
	defer p.delveMu.Unlock()
	p.session = nil
}
