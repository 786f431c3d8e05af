package main

import (
	"context"
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
		pid, err := strconv.Atoi(args[0])
		if err != nil || pid <= 0 {
			return opening{}, usagef("attach: %q is not a process id", args[0])
		}
		return opening{
			open: func(ctx context.Context, o inspect.Options) (*inspect.Process, error) {
				o.Listen = listen
				o.Stop = stop
				if heap {
					o.Heap = inspect.HeapAll
				}
				return inspect.Attach(ctx, pid, o)
			},
			name: func(inspect.Info) string { return "process " + args[0] },
		}, nil
	})
	listenFlag(c, &listen)
	c.Flags().BoolVar(&stop, "stop", false, "keep the process stopped until the end, under Delve")
	c.Flags().BoolVar(&heap, "heap", false, "copy all of the heap, however long the process has to stand still for it")
	return c
}
