package delve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/go-delve/delve/pkg/config"
	"github.com/go-delve/delve/pkg/terminal"
	"github.com/go-delve/delve/pkg/terminal/starbind"
	"github.com/go-delve/delve/service"
	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"
	"golang.org/x/sys/unix"
)

// errSessionLasts refuses what would end the session behind the back of its
// owner.
var errSessionLasts = errors.New("a Delve session lasts as long as rtdbg: leave with exit or Ctrl-D")

// cli is Delve's own terminal on a session, made when its first command comes.
type cli struct {
	// mu is held while a command runs.
	mu    sync.Mutex
	term  *terminal.Term
	cmds  *terminal.Commands
	env   *starbind.Env
	relay *relay
	conn  net.Conn
}

// Command runs a line of Delve's own terminal, such as "goroutines -t" or
// "frame 3 print x", on the target of the session, and writes to w what it
// prints, colours included. State that the terminal has (the selected frame,
// displays, aliases, configuration) lasts as long as the session. The user's
// configuration of Delve is read, nothing of it is written.
//
// When ctx ends, a target that the command lets run is halted, a core dump is
// cancelled, and anything else ends with an error. Moved tells whether the
// target is still where it was. A target that another client lets run is refused, but
// for the line "halt", which is no command of Delve's terminal: it halts the target.
func (s *Session) Command(ctx context.Context, w io.Writer, line string) error {
	if slices.Equal(strings.Fields(line), []string{"config", "-save"}) {
		return errors.New("config -save would write Delve's own configuration: do that in dlv")
	}
	switch {
	case s.kind != KindServer && s.door == nil:
	case strings.TrimSpace(line) == haltLine:
		return s.haltOthers(ctx)
	default:
		if _, err := s.State(ctx); err != nil && !errors.Is(err, ErrExited) {
			return err
		}
	}
	if err := s.ready(ctx); err != nil && !errors.Is(err, ErrExited) {
		return err
	}
	s.cli.mu.Lock()
	defer s.cli.mu.Unlock()
	s.openCLI()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := &output{w: w, stop: cancel}
	err := s.cli.run(ctx, out, line)
	var exit terminal.ExitRequestError
	switch {
	case out.err != nil:
		return out.err
	case errors.As(err, &exit):
		return errSessionLasts
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return errors.New(oneLine(err.Error()))
	}
	return nil
}

// haltLine is the line of Command that halts what another client lets run.
const haltLine = "halt"

// haltOthers halts a target that another client lets run.
func (s *Session) haltOthers(ctx context.Context) error {
	if s.kind == KindServer {
		return s.Halt(ctx)
	}
	if err := s.haltRunning(ctx); err != nil {
		return fmt.Errorf("halt %s: %w", s.where, err)
	}
	return nil
}

// Moved counts how often Command has let the target run or has changed it.
func (s *Session) Moved() int64 { return s.moved.Load() }

// openCLI makes the terminal.
func (s *Session) openCLI() {
	c := &s.cli
	if c.term != nil {
		return
	}
	// What Delve prints is this program's to page. A pager that cannot be run is
	// the one way to say so (pagingWriter in pkg/terminal/out.go).
	os.Setenv("DELVE_PAGER", os.DevNull)
	conf, err := readConfig()
	if err != nil {
		s.warnf("Delve's configuration: %v", err)
	}
	c.relay, c.conn = newRelay(s)
	client := rpc2.NewClientFromConn(c.conn)
	c.term = newTerm(client, conf)
	c.cmds, c.env = private[*terminal.Commands](c.term, "cmds"), private[*starbind.Env](c.term, "starlarkEnv")
	if c.cmds == nil {
		c.cmds = terminal.DebugCommands(client)
	}
}

// newTerm makes a terminal of Delve's. Its line editor puts the terminal of this
// process into another mode at once, which is for the editor of this program to
// do; that is taken back. It asks its questions nevertheless.
func newTerm(client service.Client, conf *config.Config) *terminal.Term {
	before, err := unix.IoctlGetTermios(unix.Stdin, unix.TCGETS)
	t := terminal.New(client, conf, false)
	if err != nil {
		return t // standard input is no terminal
	}
	// Setting it, even to what it is, would stop a process in the background.
	if after, err := unix.IoctlGetTermios(unix.Stdin, unix.TCGETS); err == nil && *after != *before {
		_ = unix.IoctlSetTermios(unix.Stdin, unix.TCSETS, before)
	}
	return t
}

