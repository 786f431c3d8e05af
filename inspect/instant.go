package inspect

import (
	"context"
	"errors"
	"fmt"

	"rtdbg/inspect/delve"
	"rtdbg/inspect/mem"
)

// ErrMovedOn says that the target has run since it was opened: what is read of
// it now belongs to another instant.
var ErrMovedOn = errors.New("the target has run since it was read")

// instant is where the target of a debugger stood when it was opened.
type instant struct {
	at delve.Instant
	// counters are those of the target that grow when it runs.
	counters []mem.Addr
}

// Moves reports whether the target could run while it is read, because a
// debugger holds it that others can talk to as well. Cores and captures never
// move.
func (p *Process) Moves() bool { return p.instant != nil }

// AtInstant returns nil while the target stands where it stood when it was
// opened, an error that wraps ErrMovedOn once it has run, runs, or has ended. An
// answer is of one instant if AtInstant returns nil after it. Of a process on
// this host that is sure, as the kernel counts what its threads do; of one
// elsewhere it is so unless all registers and the scheduler's counters are as
// before. Cores and captures never move.
func (p *Process) AtInstant(ctx context.Context) error {
	if p.moved.Load() {
		return fmt.Errorf("%s: %w", p.name(), ErrMovedOn)
	}
	if p.instant == nil {
		return ctx.Err()
	}
	now, err := p.look(ctx, p.instant.counters)
	if err == nil && now != p.instant.at {
		return fmt.Errorf("%s: %w", p.name(), ErrMovedOn)
	}
	return err
}

// look asks the debugger where the target stands.
func (p *Process) look(ctx context.Context, counters []mem.Addr) (delve.Instant, error) {
	s, err := p.delve(ctx)
	if err != nil {
		return delve.Instant{}, err
	}
	now, err := s.Instant(ctx, counters)
	if err = movedOn(err); errors.Is(err, ErrMovedOn) {
		err = fmt.Errorf("%s: %w", p.name(), err)
	}
	return now, err
}

// movedOn adds ErrMovedOn to an error which says that another client of the
// debugger has resumed the target.
func movedOn(err error) error {
	switch {
	case errors.Is(err, ErrMovedOn):
	case errors.Is(err, delve.ErrRunning):
		return fmt.Errorf("%w: another client of the debugger has resumed it, and it runs", ErrMovedOn)
	case errors.Is(err, delve.ErrExited):
		return fmt.Errorf("%w: it has exited", ErrMovedOn)
	}
	return err
}

// stand notes where the stopped target stands. What is read after it is of that
// instant if AtInstant says so later.
func (p *Process) stand(ctx context.Context) error {
	p.instant = &instant{}
	now, err := p.look(ctx, nil)
	p.instant.at = now
	return err
}

// addCounters notes the counters that the runtime has: how often each P
// scheduled a goroutine or entered a system call.
func (p *Process) addCounters(ctx context.Context) error {
	ps, err := p.RT.AllPs()
	if err != nil && len(ps) == 0 {
		return fmt.Errorf("%s: %w", p.name(), err)
	}
	var counters []mem.Addr
	for _, name := range []string{"schedtick", "syscalltick"} {
		off, _, err := p.RT.Layout.Offset("runtime.p", name)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name(), err)
		}
		for i := range ps {
			counters = append(counters, ps[i].Addr+mem.Addr(off))
		}
	}
	now, err := p.look(ctx, counters)
	switch {
	case err != nil:
		return err
	case !now.SameThreads(p.instant.at):
		return fmt.Errorf("%s: %w", p.name(), ErrMovedOn)
	}
	p.instant = &instant{now, counters}
	return nil
}

// Interrupt makes what reads the target of a debugger fail at once, now and
// from now on, so that Close need not wait for it.
func (p *Process) Interrupt() {
	if p.interrupt != nil {
		p.interrupt()
	}
}
