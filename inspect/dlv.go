package inspect

import (
	"context"
	"fmt"
	"io"
	"time"

	"rtdbg/inspect/delve"
)

// Select makes the goroutine with id goid the selected one: that in which
// expressions are evaluated and Delve's commands work unless they name another.
// Delve is told when it is next asked something.
func (p *Process) Select(ctx context.Context, goid uint64) error {
	g, err := p.Goroutine(ctx, goid)
	if err != nil {
		return err
	}
	if g.Dead() {
		return fmt.Errorf("%s has no goroutine %d", p.name(), goid)
	}
	p.selection.mu.Lock()
	defer p.selection.mu.Unlock()
	p.selection.goid, p.selection.untold = goid, true
	return nil
}

// Selected returns the id of the selected goroutine, 0 while nobody has
// selected one.
func (p *Process) Selected() uint64 {
	p.selection.mu.Lock()
	defer p.selection.mu.Unlock()
	return p.selection.goid
}

// here returns the debugger session with the selected goroutine selected in
// it.
func (p *Process) here(ctx context.Context) (*delve.Session, error) {
	s, err := p.delve(ctx)
	if err != nil {
		return nil, err
	}
	p.selection.mu.Lock()
	defer p.selection.mu.Unlock()
	if !p.selection.untold {
		return s, nil
	}
	// Where Delve does not know the goroutine, as in a stripped program, that
	// is said once.
	p.selection.untold = false
	if err := s.SelectGoroutine(ctx, int64(p.selection.goid)); err != nil {
		p.selection.untold = ctx.Err() != nil
		return nil, err
	}
	return s, nil
}

// lookTime bounds how long Delve may take to say what it has selected.
const lookTime = time.Second

// Dlv runs a line of Delve's own terminal ("goroutines -t", "frame 3 print x")
// on the debugger session and writes what it prints to w, colours included.
// What it selects is selected here. When ctx ends, a target that the command
// lets run is halted, and what does not run ends. A command that lets the
// target run or changes it makes AtInstant return ErrMovedOn.
func (p *Process) Dlv(ctx context.Context, w io.Writer, line string) error {
	s, err := p.here(ctx)
	if err != nil {
		return err
	}
	before, beforeErr := s.SelectedGoroutine(ctx)
	moved := s.Moved()
	err = s.Command(ctx, w, line)
	if s.Moved() != moved {
		p.moved.Store(true)
	}
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
	defer cancel()
	after, afterErr := s.SelectedGoroutine(look)
	if beforeErr == nil && afterErr == nil && after > 0 && after != before {
		p.selection.mu.Lock()
		p.selection.goid = uint64(after)
		p.selection.mu.Unlock()
	}
	return err
}

// DlvCommands are the names of the commands of Delve's own terminal, sorted.
func DlvCommands() []string { return delve.Commands() }

// DlvResumes are the names of those that let the target run.
func DlvResumes() []string { return delve.Resuming() }
