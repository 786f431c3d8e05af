// Rtdbg says, for a Go program that hangs, who is parked, on what, and who can
// wake it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"rtdbg/inspect/demo"
	"rtdbg/inspect/render"
	"rtdbg/inspect/repl"
	"rtdbg/inspect/star"
)

// The exit status.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitMet    = 3
	// exitSignal plus its number is the status after a signal.
	exitSignal = 128
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == demoService {
		// Before anything that would show in its goroutines.
		if err := demo.Serve(os.Stdout); err != nil {
			fmt.Fprintf(os.Stderr, "rtdbg: %v\n", err)
		}
		os.Exit(exitFailed)
	}
	if len(os.Args) == 3 && (os.Args[1] == guardProcess || os.Args[1] == guardServer) {
		os.Exit(guard(os.Args[1], os.Args[2]))
	}
	tuneGC()
	sigs := catchSignals()
	os.Exit(run(sigs, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are the standard streams.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// grace is how long work may take to notice a signal before it is left behind.
const grace = 50 * time.Millisecond

// run executes one command line and returns the exit status.
func run(sigs *signals, args []string, std streams) (status int) {
	a := &app{std: std, signals: sigs}
	done := make(chan error, 1)
	go func() { done <- a.protected(args) }()
	var err error
	select {
	case err = <-done:
	case <-sigs.ctx.Done():
		select {
		case err = <-done:
		case <-time.After(grace):
			err = a.abandon(done)
		}
	}
	if err != nil {
		return a.fail(err)
	}
	return exitDone
}

// protected executes a command line and makes an error of a panic.
func (a *app) protected(args []string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = repl.Recovered(r)
		}
	}()
	return a.execute(a.signals.ctx, args)
}

// abandon leaves work behind that does not notice a signal, unless it must come
// to its end, as it must where a process has to be let go.
func (a *app) abandon(done <-chan error) error {
	out := a.work.Load()
	if out == nil {
		return <-done
	}
	out.Discard()
	a.bar.Load().Quiet()
	return a.signals.ctx.Err()
}

// usageError is a wrong use of the command line.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// fail says on one line what went wrong and returns the exit status for it.
func (a *app) fail(err error) int {
	if errors.Is(err, syscall.EPIPE) {
		return exitSignal + int(syscall.SIGPIPE)
	}
	if sig := a.signals.caught(); sig != 0 && errors.Is(err, context.Canceled) {
		if sig == int(syscall.SIGINT) {
			fmt.Fprintln(a.std.err, "rtdbg: interrupted")
		}
		return exitSignal + sig
	}
	fmt.Fprintf(a.std.err, "rtdbg: %s\n", a.message(err))
	var met *metError
	switch {
	case errors.As(err, &met):
		return exitMet
	case a.isUsage(err):
		return exitUsage
	}
	return exitFailed
}

// message is err on one line; with -v the chain of Starlark calls follows.
func (a *app) message(err error) string {
	s := render.CleanLines(strings.TrimSpace(err.Error()))
	if a.verbose {
		return s
	}
	return strings.ReplaceAll(s, "\n", "; ")
}

// isUsage reports whether err is a wrong use of the command line: what the
// command line's own parser refused, or what says so.
func (a *app) isUsage(err error) bool {
	var ours *usageError
	var script *star.UsageError
	var form *render.UnsupportedError
	var internal *repl.InternalError
	if errors.As(err, &internal) {
		return false
	}
	return !a.started || errors.As(err, &ours) || errors.As(err, &script) || errors.As(err, &form)
}

// signals end the analysis in an orderly way, so that a live target is let go
// and no half-written file is left. A second signal kills.
type signals struct {
	ctx    context.Context
	cancel context.CancelFunc
	ch     chan os.Signal
	number atomic.Int32
}

func catchSignals() *signals {
	s := &signals{ch: make(chan os.Signal, 1)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	signal.Notify(s.ch, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// Caught, so that writing to a closed pipe is an error and not the end;
	// ignoring it would be inherited by child processes.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() {
		sig := <-s.ch
		signal.Stop(s.ch)
		if n, ok := sig.(syscall.Signal); ok {
			s.number.Store(int32(n))
		}
		s.cancel()
	}()
	return s
}

// leaveInterrupt leaves Ctrl-C to the REPL.
func (s *signals) leaveInterrupt() {
	signal.Stop(s.ch)
	signal.Notify(s.ch, syscall.SIGTERM, syscall.SIGHUP)
}

// caught is the number of the signal that ended the analysis, 0 for none.
func (s *signals) caught() int { return int(s.number.Load()) }
