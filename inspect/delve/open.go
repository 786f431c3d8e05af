package delve

import (
	"context"
	"errors"
	"fmt"
	"go/version"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-delve/delve/service"
	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/debugger"
	"github.com/go-delve/delve/service/rpc2"
	"github.com/go-delve/delve/service/rpccommon"

	"rtdbg/inspect/tracee"
)

// closeTimeout bounds how long Close, Detach and a cancelled Attach or Dump
// wait for the server.
const closeTimeout = 10 * time.Second

// apiVersion is the version of Delve's JSON-RPC API that this package speaks.
const apiVersion = 2

// OpenCore opens a core file together with the executable that wrote it.
func OpenCore(ctx context.Context, exe, core string, opts ...Option) (*Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	warning, err := checkCore(exe, core)
	if err != nil {
		return nil, err
	}
	s := &Session{kind: KindCore, where: "core " + core, exe: exe, core: core, interrupted: make(chan struct{})}
	s.apply(opts)
	if warning != "" {
		s.warnf("%s", warning)
	}
	if err := s.serve(ctx, debugger.Config{CoreFile: core, Backend: "core"}, []string{exe}); err != nil {
		return nil, fmt.Errorf("open core %s with executable %s: %w", core, exe, err)
	}
	if err := s.greet(ctx); err != nil {
		return nil, s.closeAfter(err)
	}
	return s, nil
}

// Attach stops the process pid of this host and opens it. A process can have
// only one tracer. If ctx ends meanwhile, or SIGINT, SIGTERM or SIGHUP comes,
// Attach lets the process go again before it returns.
func Attach(ctx context.Context, pid int, opts ...Option) (*Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	st, err := tracee.Check(pid)
	if err != nil {
		return nil, err
	}
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return nil, fmt.Errorf("attach to process %d: %w", pid, pathCause(err))
	}
	s := &Session{
		kind: KindProcess, where: fmt.Sprintf("process %d", pid),
		exe: exe, pid: pid, wasStopped: st.Stopped(), interrupted: make(chan struct{}),
	}
	s.apply(opts)
	ctx, release := holdSignals(ctx)
	defer release()
	allow, err := tracee.RefuseWrites(pid)
	if err == nil {
		defer allow()
	}
	s.unrefused = err
	if err := s.serve(ctx, debugger.Config{AttachPid: pid, Backend: "native"}, nil); err != nil {
		return nil, s.attachError(st, err)
	}
	if err := s.greet(ctx); err != nil {
		return nil, s.closeAfter(err)
	}
	if err := s.clearBreakpoints(ctx); err != nil {
		return nil, s.closeAfter(err)
	}
	return s, nil
}

// Unrefused says why Attach could not keep Delve from setting breakpoints of its own,
// which it then cleared again; nil if it could.
func (s *Session) Unrefused() error { return s.unrefused }

func (s *Session) apply(opts []Option) {
	for _, o := range opts {
		o(s)
	}
}

// attachError explains a failed attach by the state that the process is in now.
func (s *Session) attachError(before tracee.Status, err error) error {
	if errors.Is(err, errAbandoned) {
		return err
	}
	after, serr := tracee.Check(s.pid)
	switch {
	case serr != nil && after.TracerProcess() == os.Getpid():
		// Delve lost the thread that traces the process, or never let it go.
		return fmt.Errorf("attach to process %d: %s: the process stays stopped until this one ends; then run: kill -CONT %d", s.pid, oneLine(err.Error()), s.pid)
	case serr != nil:
		return serr
	case strings.Contains(err.Error(), syscall.EPERM.Error()), strings.Contains(err.Error(), "ptrace_scope"),
		strings.Contains(err.Error(), "does not own the process"):
		return tracee.NotPermitted(s.pid, before)
	}
	return fmt.Errorf("attach to process %d (%s): %s", s.pid, s.exe, oneLine(err.Error()))
}

// clearBreakpoints removes the breakpoints that Delve sets in every target at
// runtime.fatalpanic, runtime.throw and runtime.fatal (newTarget in
// pkg/proc/target.go). This session never resumes the process under Delve, and
// without them its code is as it was, in dumps too and if this process dies.
func (s *Session) clearBreakpoints(ctx context.Context) error {
	list, err := call[rpc2.ListBreakpointsOut](ctx, s, "ListBreakpoints", rpc2.ListBreakpointsIn{})
	if err != nil {
		return err
	}
	for _, bp := range list.Breakpoints {
		if _, err := call[rpc2.ClearBreakpointOut](ctx, s, "ClearBreakpoint", rpc2.ClearBreakpointIn{Id: bp.ID}); err != nil {
			return fmt.Errorf("remove Delve's breakpoint %s: %w", bp.Name, err)
		}
	}
	left, err := call[rpc2.ListBreakpointsOut](ctx, s, "ListBreakpoints", rpc2.ListBreakpointsIn{All: true})
	if err != nil {
		return err
	}
	if n := len(left.Breakpoints); n > 0 {
		s.warnf("the process loads plugins: Delve keeps %d breakpoints in its code until it is detached", n)
	}
	return nil
}

// errAbandoned is the end of an opening whose context ended.
var errAbandoned = errors.New("gave up while Delve was opening it")

