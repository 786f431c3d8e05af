package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
)

// onlyOwner are the permissions of a snapshot: it holds what the process knows.
const onlyOwner = 0o600

func (a *app) snapshotCommand() *cobra.Command {
	var heap bool
	c := &cobra.Command{
		Use:   "snapshot PID -o FILE",
		Short: "a capture of a live process as a small core file",
		Args:  onlyProcess,
	}
	// Here -o is the file: there is but one format.
	file := c.Flags().StringP("output", "o", "", "write the core file to `FILE`, which appears when it is complete")
	heapFlag(c, &heap)
	c.RunE = func(c *cobra.Command, args []string) error {
		pid, err := processID("snapshot", args[0])
		if err != nil {
			return err
		}
		path := cmp.Or(*file, a.out)
		if path == "" {
			return usagef("snapshot: say where to: -o FILE")
		}
		a.started = true
		return a.snapshot(c.Context(), pid, path, heap)
	}
	return c
}

// snapshot writes a capture to a file.
func (a *app) snapshot(ctx context.Context, pid int, path string, heap bool) error {
	o := a.inspectOptions()
	o.Heap = inspect.HeapNone
	if heap {
		o.Heap = inspect.HeapAll
	}
	f, err := render.Create(path)
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	if !f.Device() {
		err = f.Chmod(onlyOwner)
	}
	if err == nil {
		err = a.takeSnapshot(ctx, pid, f, o)
	}
	if err != nil {
		f.Discard()
		return err
	}
	if err := f.Commit(); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return nil
}

func (a *app) takeSnapshot(ctx context.Context, pid int, f *render.File, o inspect.Options) error {
	l, err := inspect.OpenLive(pid, o)
	if err != nil {
		return err
	}
	c, err := l.Snapshot(ctx)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	a.tellPause(pid, time.Duration(c.Instant.Pause))
	_, err = c.Save(f.File)
	return errors.Join(err, c.Close(), l.Close())
}
