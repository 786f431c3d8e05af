package delve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/go-delve/delve/service"
	"github.com/go-delve/delve/service/dap"
	"github.com/go-delve/delve/service/debugger"
	"github.com/go-delve/delve/service/rpc2"
	"github.com/go-delve/delve/service/rpccommon"
)

// headless starts a Delve server for a child, as dlv attach --headless does.
func headless(t *testing.T, c *child, multi bool, network string) string {
	t.Helper()
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = filepath.Join(t.TempDir(), "sock")
	}
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	server := rpccommon.NewServer(&service.Config{
		Listener: l, APIVersion: 2, AcceptMulti: multi,
		Debugger: debugger.Config{AttachPid: c.pid(), Backend: "native"},
	})
	if err := server.Run(); err != nil {
		forbidden(t, fmt.Errorf("not permitted? %w", err))
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	if network == "unix" {
		return "unix:" + addr
	}
	return l.Addr().String()
}

// otherClient is what someone else's dlv is: a client of Delve's own.
func otherClient(t *testing.T, addr string) *rpc2.RPCClient {
	t.Helper()
	if raceEnabled {
		t.Skip("Delve's server has a data race between two clients")
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return rpc2.NewClientFromConn(conn)
}

func connect(t *testing.T, addr string, opts ConnectOptions) *Session {
	t.Helper()
	s, err := Connect(testContext(t), addr, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestConnectToAStoppedTargetLeavesItStopped(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			c := start(t, "dwarf")
			s := connect(t, headless(t, c, true, network), ConnectOptions{})
			ctx := testContext(t)
			if got, err := s.Address(ctx, "main.global.jobs", Scope{}); err != nil || got != c.addr("jobs") {
				t.Errorf("main.global.jobs = %v, %v; the child printed %v", got, err, c.addr("jobs"))
			}
			target, err := s.Target(ctx)
			if err != nil || target.Kind != KindServer || target.State != StateStopped || target.PID != c.pid() ||
				target.GoVersion != c.vars["version"] || target.Executable != "" || target.GOARCH != runtime.GOARCH || !strings.HasPrefix(target.Command, c.exe) {
				t.Errorf("Target = %+v, %v", target, err)
			}
			if want := buildIDOf(c.exe); target.BuildID != want {
				t.Errorf("BuildID = %q, the file says %q", target.BuildID, want)
			}
			if err := s.Detach(ctx, true); err == nil {
				t.Error("the target of a server could be killed")
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if got := c.state(); got != "t" {
				t.Errorf("after Close the target is in state %s, want t", got)
			}
			if len(s.Warnings()) > 0 {
				t.Errorf("warnings: %q", s.Warnings())
			}
		})
	}
}

// running makes the server's target run and returns who did that.
func running(t *testing.T, c *child, addr string) (*rpc2.RPCClient, <-chan struct{}) {
	t.Helper()
	other := otherClient(t, addr)
	states := other.Continue()
	stopped := make(chan struct{})
	go func() {
		for range states {
		}
		close(stopped)
	}()
	c.mustRun()
	return other, stopped
}

func TestConnectToARunningTargetReportsIt(t *testing.T) {
	c := start(t, "dwarf")
	addr := headless(t, c, true, "tcp")
	_, stopped := running(t, c, addr)
	ctx := testContext(t)

	s := connect(t, addr, ConnectOptions{})
	if state, err := s.State(ctx); err != nil || state != StateRunning {
		t.Errorf("State = %v, %v", state, err)
	}
	if _, err := s.Eval(ctx, "main.global", Scope{}, Load{}); !errors.Is(err, ErrRunning) {
		t.Errorf("Eval on a running target: %v", err)
	}
	if target, err := s.Target(ctx); err != nil || target.State != StateRunning {
		t.Errorf("Target = %+v, %v", target, err)
	}
	if err := s.Halt(ctx); err != nil {
		t.Fatal(err)
	}
	<-stopped
	if got, err := s.Address(ctx, "main.global.jobs", Scope{}); err != nil || got != c.addr("jobs") {
		t.Errorf("main.global.jobs = %v, %v", got, err)
	}
	if target, err := s.Target(ctx); err != nil || target.PID != c.pid() || target.GoVersion != c.vars["version"] {
		t.Errorf("Target = %+v, %v", target, err)
	}
	if err := s.Continue(ctx); err != nil {
		t.Fatal(err)
	}
	c.mustRun()
	if err := s.Halt(ctx); err != nil {
		t.Fatal(err)
	}
	if got := c.state(); got != "t" {
		t.Errorf("after Halt the target is in state %s", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.mustRun()
}

func TestConnectWithStopHaltsAndCloseResumes(t *testing.T) {
	c := start(t, "dwarf")
	addr := headless(t, c, true, "tcp")
	running(t, c, addr)
	s := connect(t, addr, ConnectOptions{Stop: true})
	if got := c.state(); got != "t" {
		t.Errorf("the target is in state %s, want t", got)
	}
	if err := s.ReadMemory(testContext(t), make([]byte, 8), c.addr("jobs")); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.mustRun()
}

func TestAbandonedCallIsCountedUntilItEnds(t *testing.T) {
	c := start(t, "dwarf")
	addr := headless(t, c, true, "tcp")
	s := connect(t, addr, ConnectOptions{})
	// The session has seen a stopped target and does not know better.
	other, _ := running(t, c, addr)
	ctx, cancel := context.WithCancel(testContext(t))
	cause := errors.New("the user had enough")
	ctx, cancelCause := context.WithCancelCause(ctx)
	defer cancel()
	read := make(chan error, 1)
	go func() { read <- s.ReadMemory(ctx, make([]byte, 8), c.addr("jobs")) }()
	cancelCause(cause)
	if err := <-read; err == nil {
		t.Fatal("memory of a running target was read")
	}
	if _, err := other.Halt(); err != nil {
		t.Fatal(err)
	}
	until(t, "the abandoned call has ended", func() bool { return !s.Busy() })
	if err := s.ReadMemory(testContext(t), make([]byte, 8), c.addr("jobs")); err != nil {
		t.Errorf("after the abandoned call: %v", err)
	}
}

func TestConnectDumpsOnTheSameHost(t *testing.T) {
	c := start(t, "dwarf")
	s := connect(t, headless(t, c, true, "tcp"), ConnectOptions{})
	dir := t.TempDir()
	path := filepath.Join(dir, "core")
	if err := s.Dump(testContext(t), path, nil); err != nil {
		t.Fatal(err)
	}
	onlyFile(t, dir, "core")
	core, err := OpenCore(testContext(t), c.exe, path)
	if err != nil {
		t.Fatal(err)
	}
	defer core.Close()
	if got, err := core.Address(testContext(t), "main.global.jobs", Scope{}); err != nil || got != c.addr("jobs") {
		t.Errorf("main.global.jobs in the core = %v, %v", got, err)
	}
}

func TestConnectWarnsOfAServerForOneClient(t *testing.T) {
	c := start(t, "dwarf")
	s := connect(t, headless(t, c, false, "tcp"), ConnectOptions{})
	if w := strings.Join(s.Warnings(), "\n"); !strings.Contains(w, "--accept-multiclient") || !strings.Contains(w, "run on") {
		t.Errorf("warnings: %q", w)
	}
}

func TestConnectToAnExitedTarget(t *testing.T) {
	c := start(t, "dwarf")
	addr := headless(t, c, true, "tcp")
	_, stopped := running(t, c, addr)
	_ = c.cmd.Process.Kill()
	<-stopped
	_, err := Connect(testContext(t), addr, ConnectOptions{})
	wantOneLine(t, err, "has exited")
	if !errors.Is(err, ErrExited) {
		t.Errorf("%v is not ErrExited", err)
	}
}

func TestLostConnectionIsReported(t *testing.T) {
	c := start(t, "dwarf")
	s := connect(t, headless(t, c, true, "tcp"), ConnectOptions{})
	s.conn.Close()
	if _, err := s.Eval(testContext(t), "1", Scope{}, Load{}); !errors.Is(err, ErrLost) {
		t.Errorf("Eval over a broken connection: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close over a broken connection: %v", err)
	}
}

func TestConnectRecognisesDAPServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := dap.NewServer(&service.Config{Listener: l, DisconnectChan: make(chan struct{})})
	server.Run()
	defer server.Stop()
	_, err = Connect(testContext(t), l.Addr().String(), ConnectOptions{})
	wantOneLine(t, err, "not a Delve JSON-RPC server", "dlv dap")
}
