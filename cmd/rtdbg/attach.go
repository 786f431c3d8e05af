package main

import (
	"context"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"rtdbg/inspect"
)

func (a *app) attachCommand() *cobra.Command {
	var stop, heap bool
	c := a.targetCommand(&cobra.Command{
		Use:   "attach PID [COMMAND [ARG...]]",
		Short: "a live process on this host, stopped for a blink",
	}, 1, func(args []string) (opening, error) {
		pid, err := strconv.Atoi(args[0])
		if err != nil || pid <= 0 {
			return opening{}, usagef("attach: %q is not a process id", args[0])
		}
		return opening{
			open: func(ctx context.Context, o inspect.Options) (*inspect.Process, error) {
				if o.Stop = stop; stop {
					o.Guard = guardCommand()
				}
				if heap {
					o.Heap = inspect.HeapAll
				}
				return inspect.Attach(ctx, pid, o)
			},
			name: func(inspect.Info) string { return "process " + args[0] },
		}, nil
	})
	c.Flags().BoolVar(&stop, "stop", false, "keep the process stopped until the end, under Delve")
	c.Flags().BoolVar(&heap, "heap", false, "copy all of the heap, however long the process has to stand still for it")
	return c
}

// guardProcess is the argument that makes rtdbg the guard of a process.
const guardProcess = "guard-process"

// guardCommand is the command line of a guard, without the process; nil where
// this executable cannot be found.
func guardCommand() []string {
	exe, err := os.Executable()
	if err != nil {
		return nil
	}
	return []string{exe, guardProcess}
}

// guard watches over the process with the given id until it is let go.
func guard(pid string) (status int) {
	n, err := strconv.Atoi(pid)
	if err == nil {
		err = inspect.Guard(n, os.Stdin, os.Stdout)
	}
	if err != nil {
		return exitFailed
	}
	return exitDone
}
