package delve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-delve/delve/service/rpc2"

	"rtdbg/inspect/tracee"
)

// Kind says how a Session came to its target.
type Kind uint8

// The kinds of a Session.
const (
	// KindCore is a core file opened by OpenCore.
	KindCore Kind = iota
	// KindProcess is a process of this host stopped by Attach.
	KindProcess
	// KindServer is the target of a headless Delve server reached by Connect.
	KindServer
)

// String returns "core", "process" or "server".
func (k Kind) String() string {
	switch k {
	case KindCore:
		return "core"
	case KindProcess:
		return "process"
	case KindServer:
		return "server"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Causes that callers tell apart with errors.Is.
var (
	// ErrClosed is the error of every method after Close or Detach.
	ErrClosed = errors.New("the Delve session is closed")
	// ErrRunning says that the target runs: nothing can be read before Halt.
	ErrRunning = errors.New("the target is running")
	// ErrExited says that the target process has ended.
	ErrExited = tracee.ErrExited
	// ErrDumping says that a core dump is being written meanwhile.
	ErrDumping = errors.New("a core dump is being written")
	// ErrNoDWARF says that the executable has no debug information, without
	// which Delve evaluates no variables.
	ErrNoDWARF = errors.New("the executable has no DWARF")
	// ErrLost says that the connection to the server broke.
	ErrLost = errors.New("lost the connection to the Delve server")
)

// Session is one Delve session over one target. Its methods may be called
// from several goroutines; the server answers one call after the other.
type Session struct {
	kind Kind
	// where names the target in messages: "core x.core", "process 12",
	// "Delve server localhost:2345".
	where string
	// exe and core are the paths given to OpenCore; exe is what the link
	// /proc/PID/exe says for KindProcess, "" for KindServer.
	exe, core string
	pid       int
	client    *rpc2.RPCClient
	conn      net.Conn
	version   serverVersion
	// listenAt is where others are to join, door where they do; nil for a
	// server that this session has for itself, or somebody else's.
	listenAt string
	door     *door
	// control is nil where the server has no other clients.
	control *control
	// interrupted is closed when reads are no longer wanted.
	interrupted   chan struct{}
	interruptOnce sync.Once

	// abandoned counts the calls that the server still works on although
	// their callers are gone.
	abandoned atomic.Int64
	// moved counts what Command has done to the target.
	moved atomic.Int64
	// cli runs the commands of Delve's own terminal.
	cli cli

	mu       sync.Mutex
	warnings []string
	closed   bool
	// running is set while the target is known to run.
	running bool
	// resume says that this session halted a running target, which Close
	// has to resume if it still stands at halted.
	resume bool
	halted Instant
	// resumer resumes what was halted if this process is killed, nil for none;
	// resumeWith is the command that starts it, with addr behind it.
	resumer    *resumer
	resumeWith []string
	addr       string
	// here says that the target is a process of this host, once hostKnown.
	hostKnown, here bool
	// wasStopped says that the process was stopped by a signal before Attach.
	// unrefused is why what Delve writes when it attaches could not be refused.
	unrefused  error
	wasStopped bool
	// dump is the core dump in progress.
	dump *dump

	closeOnce sync.Once
	closeErr  error
}

// Kind returns how the session came to its target.
func (s *Session) Kind() Kind { return s.kind }

// Warnings returns what the user should know about the target and the
// session, one line each, in the order in which it was found out.
func (s *Session) Warnings() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.warnings)
}

// Busy reports whether the server still works on calls whose callers gave up.
// Further calls wait for those.
func (s *Session) Busy() bool { return s.abandoned.Load() > 0 }

func (s *Session) warnf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warnings = append(s.warnings, fmt.Sprintf(format, args...))
}

// usable returns why no call can be made now, or nil.
func (s *Session) usable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.dump != nil:
		return ErrDumping
	}
	return nil
}

