package repl

import (
	"context"
	"errors"
	"slices"
	"strings"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
)

// dlv runs a command of Delve's own terminal.
func (c *console) dlv(ctx context.Context, rest string) error {
	if rest == "" {
		return errors.New("dlv needs a command: dlv help lists them")
	}
	w := render.Foreign(c.req.Out, c.req.Options)
	err := c.in.Dlv(ctx, w, rest)
	return errors.Join(err, w.Close())
}

// dlvIsLive reports whether a command of Delve's lets the target run, or may ask
// for lines.
func dlvIsLive(line string) bool {
	word, _, _ := strings.Cut(line, " ")
	return word == "source" || slices.Contains(inspect.DlvResumes(), word)
}
