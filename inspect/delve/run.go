package delve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"

	"rtdbg/inspect/tracee"
)

// State is what the target does.
type State uint8

// The states of a target.
const (
	// StateStopped is a target that can be read: a stopped process, a core
	// file, a recording.
	StateStopped State = iota
	// StateRunning is a target that cannot be read before it is halted. A
	// recording in progress counts as running.
	StateRunning
	// StateDumping is a stopped target of which a core dump is being written,
	// by this session or another client.
	StateDumping
	// StateExited is a target process that has ended.
	StateExited
)

// String returns "stopped", "running", "dumping core" or "exited".
func (st State) String() string {
	switch st {
	case StateStopped:
		return "stopped"
	case StateRunning:
		return "running"
	case StateDumping:
		return "dumping core"
	case StateExited:
		return "exited"
	}
	return fmt.Sprintf("state %d", uint8(st))
}

// State asks what the target does. It does not wait for a running target.
func (s *Session) State(ctx context.Context) (State, error) {
	switch err := s.usable(); {
	case errors.Is(err, ErrDumping):
		return StateDumping, nil
	case err != nil:
		return 0, err
	}
	if s.kind == KindCore {
		return StateStopped, nil
	}
	if s.kind == KindProcess {
		// Delve notices the death of a stopped process only when it resumes it.
		if tracee.Gone(s.pid) {
			return StateExited, nil
		}
		if s.door == nil {
			return StateStopped, nil
		}
	}
	return s.serverState(ctx)
}

// serverState asks a server whose target other clients may control.
func (s *Session) serverState(ctx context.Context) (State, error) {
	// A server asked for State(NonBlocking) while it dumps core keeps a lock
	// forever (debugger.State), so that is found out first, in another way.
	dump, err := callControl[rpc2.DumpWaitOut](ctx, s, "DumpWait", rpc2.DumpWaitIn{})
	if err != nil {
		return 0, err
	}
	if dump.State.Dumping {
		return StateDumping, nil
	}
	out, err := s.askState(ctx)
	switch {
	case errors.Is(err, ErrExited):
		return StateExited, nil
	case err != nil:
		return 0, err
	case out.State == nil:
		return 0, fmt.Errorf("%s: answered State with nothing", s.where)
	}
	state := StateStopped
	switch {
	case out.State.Exited:
		state = StateExited
	case out.State.Running, out.State.Recording:
		state = StateRunning
	case out.State.CoreDumping:
		state = StateDumping
	}
	s.setRunning(state == StateRunning)
	return state, nil
}

// askState asks for the state, again where the answer does not come: a server
// whose target was resumed while it looked answers when that stops, and one
// that works on what another client wants when that is done.
func (s *Session) askState(ctx context.Context) (*rpc2.StateOut, error) {
	question := rpc2.StateIn{NonBlocking: true}
	if s.control == nil {
		return callAnyState[rpc2.StateOut](ctx, s, "State", question)
	}
	for {
		step, cancel := context.WithTimeout(ctx, stateStep)
		out, err := callControl[rpc2.StateOut](step, s, "State", question)
		again := step.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil || !again {
			return out, err
		}
	}
}

func (s *Session) setRunning(running bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = running
}

// Halt stops a running target of a server; a stopped one stays as it is. Close
// resumes what Halt stopped. Other clients see the stop as a manual one.
func (s *Session) Halt(ctx context.Context) error {
	if s.kind != KindServer {
		return fmt.Errorf("halt %s: it is stopped while this session lasts", s.where)
	}
	state, err := s.State(ctx)
	if err != nil {
		return err
	}
	switch state {
	case StateExited:
		return fmt.Errorf("halt %s: %w", s.where, ErrExited)
	case StateDumping:
		return fmt.Errorf("halt %s: %w", s.where, ErrDumping)
	case StateStopped:
		// A Halt now would leave a SIGTRAP pending, for the next resume.
		return s.learnTarget(ctx)
	}
	if s.resumer == nil && s.resumeWith != nil {
		if s.resumer, err = startResumer(s.resumeWith, s.addr); err != nil {
			return fmt.Errorf("halt %s: start the process that resumes it should this one be killed: %w", s.where, err)
		}
	}
	out, err := callControl[rpc2.CommandOut](ctx, s, "Command", api.DebuggerCommand{Name: api.Halt})
	switch {
	case err != nil:
		return fmt.Errorf("halt: %w", err)
	case out.State.Exited:
		return fmt.Errorf("halt %s: %w", s.where, ErrExited)
	}
	s.mu.Lock()
	s.running, s.resume = false, true
	s.mu.Unlock()
	if err := s.learnTarget(ctx); err != nil {
		return err
	}
	halted, err := s.Instant(ctx, nil)
	s.mu.Lock()
	s.halted = halted
	s.mu.Unlock()
	if err == nil && s.resumer != nil {
		s.resumer.note(halted)
	}
	return err
}

// Halted reports whether this session halted a running target, which Close
// resumes.
func (s *Session) Halted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resume
}

// Continue resumes a stopped target of a server and returns when it runs. It
// runs until Halt, another client or a breakpoint stops it. A process that
// this session attached to is resumed by Detach only: Delve waits for any
// child of this process while its target runs, and would take the exit status
// of children that are not its business.
func (s *Session) Continue(ctx context.Context) error {
	if s.kind != KindServer {
		return fmt.Errorf("continue %s: only the target of a Delve server can be resumed within a session", s.where)
	}
	if err := s.ready(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	s.running, s.resume = true, false
	s.mu.Unlock()
	done := make(chan error, 1)
	go func() {
		out := new(rpc2.CommandOut)
		err := s.client.CallAPI("Command", api.DebuggerCommand{Name: api.Continue}, out)
		s.setRunning(false)
		done <- err
	}()
	for {
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("continue: %w", s.explain(err))
			}
			return nil // it ran, and stopped again
		case <-ctx.Done():
			return fmt.Errorf("continue %s: %w", s.where, context.Cause(ctx))
		case <-time.After(5 * time.Millisecond):
		}
		state, err := s.serverState(ctx)
		if err != nil || state != StateStopped {
			return err
		}
	}
}
