package repl

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/go-delve/delve/service"
	"github.com/go-delve/delve/service/debugger"
	"github.com/go-delve/delve/service/rpccommon"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
	"rtdbg/inspect/repl/repltest"
)

// connected opens a running program by a Delve server that serves it.
func connected(t *testing.T, pid int) (*inspect.Process, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := rpccommon.NewServer(&service.Config{Listener: l, APIVersion: 2, Debugger: debugger.Config{AttachPid: pid, Backend: "native"}})
	if err := server.Run(); err != nil {
		repltest.Missing(t, "a Delve server: %v", err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	return inspect.Connect(t.Context(), l.Addr().String(), inspect.Options{})
}

// stopped opens a running program and keeps it stopped.
func stopped(t *testing.T, pid int) (*inspect.Process, error) {
	t.Helper()
	p, err := inspect.Attach(t.Context(), pid, inspect.Options{Stop: true})
	if err != nil {
		repltest.Missing(t, "attach: %v", err)
	}
	return p, err
}

// newLive is a console on a running program.
func newLive(t *testing.T, out *strings.Builder, open func(*testing.T, int) (*inspect.Process, error)) *console {
	t.Helper()
	p, err := open(t, repltest.Patient{Program: "pool"}.Start(t).PID)
	if err != nil {
		t.Fatal(err)
	}
	screen := newScreen(out, Terminal{})
	n, err := count(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	c := &console{
		session: newSession(p, Request{Format: render.Formats()[0], Out: screen}), p: p, screen: screen, goroutines: n,
		term: Terminal{Err: out}, interrupts: make(chan os.Signal, 1), target: free(),
	}
	t.Cleanup(func() { c.p.Close() })
	return c
}

func TestNothingIsAnsweredOfATargetThatHasMovedOn(t *testing.T) {
	t.Run("server", func(t *testing.T) { checkMovedOn(t, connected) })
	t.Run("process", func(t *testing.T) { checkMovedOn(t, stopped) })
}

func checkMovedOn(t *testing.T, open func(*testing.T, int) (*inspect.Process, error)) {
	var out strings.Builder
	c := newLive(t, &out, open)
	unable := func(context.Context, *inspect.Process) (*inspect.Process, error) {
		return nil, errors.New("connect host:1: the target is running")
	}
	able := func(ctx context.Context, old *inspect.Process) (*inspect.Process, error) { return old.Reread(ctx) }
	for _, tt := range []struct {
		line   string
		reopen func(context.Context, *inspect.Process) (*inspect.Process, error)
		want   string
	}{
		{"g(1).goid", nil, "1\n"},
		{"old = g(1)", nil, ""},
		{"dlv set runtime.argc = 1", nil, ""},
		{"g(1).goid", nil, "error: the target has run since it was read, and cannot be read again here: open it anew\n"},
		{"refresh", nil, "error: this target does not change: there is nothing to refresh\n"},
		{"goto 1", unable, "error: the target has run since it was read: refresh: connect host:1: the target is running\n"},
		{"refresh", unable, "error: refresh: connect host:1: the target is running\n"},
		{"help refresh", unable, "read the target again"},
		{"dlv help bt", unable, "Print stack trace."},
		{"g(1).goid", able, "the target has run: read again: "},
		{"g(1).goid", able, "1\n"},
		{"old", able, "error: G: it is of an earlier instant: the target has been read again since\n"},
		{"goto 1", able, ""},
		{"refresh", able, "read again: "},
		{"g().goid", able, "1\n"},
	} {
		out.Reset()
		c.term.Reopen = tt.reopen
		c.line(t.Context(), tt.line)
		if got := out.String(); !strings.Contains(got, tt.want) || tt.want == "" && got != "" || strings.HasPrefix(tt.want, "error") && got != tt.want {
			t.Errorf("%s prints %q, want %q", tt.line, got, tt.want)
		}
	}
}
