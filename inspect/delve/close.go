package delve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"

	"rtdbg/inspect/tracee"
)

// A released process is looked at settleChecks times, settleStep apart, for
// the stop that the SIGSTOP of attaching can still cause; before that, at most
// releaseChecks times until it is released.
const (
	settleStep    = 10 * time.Millisecond
	settleChecks  = 10
	releaseChecks = 100
)

// Close ends the session and lets the target be as it was found: a process
// that was attached to runs on, a target that Halt stopped is resumed, the
// target of a server stays in the server's hands otherwise. It waits at most
// some seconds for calls in progress. Further calls return the same.
func (s *Session) Close() error {
	return s.Detach(context.Background(), false)
}

// Detach is Close for a process that may be killed: with kill, one that was
// attached to gets SIGKILL; the target of a server is never killed. That ctx
// ends does not keep Detach from letting the target go: it is bounded as Close
// is.
func (s *Session) Detach(ctx context.Context, kill bool) error {
	if kill && s.kind != KindProcess {
		return fmt.Errorf("kill the target of %s: only a process that this session attached to can be killed", s.where)
	}
	s.closeOnce.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		s.closeErr = s.shut(ctx, kill)
	})
	return s.closeErr
}

// closeAfter closes a session that cannot be used because of err.
func (s *Session) closeAfter(err error) error {
	if cerr := s.Close(); cerr != nil && err == nil {
		return cerr
	} else if cerr != nil {
		return fmt.Errorf("%w; then %v", err, cerr)
	}
	return err
}

func (s *Session) shut(ctx context.Context, kill bool) error {
	s.mu.Lock()
	d, client := s.dump, s.client
	s.mu.Unlock()
	if client != nil {
		s.closeCLI()
	}
	if client != nil && d != nil {
		d.stop()
		select {
		case <-d.done:
		case <-ctx.Done():
		}
	}
	var resume bool
	var err error
	if client != nil {
		resume, err = s.mustResume(ctx)
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.Interrupt()
	if client == nil {
		return nil
	}
	defer s.conn.Close()
	if s.door != nil {
		defer s.door.Close()
	}
	if s.control != nil {
		defer s.control.close()
	}
	switch s.kind {
	case KindServer:
		if resume {
			err = s.resumeServer(ctx)
		}
		s.endResumer(err)
		return err
	case KindCore:
		s.evict()
		_, err := callAnyState[rpc2.DetachOut](ctx, s, "Detach", rpc2.DetachIn{})
		return err
	}
	s.evict()
	return s.detachProcess(ctx, kill)
}

// evict sends away those who joined the session's own server.
func (s *Session) evict() {
	if s.door != nil {
		s.door.evict()
	}
}

// endResumer dismisses the resumer, or leaves the target to it if that could not be
// resumed.
func (s *Session) endResumer(err error) {
	switch {
	case s.resumer == nil:
	case err != nil:
		s.resumer.in.Close()
		go s.resumer.cmd.Wait()
	default:
		s.resumer.dismiss()
	}
}

// mustResume reports whether Halt has stopped the target and no other client
// has taken it over since.
func (s *Session) mustResume(ctx context.Context) (bool, error) {
	s.mu.Lock()
	halted, resume := s.halted, s.resume && !s.running
	s.mu.Unlock()
	if !resume {
		return false, nil
	}
	switch now, err := s.Instant(ctx, nil); {
	case errors.Is(err, ErrRunning), errors.Is(err, ErrExited), errors.Is(err, ErrLost):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("%s: resume what was halted: %w", s.where, err)
	default:
		return now.SameThreads(halted), nil
	}
}

// resumeServer resumes what Halt stopped. The answer to Continue comes only
// when the target stops again, so it waits for the target to run instead.
func (s *Session) resumeServer(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() {
		_, err := callControl[rpc2.CommandOut](ctx, s, "Command", api.DebuggerCommand{Name: api.Continue})
		failed <- err
	}()
	for {
		select {
		case err := <-failed:
			if err != nil {
				return fmt.Errorf("%s: resume what was halted: %w", s.where, err)
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("%s: resume what was halted: %w", s.where, context.Cause(ctx))
		case <-time.After(5 * time.Millisecond):
		}
		if state, err := s.serverState(ctx); err != nil || state != StateStopped {
			return err
		}
	}
}

// detachProcess releases the process from its tracer, dead or alive: the
// parent of a dead one does not hear of it before.
func (s *Session) detachProcess(ctx context.Context, kill bool) error {
	if kill {
		// Delve's own kill is SIGINT, after detaching (killProcess).
		if err := s.signal(syscall.SIGKILL); err != nil {
			return err
		}
	}
	err := s.detach(ctx, kill)
	if err != nil && !kill && tracee.Gone(s.pid) {
		// Delve could not take its breakpoints out of a dead process, and
		// gave up. It does not try when it is to kill.
		_, err = callAnyState[rpc2.DetachOut](ctx, s, "Detach", rpc2.DetachIn{Kill: true})
	}
	if kill || tracee.Gone(s.pid) {
		return nil
	}
	if lerr := s.letGo(); lerr != nil {
		if err != nil {
			return fmt.Errorf("detach from process %d: %v: %w", s.pid, err, lerr)
		}
		return lerr
	}
	return nil
}

// detach has Delve let go of the process, which it can of a stopped one. One
// that others resumed is halted, again if they had asked for more before they
// were sent away.
func (s *Session) detach(ctx context.Context, kill bool) error {
	if s.door == nil {
		_, err := callAnyState[rpc2.DetachOut](ctx, s, "Detach", rpc2.DetachIn{Kill: kill})
		return err
	}
	restless := s.rest(ctx)
	done := make(chan error, 1)
	go func() {
		_, err := callAnyState[rpc2.DetachOut](ctx, s, "Detach", rpc2.DetachIn{Kill: kill})
		done <- errors.Join(restless, err)
	}()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(watchStep):
			if err := s.haltRunning(ctx); err != nil && ctx.Err() != nil {
				return err
			}
		}
	}
}

