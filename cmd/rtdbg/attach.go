package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"rtdbg/inspect"
)

func (a *app) attachCommand() *cobra.Command {
	var listen string
	c := a.targetCommand(&cobra.Command{
		Use:   "attach PID [COMMAND [ARG...]]",
		Short: "a live process on this host, stopped meanwhile",
	}, 1, func(args []string) (opening, error) {
		pid, err := strconv.Atoi(args[0])
		if err != nil || pid <= 0 {
			return opening{}, usagef("attach: %q is not a process id", args[0])
		}
		return opening{
			open: func(ctx context.Context, o inspect.Options) (*inspect.Process, error) {
				o.Listen = listen
				return inspect.Attach(ctx, pid, o)
			},
			name: func(inspect.Info) string { return "process " + args[0] },
		}, nil
	})
	listenFlag(c, &listen)
	return c
}
