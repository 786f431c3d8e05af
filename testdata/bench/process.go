package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A sample is what one whole process took, from fork to exit.
type sample struct {
	wall, cpu time.Duration // cpu is user and system time of all threads
	rss       int64         // peak, in bytes, mapped pages counted
}

// A cell is a command's runs on one core.
type cell struct {
	samples []sample
	// err is why there is no figure.
	err error
}

// errUnknown is the error of a command that this rtdbg does not have.
var errUnknown = errors.New("no such command")

// limited makes ctx end after the time for one process.
func limited(ctx context.Context, o options) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("more than %v", o.timeout))
}

// measure runs a process with its output thrown away. The kernel counts into a
// child's peak RSS what its parent had when it forked: the runner stays small.
func measure(ctx context.Context, o options, argv []string) (sample, error) {
	ctx, cancel := limited(ctx, o)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	begin := time.Now()
	err := cmd.Run()
	s := sample{wall: time.Since(begin)}
	if ctx.Err() != nil {
		return s, context.Cause(ctx)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 2 && strings.Contains(stderr.String(), "no command ") {
		return s, errUnknown
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, lastLine(stderr.String()))
	}
	s.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.rss = u.Maxrss << 10
	}
	return s, nil
}

// output runs a process for what it prints.
func output(ctx context.Context, o options, argv ...string) ([]byte, error) {
	ctx, cancel := limited(ctx, o)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, lastLine(stderr.String()))
	}
	return out, nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

func (c *cell) add(s sample, err error) {
	if err != nil {
		c.err = err
		return
	}
	c.samples = append(c.samples, s)
}

// median is made of the medians of each figure; ok is false without a run.
func (c cell) median() (m sample, ok bool) {
	if c.err != nil || len(c.samples) == 0 {
		return m, false
	}
	m.wall = middle(c.samples, func(s sample) time.Duration { return s.wall })
	m.cpu = middle(c.samples, func(s sample) time.Duration { return s.cpu })
	m.rss = middle(c.samples, func(s sample) int64 { return s.rss })
	return m, true
}

func middle[T cmp.Ordered](all []sample, figure func(sample) T) T {
	figures := make([]T, len(all))
	for i, s := range all {
		figures[i] = figure(s)
	}
	slices.Sort(figures)
	return figures[len(figures)/2]
}

// warm reads a file once, so that it is in the page cache.
func warm(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, 1<<20)
	for {
		n, err := f.Read(b)
		if n == 0 {
			if err != nil && err.Error() != "EOF" {
				return err
			}
			return nil
		}
	}
}
