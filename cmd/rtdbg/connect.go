package main

import (
	"context"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"rtdbg/inspect"
)

func (a *app) connectCommand() *cobra.Command {
	var stop bool
	c := a.targetCommand(&cobra.Command{
		Use:   "connect HOST:PORT [COMMAND [ARG...]]",
		Short: "a headless Delve server, beside dlv",
	}, 1, func(args []string) (opening, error) {
		if _, port, err := net.SplitHostPort(args[0]); !strings.HasPrefix(args[0], "unix:") && (err != nil || port == "") {
			return opening{}, usagef("connect: %q is not HOST:PORT", args[0])
		}
		return opening{
			open: func(ctx context.Context, o inspect.Options) (*inspect.Process, error) {
				if o.Stop = stop; stop {
					o.Guard = guardCommand(guardServer)
				}
				return inspect.Connect(ctx, args[0], o)
			},
			name:  func(inspect.Info) string { return args[0] },
			still: ", or allow rtdbg to stop it (--stop)",
			again: stop,
		}, nil
	})
	c.Flags().BoolVar(&stop, "stop", false, "halt the target if it runs, and let it run on afterwards")
	return c
}
