package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"rtdbg/inspect"
	"rtdbg/inspect/repl"
)

// attempts are how often a target is read that others resume meanwhile, where
// it may be stopped for it.
const attempts = 3

// once answers what is asked on the command line. work is ctx with the progress
// of the work.
func (a *app) once(ctx, work context.Context, t opening, req repl.Request, out *outFile, failOn []condition) error {
	var err error
	for n := 1; ; n++ {
		var met error
		if met, err = a.attempt(ctx, work, t, req, failOn); err == nil {
			return errors.Join(out.Commit(), met)
		}
		if !errors.Is(err, inspect.ErrMovedOn) || !t.again || n == attempts {
			break
		}
		a.warn(err.Error() + ": it is stopped and read again")
	}
	if errors.Is(err, inspect.ErrMovedOn) {
		return a.withheld(t, err)
	}
	return err
}

// withheld explains that there is no answer of a target that moved on.
func (a *app) withheld(t opening, err error) error {
	if t.again {
		return fmt.Errorf("%w: no answer after %d attempts: let nobody else resume it meanwhile", err, attempts)
	}
	return fmt.Errorf("%w: the answer is withheld: ask again while it stands still%s", err, t.still)
}

// attempt opens the target and answers. Of a target that others could resume
// meanwhile the answer is held back until it is sure that nobody did. met is what
// became of the conditions of --fail-on.
func (a *app) attempt(ctx, work context.Context, t opening, req repl.Request, failOn []condition) (met, err error) {
	p, err := a.open(work, t)
	if err != nil {
		return nil, err
	}
	defer a.close(t, p)
	defer context.AfterFunc(ctx, p.Interrupt)()
	begin := time.Now()
	var held *bytes.Buffer
	dest := req.Out
	if p.Moves() {
		held = new(bytes.Buffer)
		req.Out = held
	}
	if err = repl.Run(work, p, req); err == nil {
		met = checkConditions(work, p, failOn)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if moved := p.AtInstant(ctx); moved != nil {
		return nil, moved // whatever else went wrong with it
	}
	if err != nil {
		return nil, err
	}
	a.timing("answered", begin)
	if held != nil {
		_, err = io.Copy(dest, held)
	}
	return met, err
}
