package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"rtdbg/inspect"
	"rtdbg/inspect/demo"
)

// demoService is the argument that makes rtdbg the service of the demo.
const demoService = "demo-service"

func (a *app) demoCommand() *cobra.Command {
	return a.targetCommand(&cobra.Command{
		Use:   "demo [COMMAND [ARG...]]",
		Short: "an embedded stuck service: started, captured, diagnosed",
	}, 0, func([]string) (opening, error) {
		var c *demo.Capture
		return opening{
			open: func(ctx context.Context, o inspect.Options) (*inspect.Process, error) {
				if isTerminal(a.std.err) {
					a.say("starting a service that gets stuck, and capturing a core file of it")
				}
				var err error
				if c, err = demo.Take(ctx, demoService); err != nil {
					return nil, err
				}
				p, err := inspect.OpenCore(ctx, c.Exe, c.Core, o)
				if err != nil {
					return nil, errors.Join(err, c.Close())
				}
				return p, nil
			},
			name: func(inspect.Info) string { return "demo" },
			done: func() error { return c.Close() },
		}, nil
	})
}
