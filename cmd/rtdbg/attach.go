package main

import (
	"context"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"rtdbg/inspect"
)

func (a *app) attachCommand() *cobra.Command {
	var listen string
	var stop, heap bool
	c := a.targetCommand(&cobra.Command{
		Use:   "attach PID [COMMAND [ARG...]]",
		Short: "a live process on this host, stopped for a blink",
	}, 1, func(args []string) (opening, error) {
		pid, err := processID("attach", args[0])
		if err != nil {
			return opening{}, err
		}
		t := opening{
			open: func(ctx context.Context, o inspect.Options) (*inspect.Process, error) {
				o.Stop, o.Listen = stop, listen
				if stop || listen != "" {
					o.Guard = guardCommand(guardProcess)
				}
				if heap {
					o.Heap = inspect.HeapAll
				}
				return inspect.Attach(ctx, pid, o)
			},
			name: func(inspect.Info) string { return "process " + args[0] },
		}
		if !stop && listen == "" {
			t.reopen = func(ctx context.Context, old *inspect.Process) (*inspect.Process, error) {
				p, err := t.open(ctx, a.inspectOptions())
				if err != nil {
					return nil, err
				}
				a.tellPause(pid, p.Info().Pause)
				return p, old.Close()
			}
		}
		return t, nil
	})
	listenFlag(c, &listen)
	c.Flags().BoolVar(&stop, "stop", false, "keep the process stopped until the end, under Delve")
	heapFlag(c, &heap)
	return c
}

// heapFlag is that of commands which capture a process.
func heapFlag(c *cobra.Command, heap *bool) {
	c.Flags().BoolVar(heap, "heap", false, "copy all of the heap, however long the process has to stand still for it")
}

// onlyProcess is the Args of a command whose one argument is a process id.
func onlyProcess(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("usage: rtdbg %s", c.Use)
	}
	return nil
}

// processID reads the argument of a command that is a process id.
func processID(command, arg string) (int, error) {
	pid, err := strconv.Atoi(arg)
	if err != nil || pid <= 0 {
		return 0, usagef("%s: %q is not a process id", command, arg)
	}
	return pid, nil
}

// The arguments that make rtdbg the guard of a process, and of the target of a
// Delve server.
const (
	guardProcess = "guard-process"
	guardServer  = "guard-server"
)

// guardCommand is the command line of a guard, without what it guards; nil where
// this executable cannot be found.
func guardCommand(of string) []string {
	exe, err := os.Executable()
	if err != nil {
		return nil
	}
	return []string{exe, of}
}

// guard watches over a process, or the target of a Delve server, until it is let
// go.
func guard(of, name string) (status int) {
	var err error
	switch of {
	case guardServer:
		err = inspect.GuardServer(context.Background(), name, os.Stdin)
	default:
		var pid int
		if pid, err = strconv.Atoi(name); err == nil {
			err = inspect.Guard(pid, os.Stdin, os.Stdout)
		}
	}
	if err != nil {
		return exitFailed
	}
	return exitDone
}
