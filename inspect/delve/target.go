package delve

import (
	"context"
	"errors"
	"fmt"

	"rtdbg/inspect/mem"

	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"
)

// Image is a shared library or plugin loaded into the target.
type Image struct {
	Path string
	// Base is the difference between addresses in the target and in the file.
	Base mem.Addr
	// Err says why Delve could not read it, "" if it could.
	Err string
}

// Target describes what a session has open. Strings are "" and numbers 0 where
// the source does not tell.
type Target struct {
	Kind  Kind
	State State
	// Recorded says that nothing can be resumed: a core, or a recording of rr.
	Recorded bool
	PID      int
	// Executable and Core are paths on this host; Executable is "" for
	// KindServer, whose host may be another one.
	Executable, Core string
	// Command is the target's command line, quoted for a shell; "" for cores.
	Command string
	// GoVersion is the version that built it, "go1.26.8".
	GoVersion string
	// GOARCH is the target's architecture, "amd64" or "arm64".
	GOARCH string
	// BuildID is the GNU build id in hexadecimal.
	BuildID string
	// Images are the shared libraries, without the executable.
	Images []Image
	// Backend is Delve's: "native", "core", "rr", "lldb"; Delve its version.
	Backend, Delve string
}

// Target describes the target. Of a running target it tells the state only.
func (s *Session) Target(ctx context.Context) (*Target, error) {
	state, err := s.State(ctx)
	if err != nil {
		return nil, err
	}
	t := &Target{
		Kind: s.kind, State: state, PID: s.pid, Executable: s.exe, Core: s.core,
		Recorded: s.version.backend == "core" || s.version.backend == "rr",
		Backend:  s.version.backend, Delve: s.version.delve, GoVersion: s.version.goVersion,
	}
	s.describeFile(t)
	if state != StateStopped {
		return t, nil
	}
	if err := s.describeProcess(ctx, t); err != nil {
		return nil, fmt.Errorf("describe %s: %w", s.where, err)
	}
	return t, nil
}

// describeFile adds what the executable's file says.
func (s *Session) describeFile(t *Target) {
	path := s.exe
	switch s.kind {
	case KindServer:
		return
	case KindProcess:
		// The link works for a file that was replaced or deleted since.
		path = fmt.Sprintf("/proc/%d/exe", s.pid)
	}
	t.BuildID, t.GOARCH = buildIDOf(path), goarchOf(path)
	if t.GoVersion == "" {
		t.GoVersion = goVersionOf(path)
	}
}

// describeProcess adds what Delve says of the stopped target.
func (s *Session) describeProcess(ctx context.Context, t *Target) error {
	targets, err := call[rpc2.ListTargetsOut](ctx, s, "ListTargets", rpc2.ListTargetsIn{})
	if err != nil {
		return err
	}
	if len(targets.Targets) > 0 {
		t.PID, t.Command = targets.Targets[0].Pid, targets.Targets[0].CmdLine
	}
	libs, err := call[rpc2.ListDynamicLibrariesOut](ctx, s, "ListDynamicLibraries", rpc2.ListDynamicLibrariesIn{})
	if err != nil {
		return err
	}
	for _, lib := range libs.List {
		t.Images = append(t.Images, Image{Path: lib.Path, Base: mem.Addr(lib.Address), Err: oneLine(lib.LoadError)})
	}
	if s.kind == KindServer {
		return s.describeRemote(ctx, t)
	}
	return nil
}

// remoteArch tells the architecture by the registers of the current thread.
func (s *Session) remoteArch(ctx context.Context) (string, error) {
	out, err := call[rpc2.ListRegistersOut](ctx, s, "ListRegisters", rpc2.ListRegistersIn{})
	if err != nil {
		return "", err
	}
	if a := archOf(out.Regs); a != nil {
		return a.Name, nil
	}
	return "", nil
}

// describeRemote asks the server for what a file on its host would tell. Delve
// gives the build id of the image in which the current thread stands, which is
// the executable for certain only where there is no other image.
func (s *Session) describeRemote(ctx context.Context, t *Target) error {
	var err error
	if t.GOARCH, err = s.remoteArch(ctx); err != nil {
		return err
	}
	if t.GoVersion == "" {
		v, err := s.eval(ctx, "runtime.buildVersion", Scope{}, &api.LoadConfig{MaxStringLen: 64})
		switch {
		case err == nil:
			t.GoVersion = v.Value
		case !errors.Is(err, ErrNoDWARF) && !s.faulty(err):
			return err
		}
	}
	if len(t.Images) > 0 {
		return nil
	}
	id, err := call[rpc2.BuildIDOut](ctx, s, "BuildID", rpc2.BuildIDIn{})
	switch {
	case err == nil:
		t.BuildID = id.BuildID
	case !s.faulty(err):
		return err
	}
	return nil
}