// serve starts a Delve server in this process, connected to s. It returns
// when the target is open or cannot be opened.
func (s *Session) serve(ctx context.Context, cfg debugger.Config, args []string) error {
	// dlv's own default. debuginfod is asked as well, where it is installed.
	cfg.DebugInfoDirectories = []string{"/usr/lib/debug/.build-id"}
	silenceLoggers()
	e, err := s.entrance()
	if err != nil {
		return err
	}
	server := rpccommon.NewServer(&service.Config{
		Listener: e.listener, APIVersion: apiVersion, Debugger: cfg, ProcessArgs: args,
		AcceptMulti: s.listenAt != "",
	})
	capture := captureStderr()
	done := make(chan error, 1)
	go func() { done <- runServer(server) }()
	select {
	case err := <-done:
		output := capture.release()
		if err != nil {
			e.close()
			return errors.New(oneLine(err.Error()))
		}
		s.adoptOutput(output)
		return s.enter(ctx, e, server)
	case <-ctx.Done():
	}
	abandoned := make(chan struct{})
	go func() {
		defer close(abandoned)
		if err := <-done; err == nil {
			_ = server.Stop()
			if s.kind == KindProcess {
				_ = s.letGo()
			}
		}
		e.close()
	}()
	if s.kind == KindProcess {
		// Leaving now could end this process while the target is stopped.
		awaitFor(abandoned, closeTimeout)
	}
	capture.release()
	return fmt.Errorf("%s: %w: %w", s.where, errAbandoned, context.Cause(ctx))
}

// entrance is where a server in this process takes its connections.
type entrance struct {
	listener net.Listener
	// conn is the only connection of a server that nobody else can join.
	conn net.Conn
	door *door
}

func (s *Session) entrance() (entrance, error) {
	if s.listenAt == "" {
		listener, conn := service.ListenerPipe()
		return entrance{listener: listener, conn: conn}, nil
	}
	d, err := openDoor(s.listenAt)
	return entrance{listener: d, door: d}, err
}

func (e entrance) close() {
	if e.door != nil {
		e.door.Close()
		return
	}
	e.conn.Close()
	e.listener.Close()
}

// enter connects the session to its server, which has opened the target.
func (s *Session) enter(ctx context.Context, e entrance, server *rpccommon.ServerImpl) error {
	s.conn = e.conn
	if e.door != nil {
		s.control = &control{dial: e.door.dial}
		conn, err := e.door.dial(ctx)
		if err == nil {
			_, err = s.control.get(ctx)
		}
		if err != nil {
			_ = server.Stop()
			e.close()
			if s.kind == KindProcess {
				_ = s.letGo()
			}
			return fmt.Errorf("connect to its own server: %w", err)
		}
		s.conn, s.door = conn, e.door
	}
	s.client = rpc2.NewClientFromConn(s.conn)
	return nil
}

// runServer opens the target. A damaged target can make Delve panic; what it
// does in goroutines of its own is beyond recovery.
func runServer(server *rpccommon.ServerImpl) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the target made Delve panic: %v", p)
		}
	}()
	return server.Run()
}

// awaitFor waits until done is closed, at most for d, and reports whether it was.
func awaitFor(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// adoptOutput makes warnings of what Delve printed, except for what greet says
// in its own words.
func (s *Session) adoptOutput(lines []string) {
	for _, line := range lines {
		if strings.HasPrefix(line, "Warning: no debug info found") || strings.HasPrefix(line, "WARNING: undefined behavior") {
			continue
		}
		s.warnf("Delve: %s", line)
	}
}

// serverVersion is the answer to GetVersion.
type serverVersion struct {
	delve, backend string
	// goVersion is the target's, "go1.26.8", "" if the server does not tell.
	goVersion string
}

// greet asks the server and the target for their versions and warns of what
// does not fit.
func (s *Session) greet(ctx context.Context) error {
	out, err := callAnyState[api.GetVersionOut](ctx, s, "GetVersion", api.GetVersionIn{})
	if err != nil {
		return err
	}
	if out.APIVersion != apiVersion {
		return fmt.Errorf("%s: speaks version %d of Delve's API, want version %d: start it with --api-version=%d", s.where, out.APIVersion, apiVersion, apiVersion)
	}
	s.version = serverVersion{
		delve:     strings.TrimPrefix(oneLine(out.DelveVersion), "Version: "),
		backend:   out.Backend,
		goVersion: producerVersion(out.TargetGoVersion),
	}
	s.checkVersion(out)
	return nil
}

// checkVersion warns of a target that this Delve does not support fully. It is
// not called for a running target, whose version the server does not tell.
func (s *Session) checkVersion(out *api.GetVersionOut) {
	goVersion := s.version.goVersion
	if goVersion == "" {
		if s.kind != KindServer {
			s.warnf("%s has no DWARF: Delve evaluates no expressions on it (built with -ldflags=-w or -s, or by go run)", filepath.Base(s.exe))
		}
		return
	}
	lang := version.Lang(goVersion)
	switch oldest, newest := version.Lang("go"+out.MinSupportedVersionOfGo), version.Lang("go"+out.MaxSupportedVersionOfGo); {
	case lang == "":
	case version.Compare(lang, oldest) < 0:
		s.warnf("%s is older than Delve %s supports (%s): expressions may be evaluated wrongly", goVersion, s.version.delve, oldest)
	case version.Compare(lang, newest) > 0:
		s.warnf("%s is newer than Delve %s supports (%s): expressions may be evaluated wrongly", goVersion, s.version.delve, newest)
	}
}

// producerVersion takes the Go version out of a DW_AT_producer such as
// "Go cmd/compile go1.26.8; regabi".
func producerVersion(producer string) string {
	for _, word := range strings.Fields(producer) {
		word = strings.TrimRight(word, ";,")
		if version.IsValid(word) {
			return word
		}
	}
	return ""
}
