package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"rtdbg/inspect/delve"
)

// Capture is a core file of the demo service.
type Capture struct {
	// Exe is the executable, Core the core file; Close removes the latter.
	Exe, Core string
	dir       string
}

// Close removes the core file.
func (c *Capture) Close() error { return os.RemoveAll(c.dir) }

// startTimeout bounds how long the service may take until it is stuck.
const startTimeout = 30 * time.Second

// Take starts this program's own executable with args, which must make it call
// Serve, waits until it is stuck, and captures a core file of it. The service
// is ended in any case.
func Take(ctx context.Context, args ...string) (*Capture, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("demo: find rtdbg's own executable: %w", err)
	}
	dir, err := os.MkdirTemp("", "rtdbg-demo-")
	if err != nil {
		return nil, fmt.Errorf("demo: make a directory for the core file: %w", err)
	}
	c := &Capture{Exe: exe, Core: filepath.Join(dir, "demo.core"), dir: dir}
	if err := c.take(ctx, args); err != nil {
		return nil, errors.Join(fmt.Errorf("demo: %w", err), c.Close())
	}
	return c, nil
}

func (c *Capture) take(ctx context.Context, args []string) error {
	cmd := exec.Command(c.Exe, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the service: %w", err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if err := awaitReady(ctx, stdout); err != nil {
		return err
	}
	s, err := delve.Attach(ctx, cmd.Process.Pid)
	if err != nil {
		return fmt.Errorf("stop the service to capture a core: %w", err)
	}
	return errors.Join(s.Dump(ctx, c.Core, nil), s.Close())
}

// awaitReady waits for the service's line and gives main a moment to park
// behind it.
func awaitReady(ctx context.Context, stdout io.Reader) error {
	ready := make(chan error, 1)
	go func() {
		line, err := bufio.NewReader(stdout).ReadString('\n')
		if err == nil && strings.TrimSpace(line) != Ready {
			err = fmt.Errorf("the service said %q", line)
		}
		ready <- err
	}()
	select {
	case err := <-ready:
		if err != nil {
			return fmt.Errorf("the service did not start: %w", err)
		}
	case <-time.After(startTimeout):
		return errors.New("the service did not start in time")
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-time.After(200 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