// ready is usable for calls that need a stopped target. While the target
// runs, such a call would block the server's connection until it stops, and
// Halt behind it. A target last seen running is asked about again.
func (s *Session) ready(ctx context.Context) error {
	if err := s.usable(); err != nil {
		return err
	}
	s.mu.Lock()
	running := s.running
	s.mu.Unlock()
	if !running {
		return nil
	}
	state, err := s.State(ctx)
	if err != nil {
		return err
	}
	if state != StateStopped {
		return fmt.Errorf("%s: %w", s.where, ErrRunning)
	}
	return nil
}

// Interrupt makes reads in progress, and all later ones, fail: nobody wants
// their answers any more, and Close need not wait for them.
func (s *Session) Interrupt() {
	s.interruptOnce.Do(func() { close(s.interrupted) })
}

// call makes one call of the API on a stopped target. Where other clients may
// let the target run meanwhile, it does not wait for its stop.
func call[T any](ctx context.Context, s *Session, method string, args any) (*T, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	select {
	case <-s.interrupted:
		return nil, fmt.Errorf("%s: %w", s.where, context.Canceled)
	default:
	}
	return exchange[T](ctx, s, s.client.CallAPI, method, args, true)
}

// callAnyState makes one call of the API whatever the target does.
func callAnyState[T any](ctx context.Context, s *Session, method string, args any) (*T, error) {
	return exchange[T](ctx, s, s.client.CallAPI, method, args, false)
}

// exchange sends one call and waits for its answer: if it is a read, not when
// reads are interrupted, nor for a target that another client lets run. The
// reply is memory that nobody else knows, since an abandoned call fills it
// later.
func exchange[T any](ctx context.Context, s *Session, send func(string, any, any) error, method string, args any, read bool) (*T, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reply := new(T)
	done := make(chan error, 1)
	go func() { done <- send(method, args, reply) }()
	var interrupted <-chan struct{}
	var unanswered <-chan time.Time
	if read {
		interrupted = s.interrupted
		if s.control != nil {
			timer := time.NewTimer(watchStep)
			defer timer.Stop()
			unanswered = timer.C
		}
	}
	runs := make(chan error, 1)
	for {
		var why error
		select {
		case err := <-done:
			if err != nil {
				return nil, s.explain(err)
			}
			return reply, nil
		case <-unanswered:
			go func() { runs <- s.watch(ctx) }()
			continue
		case why = <-runs:
		case <-interrupted:
			why = context.Canceled
		case <-ctx.Done():
			why = context.Cause(ctx)
		}
		s.abandon(done)
		return nil, fmt.Errorf("%s: gave up waiting for Delve's answer to %s: %w", s.where, method, why)
	}
}

// abandon counts a call until it is done.
func (s *Session) abandon(done <-chan error) {
	s.abandoned.Add(1)
	go func() {
		<-done
		s.abandoned.Add(-1)
	}()
}

// explain makes one line with a recognisable cause of an error of the RPC
// client.
func (s *Session) explain(err error) error {
	if lost(err) {
		if s.usable() == ErrClosed {
			return ErrClosed
		}
		return fmt.Errorf("%s: %w", s.where, ErrLost)
	}
	if s.targetGone() {
		return fmt.Errorf("%s: %w", s.where, ErrExited)
	}
	text := oneLine(err.Error())
	switch {
	case strings.Contains(text, "has exited with status"), strings.Contains(text, "no such process"):
		return fmt.Errorf("%s: %w", s.where, ErrExited)
	case strings.Contains(text, "no debug information present in binary"),
		strings.Contains(text, "could not find runtime.g type"):
		return ErrNoDWARF
	}
	return errors.New(text)
}

// lost reports whether an error of the RPC client says that the connection is
// gone.
func lost(err error) bool {
	for _, cause := range []error{rpc.ErrShutdown, io.ErrUnexpectedEOF, io.EOF, net.ErrClosed, io.ErrClosedPipe, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// oneLine returns the first line of a message of Delve. A panic in the server
// is answered with its stack on further lines.
func oneLine(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(text)
}
