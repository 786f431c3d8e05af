// Package repl answers what a command line asks of an open target: once, or
// line after line at a prompt.
package repl

import (
	"context"
	"fmt"
	"io"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
	"rtdbg/inspect/star"
)

// Request is what a command line asks of an open target.
type Request struct {
	// Files are executed first, then Exprs are evaluated and printed in
	// order, then Script is run.
	Files, Exprs []string
	Script       *star.Script
	Args         star.Args

	Format  render.Format
	Out     io.Writer
	Options render.Options
	// Trace adds the chain of calls to errors.
	Trace bool
}

// Run answers r.
func Run(ctx context.Context, p *inspect.Process, r Request) error {
	return newSession(p, r).run(ctx)
}

// session evaluates and prints on one target.
type session struct {
	in  *star.Interp
	req Request
}

func newSession(p *inspect.Process, r Request) *session {
	s := &session{req: r}
	s.in = star.New(p, star.Options{Trace: r.Trace, Print: s.println})
	return s
}

// println is Starlark's print.
func (s *session) println(msg string) {
	if s.req.Options.Terminal {
		msg = render.CleanLines(msg)
	}
	fmt.Fprintln(s.req.Out, msg)
}

func (s *session) run(ctx context.Context) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	for i, expr := range s.req.Exprs {
		name := "-e"
		if len(s.req.Exprs) > 1 {
			name = fmt.Sprintf("-e#%d", i+1)
		}
		v, err := s.in.Eval(ctx, name, expr)
		if err != nil {
			return err
		}
		if err := s.show(ctx, expr, v); err != nil {
			return err
		}
	}
	if s.req.Script == nil {
		return nil
	}
	return s.script(ctx, s.req.Script, s.req.Args)
}

// load executes the files.
func (s *session) load(ctx context.Context) error {
	for _, f := range s.req.Files {
		if err := s.in.ExecFile(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// script runs a script and prints its answer.
func (s *session) script(ctx context.Context, sc *star.Script, a star.Args) error {
	v, err := s.in.Run(ctx, sc, a)
	if err != nil {
		return err
	}
	return s.show(ctx, sc.Name, v)
}

// show prints a value in the format asked for; None prints nothing.
func (s *session) show(ctx context.Context, name string, v starlark.Value) error {
	if v == nil || v == starlark.None {
		return nil
	}
	err := s.req.Format.Write(contextWriter{ctx, s.req.Out}, s.in.Report(ctx, name, v), s.req.Options)
	if ctxErr := ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	return err
}

// contextWriter stops a long answer when its context ends.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c contextWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}
