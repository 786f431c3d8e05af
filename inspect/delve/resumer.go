package delve

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// resumer is a guard of the target of a server: a process that outlives this one,
// should that be killed, and then resumes what a session has halted. Its standard
// input ends with this process.
type resumer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

// dismissed is what a resumer reads last if there is nothing to resume.
const dismissed = "dismissed"

// startResumer starts command with the address of the server as its last argument.
func startResumer(command []string, addr string) (*resumer, error) {
	g := &resumer{cmd: beside(command, addr)}
	var err error
	if g.in, err = g.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return g, g.cmd.Start()
}

// note tells the resumer where the target was halted.
func (g *resumer) note(at Instant) { fmt.Fprintf(g.in, "%v\n", at) }

// dismiss ends the resumer: nothing has to be resumed any more.
func (g *resumer) dismiss() {
	fmt.Fprintln(g.in, dismissed)
	g.in.Close()
	_ = g.cmd.Wait()
}

// WatchServer is what the process does that ConnectOptions.Guard starts: it reads in
// until that ends, and unless it was dismissed, resumes the target of the server
// at addr. That must stand where the last line says; before the first line, the
// session was about to halt it.
func WatchServer(ctx context.Context, in io.Reader, addr string) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	lines := strings.Fields(string(text))
	last := ""
	if len(lines) > 0 {
		last = lines[len(lines)-1]
	}
	if last == dismissed {
		return nil
	}
	s, err := Connect(ctx, addr, ConnectOptions{})
	if err != nil {
		return err
	}
	state, err := s.State(ctx)
	if err != nil || state != StateStopped {
		return s.closeAfter(err)
	}
	now, err := s.Instant(ctx, nil)
	if err == nil && (last == "" || last == now.String()) {
		err = s.resumeServer(ctx)
	}
	return s.closeAfter(err)
}