// rest halts the process and takes from it the SIGTRAP that halting sends, if
// it had stopped by itself meanwhile: once released it would die of that. Delve
// takes it when it resumes the process.
func (s *Session) rest(ctx context.Context) error {
	if err := s.haltRunning(ctx); err != nil {
		return err
	}
	for range releaseChecks {
		st, err := tracee.ReadStatus(s.pid)
		if err != nil || !st.TrapPending() {
			return err
		}
		go func() {
			_, _ = callControl[rpc2.CommandOut](ctx, s, "Command", api.DebuggerCommand{Name: api.Continue})
		}()
		if err := sleep(ctx, settleStep); err != nil {
			return err
		}
		if err := s.haltRunning(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("process %d: a SIGTRAP stays pending", s.pid)
}

// haltRunning halts the process if it runs.
func (s *Session) haltRunning(ctx context.Context) error {
	state, err := s.serverState(ctx)
	if err == nil && state == StateRunning {
		_, err = callControl[rpc2.CommandOut](ctx, s, "Command", api.DebuggerCommand{Name: api.Halt})
	}
	return err
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// letGo sees to it that the released process is as it was before: running, or
// stopped if a signal had stopped it. The SIGSTOP that attaching sent to each
// thread may stop it after it was released; Delve watches for that over its
// first 50 ms only, and sends SIGCONT to a process that was stopped before.
func (s *Session) letGo() error {
	if !s.awaitRelease() {
		return fmt.Errorf("process %d stays stopped: Delve has not released it; once this process has ended, run: kill -CONT %d", s.pid, s.pid)
	}
	for range settleChecks {
		st, err := tracee.ReadStatus(s.pid)
		if err != nil || st.Dead() || st.Tracer != 0 {
			return nil // it ended, or someone else has it now
		}
		if !s.wasStopped && (st.Stopped() || tracee.StopPending(s.pid)) {
			if err := s.signal(syscall.SIGCONT); err != nil {
				return err
			}
		}
		time.Sleep(settleStep)
	}
	if s.wasStopped {
		return s.signal(syscall.SIGSTOP)
	}
	return nil
}

// awaitRelease waits until this process no longer traces the target.
func (s *Session) awaitRelease() bool {
	for range releaseChecks {
		st, err := tracee.ReadStatus(s.pid)
		if err != nil || st.TracerProcess() != os.Getpid() {
			return true
		}
		time.Sleep(settleStep)
	}
	return false
}

// signal sends sig to the process; that it has ended is no error.
func (s *Session) signal(sig syscall.Signal) error {
	if err := syscall.Kill(s.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %v to process %d: %w", sig, s.pid, err)
	}
	return nil
}

// stop cancels the dump. It may be called while the caller of Dump does so.
func (d *dump) stop() {
	d.cancelOnce.Do(func() { close(d.cancel) })
}
