package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"rtdbg/inspect"
)

// noExecutable stands for EXE where the executable is lost.
const noExecutable = "-"

func (a *app) coreCommand() *cobra.Command {
	var listen string
	c := a.targetCommand(&cobra.Command{
		Use:   "core EXE CORE [COMMAND [ARG...]]",
		Short: "a core file, post-mortem; EXE is - if the executable is lost",
	}, 2, func(args []string) (opening, error) {
		exe := args[0]
		if exe == noExecutable {
			exe = ""
		}
		return opening{
			file: true,
			open: func(ctx context.Context, o inspect.Options) (*inspect.Process, error) {
				if st, err := os.Stat(args[1]); err == nil {
					expectCore(st.Size())
				}
				o.Listen = listen
				p, err := inspect.OpenCore(ctx, exe, args[1], o)
				if _, missing := os.Stat(args[0]); err != nil && exe != "" && errors.Is(missing, fs.ErrNotExist) {
					return nil, fmt.Errorf("%w (if it is lost, write - for it)", err)
				}
				return p, err
			},
			name: func(i inspect.Info) string {
				if i.PID == 0 {
					return "core " + filepath.Base(args[1])
				}
				return fmt.Sprintf("core %d", i.PID)
			},
		}, nil
	})
	listenFlag(c, &listen)
	return c
}
