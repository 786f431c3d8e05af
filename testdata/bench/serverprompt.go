package main

import (
	"context"
	"os"

	"rtdbg/testdata/bench/internal/cores"
)

// serverGoroutines is how many goroutines wait in the server.
const serverGoroutines = 1000

// serverPrompt is the prompt on a core of an executable as large as an ordinary
// server's.
type serverPrompt struct {
	prompt
	exeBytes int64
}

func measureServer(ctx context.Context, o options, t *tools) (*serverPrompt, error) {
	progress("server: core")
	c, err := cores.Make(ctx, cores.Spec{N: serverGoroutines, Shape: cores.Server})
	if err != nil {
		return nil, err
	}
	st, err := os.Stat(c.Exe)
	if err != nil {
		return nil, err
	}
	p, err := measurePrompt(ctx, o, t.rtdbg, c)
	if err != nil {
		return nil, err
	}
	return &serverPrompt{prompt: *p, exeBytes: st.Size()}, nil
}