// private returns a field of t that Run uses and that nothing gives out: the
// terminal's commands, to which configuration and Starlark scripts add, and its
// Starlark, which can be interrupted. It is the zero T where this Delve has no
// such field.
func private[T any](t *terminal.Term, name string) (v T) {
	f := reflect.ValueOf(t).Elem().FieldByName(name)
	if !f.IsValid() || f.Type() != reflect.TypeFor[T]() {
		return v
	}
	return *(*T)(f.Addr().UnsafePointer())
}

// run executes a line.
func (c *cli) run(ctx context.Context, w io.Writer, line string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("this command made Delve panic: %v", p)
		}
	}()
	c.relay.begin(ctx)
	defer c.relay.begin(context.Background())
	stop := context.AfterFunc(ctx, c.env.Cancel) // nil allowed
	defer stop()
	c.term.RedirectTo(w)
	return c.cmds.Call(line, c.term)
}

// closeCLI ends the terminal. Its own Close would put the terminal of this
// process into the mode that it once had.
func (s *Session) closeCLI() {
	c := &s.cli
	if c.conn == nil {
		return
	}
	c.conn.Close()
	if c.mu.TryLock() {
		defer c.mu.Unlock()
		// What a transcript still holds is written. Without one that fails.
		_ = c.cmds.Call("transcript -off", c.term)
	}
}

// output is what Delve's terminal prints to. A failure to write ends the
// command, which does not look at it.
type output struct {
	w    io.Writer
	stop func()
	err  error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil && o.err == nil {
		o.err = err
		o.stop()
	}
	return n, err
}

// readConfig reads the user's configuration of Delve. Where there is none, or
// one that Delve would move to another place, it is the default: reading it
// would write.
func readConfig() (*config.Config, error) {
	path, err := config.GetConfigFilePath("config.yml")
	if err != nil {
		return &config.Config{}, err
	}
	if _, err := os.Stat(path); err != nil {
		return &config.Config{}, nil
	}
	if u, err := user.Current(); err == nil {
		if _, err := os.Stat(filepath.Join(u.HomeDir, ".dlv", "config.yml")); err == nil {
			return &config.Config{}, nil
		}
	}
	return config.LoadConfig()
}

// aliasRow is what a command is called besides its name in Delve's
// documentation, groupRow a command in the list of a group.
var (
	aliasRow = regexp.MustCompile(`(?m)^Aliases:(.*)$`)
	groupRow = regexp.MustCompile(`(?m)^\[([^]]+)\]\(#[^)]*\) \|`)
)

// Commands are the names of the commands that Delve's own terminal has, sorted.
func Commands() []string {
	return commandNames(func(string) bool { return true })
}

// Resuming are the names of those that let the target run.
func Resuming() []string {
	return commandNames(func(group string) bool { return group == "Running the program" })
}

// commandNames are the names of the commands in the groups wanted. Delve gives
// them out in its documentation only, in sections: first one for each group
// with its list, then one for each command.
func commandNames(wanted func(group string) bool) []string {
	var doc strings.Builder
	terminal.DebugCommands(nil).WriteMarkdown(&doc)
	var names []string
	for _, section := range strings.Split(doc.String(), "\n## ") {
		title, text, _ := strings.Cut(section, "\n")
		if list := groupRow.FindAllStringSubmatch(text, -1); wanted(title) {
			for _, m := range list {
				names = append(names, m[1])
			}
		}
		if m := aliasRow.FindStringSubmatch(text); m != nil && slices.Contains(names, title) {
			names = append(names, strings.Fields(m[1])...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// SelectGoroutine makes a goroutine the one in which Delve's commands work.
// Other clients of a server see that.
func (s *Session) SelectGoroutine(ctx context.Context, goid int64) error {
	if _, err := call[rpc2.CommandOut](ctx, s, "Command", api.DebuggerCommand{Name: api.SwitchGoroutine, GoroutineID: goid}); err != nil {
		return fmt.Errorf("select goroutine %d in Delve: %w", goid, err)
	}
	return nil
}

// SelectedGoroutine returns the goroutine in which Delve's commands work, 0 for
// none.
func (s *Session) SelectedGoroutine(ctx context.Context) (int64, error) {
	out, err := call[rpc2.StateOut](ctx, s, "State", rpc2.StateIn{NonBlocking: true})
	switch {
	case err != nil:
		return 0, err
	case out.State == nil || out.State.SelectedGoroutine == nil:
		return 0, nil
	}
	return out.State.SelectedGoroutine.ID, nil
}
