package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"rtdbg/inspect"
)

func (a *app) coreCommand() *cobra.Command {
	return a.targetCommand(&cobra.Command{
		Use:   "core EXE CORE [COMMAND [ARG...]]",
		Short: "a core file, post-mortem",
	}, 2, func(args []string) (opening, error) {
		return opening{
			open: func(ctx context.Context, o inspect.Options) (*inspect.Process, error) {
				return inspect.OpenCore(ctx, args[0], args[1], o)
			},
			name: func(i inspect.Info) string {
				if i.PID == 0 {
					return "core " + filepath.Base(args[1])
				}
				return fmt.Sprintf("core %d", i.PID)
			},
		}, nil
	})
}
