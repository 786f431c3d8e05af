package delve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"
)

// handshakeTimeout bounds the first exchange with a server: something that is
// not a Delve server may never answer. joinTimeout bounds the calls after it,
// which wait for what other clients have the server do.
const (
	handshakeTimeout = 5 * time.Second
	joinTimeout      = 10 * time.Second
)

// ConnectOptions are the options of Connect.
type ConnectOptions struct {
	// Stop halts a target that runs. Close then resumes it. Without Stop the
	// session of a running target is returned as it is: State says
	// StateRunning, and methods that read fail with ErrRunning until Halt.
	Stop bool
	// Guard is a command that calls WatchServer with its standard input and its
	// last argument, which is added here. It is started before a target is halted,
	// and resumes that if this process is killed. nil starts none.
	Guard []string
}

// Connect joins a headless Delve server ("dlv … --headless") at HOST:PORT or
// unix:PATH. A server that was not started with --accept-multiclient ends with
// its only connection, and what then becomes of its target is in Warnings.
func Connect(ctx context.Context, addr string, opts ConnectOptions) (*Session, error) {
	s := &Session{kind: KindServer, where: "Delve server " + addr, addr: addr, resumeWith: opts.Guard, interrupted: make(chan struct{})}
	if err := s.dial(ctx, addr); err != nil {
		return nil, err
	}
	if err := s.join(ctx, opts); err != nil {
		return nil, s.closeAfter(err)
	}
	return s, nil
}

// network splits the address of a server into what net.Dial and net.Listen
// take.
func network(addr string) (network, address string) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return "unix", path
	}
	return "tcp", addr
}

// dial connects and checks that a Delve server answers.
func (s *Session) dial(ctx context.Context, addr string) error {
	network, address := network(addr)
	if network == "tcp" {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return fmt.Errorf("connect %s: the address of a Delve server is HOST:PORT or unix:PATH", addr)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return dialError(addr, err)
	}
	conn := &sniffedConn{Conn: raw}
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	// This waits for the answer to a first call, whose error it drops.
	client := rpc2.NewClientFromConn(conn)
	var out api.GetVersionOut
	if err := client.CallAPI("GetVersion", api.GetVersionIn{}, &out); err != nil {
		raw.Close()
		if ctx.Err() == context.Canceled {
			return fmt.Errorf("connect %s: %w", addr, context.Canceled)
		}
		return conn.explain(addr, err)
	}
	if !stop() {
		raw.Close()
		return fmt.Errorf("connect %s: %w", addr, context.Cause(ctx))
	}
	s.conn, s.client = conn, client
	return nil
}

func dialError(addr string, err error) error {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("connect %s: connection refused: nothing listens there; start the server with: dlv attach PID --headless --accept-multiclient --listen=%s", addr, addr)
	case errors.Is(err, syscall.ENOENT):
		return fmt.Errorf("connect %s: there is no such socket", addr)
	case errors.As(err, &dns):
		return fmt.Errorf("connect %s: the host name %s cannot be resolved (%s)", addr, dns.Name, dns.Err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("connect %s: no answer: %w", addr, err)
	}
	return fmt.Errorf("connect %s: %w", addr, err)
}

// sniffedConn keeps the first bytes received, to tell what answers there.
type sniffedConn struct {
	net.Conn
	mu    sync.Mutex
	first []byte
}

// sniffLen is enough to recognise HTTP and the Debug Adapter Protocol.
const sniffLen = 32

func (c *sniffedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if room := sniffLen - len(c.first); room > 0 {
		c.first = append(c.first, b[:min(n, room)]...)
	}
	return n, err
}

// explain says what answered instead of a Delve server.
func (c *sniffedConn) explain(addr string, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	const what = "connect %s: that is not a Delve JSON-RPC server: "
	switch {
	case bytes.HasPrefix(c.first, []byte("Content-Length")):
		return fmt.Errorf(what+"it speaks the Debug Adapter Protocol (dlv dap); start it with: dlv --headless --accept-multiclient", addr)
	case bytes.HasPrefix(c.first, []byte("HTTP/")):
		return fmt.Errorf(what+"it speaks HTTP", addr)
	case len(c.first) == 0:
		return fmt.Errorf(what+"it closed the connection or did not answer (dlv dap does that, and so does a server without --accept-multiclient that has a client already)", addr)
	}
	return fmt.Errorf(what+"it answered %q", addr, c.first)
}

// join finds out what the server debugs and in which state that is.
func (s *Session) join(ctx context.Context, opts ConnectOptions) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	if err := s.greet(ctx); err != nil {
		return err
	}
	multi, err := callAnyState[rpc2.IsMulticlientOut](ctx, s, "IsMulticlient", rpc2.IsMulticlientIn{})
	if err != nil {
		return err
	}
	if multi.IsMulticlient {
		s.control = &control{dial: s.dialAgain}
	} else if err := s.warnSingleClient(ctx); err != nil {
		return err
	}
	state, err := s.State(ctx)
	if err != nil {
		return err
	}
	switch state {
	case StateExited:
		return fmt.Errorf("%s: %w", s.where, ErrExited)
	case StateDumping:
		return fmt.Errorf("%s: another client has it write a core dump: try again when that is done", s.where)
	case StateRunning:
		if opts.Stop {
			return s.Halt(ctx)
		}
		return nil
	}
	return s.learnTarget(ctx)
}

// dialAgain connects once more to the server of this session.
func (s *Session) dialAgain(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	addr := s.conn.RemoteAddr()
	return dialer.DialContext(ctx, addr.Network(), addr.String())
}

// learnTarget asks a stopped target for its process id and warns of a missing
// DWARF.
func (s *Session) learnTarget(ctx context.Context) error {
	pid, err := call[rpc2.ProcessPidOut](ctx, s, "ProcessPid", rpc2.ProcessPidIn{})
	if err != nil {
		return err
	}
	s.pid = pid.Pid
	if s.version.goVersion == "" {
		if err := s.greet(ctx); err != nil {
			return err
		}
	}
	if s.version.goVersion == "" {
		s.warnf("the target has no DWARF: Delve evaluates no expressions on it")
	}
	return nil
}

// warnSingleClient says what a server for one client does when it leaves: dlv
// then detaches (debugger.Detach), which kills what dlv started itself.
func (s *Session) warnSingleClient(ctx context.Context) error {
	attached, err := callAnyState[rpc2.AttachedToExistingProcessOut](ctx, s, "AttachedToExistingProcess", rpc2.AttachedToExistingProcessIn{})
	if err != nil {
		return err
	}
	fate := "and kills its target"
	switch {
	case s.version.backend == "core" || s.version.backend == "rr":
		fate = "and closes its " + s.version.backend
	case attached.Answer:
		fate = "and lets its target run on"
	}
	s.warnf("the server was started without --accept-multiclient: it ends %s when this session does", fate)
	return nil
}
