package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
	"rtdbg/inspect/repl"
	"rtdbg/inspect/star"
)

// opening is how a subcommand opens its target.
type opening struct {
	// open opens the target that the command line names.
	open func(ctx context.Context, o inspect.Options) (*inspect.Process, error)
	// name names it in the prompt.
	name func(inspect.Info) string
	// reopen, which may be nil, reads the target again for a prompt, as
	// repl.Terminal has it.
	reopen func(ctx context.Context, old *inspect.Process) (*inspect.Process, error)
	// done, which may be nil, is called after the target is closed.
	done func() error
	// file says that the target is a file, which need not be let go.
	file bool
	// still says how else than by waiting a target can be made to stand still.
	still string
	// again says that a target which moved on may be stopped and read again.
	again bool
}

// close lets the target go.
func (t opening) close(p *inspect.Process) error {
	err := p.Close()
	if t.done != nil {
		err = errors.Join(err, t.done())
	}
	return err
}

// targetCommand completes a subcommand whose first n arguments name a target
// and whose others are COMMAND and its arguments.
func (a *app) targetCommand(c *cobra.Command, n int, of func(args []string) (opening, error)) *cobra.Command {
	c.Annotations = map[string]string{operands: strconv.Itoa(n)}
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) < n {
			return usagef("usage: %s", c.UseLine())
		}
		return nil
	}
	c.DisableFlagsInUseLine = true
	c.ValidArgsFunction = completeCommand(n)
	c.RunE = func(c *cobra.Command, args []string) error {
		t, err := of(args[:n])
		if err != nil {
			return err
		}
		return a.answer(c.Context(), t, args[n:])
	}
	return c
}

// completeCommand completes files as the target, scripts as the COMMAND.
func completeCommand(n int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) != n {
			return nil, cobra.ShellCompDirectiveDefault
		}
		scripts, _, err := star.Commands()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var names []cobra.Completion
		for _, s := range scripts {
			names = append(names, cobra.CompletionWithDesc(s.Name, s.Summary()))
		}
		return names, cobra.ShellCompDirectiveDefault
	}
}

// answer opens the target and answers what is asked of it. What can be wrong
// on the command line is found before the target is touched.
func (a *app) answer(ctx context.Context, t opening, words []string) error {
	term := a.terminal()
	req, interactive, err := a.request(words, term)
	if err != nil {
		return err
	}
	failOn, err := a.failConditions()
	if err != nil {
		return err
	}
	if interactive && len(failOn) > 0 {
		return usagef("--fail-on needs a COMMAND or -e")
	}
	a.started = true
	out, err := a.output()
	if err != nil {
		return err
	}
	defer out.Discard()
	if out.File != nil {
		req.Out, req.Options = out, render.Options{}
	}
	bar := term.bar(a.std.err)
	a.bar.Store(bar)
	if t.file && !interactive {
		a.work.Store(out)
	}
	watched, stop := bar.Start(ctx)
	defer stop()
	if !interactive {
		if term.out && out.File == nil {
			req.Out = bar.Before(req.Out)
		}
		return a.once(ctx, watched, t, req, out, failOn)
	}
	p, err := a.open(watched, t)
	if err != nil {
		return err
	}
	defer a.close(t, p)
	stop()
	a.signals.leaveInterrupt()
	defer context.AfterFunc(ctx, p.Interrupt)()
	s := term.session(t.name(p.Info()), a)
	s.Reopen = t.reopen
	if s.Reopen == nil && p.Rereads() {
		s.Reopen = func(ctx context.Context, old *inspect.Process) (*inspect.Process, error) { return old.Reread(ctx) }
	}
	return repl.Interact(ctx, p, req, s)
}

// open opens a target.
func (a *app) open(ctx context.Context, t opening) (*inspect.Process, error) {
	begin := time.Now()
	p, err := t.open(ctx, a.inspectOptions())
	if err != nil {
		return nil, err
	}
	a.timing("opened", begin)
	if at := p.Info().Listen; at != "" {
		a.say("others can join with: dlv connect " + at)
	}
	return p, nil
}

// listenFlag adds the flag with which others can join.
func listenFlag(c *cobra.Command, addr *string) {
	c.Flags().StringVar(addr, "listen", "", "let dlv join at `ADDR`, [HOST:]PORT or unix:PATH, while rtdbg has the target open")
}

// close lets a target go.
func (a *app) close(t opening, p *inspect.Process) {
	pause := p.Info().Pause
	if err := t.close(p); err != nil {
		a.warn(err.Error())
	}
	a.tellPause(p.Info().PID, pause)
}

// tellPause says how long a process stood still for its capture.
func (a *app) tellPause(pid int, pause time.Duration) {
	if pause > 0 {
		a.say(fmt.Sprintf("process %d stood still for %s", pid, render.Duration(pause)))
	}
}

// request is what the command line asks of the target, and whether that is a
// prompt.
func (a *app) request(words []string, term terminal) (req repl.Request, interactive bool, err error) {
	format, err := render.Lookup(a.format)
	if err != nil {
		return req, false, usagef("%v", err)
	}
	req = repl.Request{
		Files: a.files, Exprs: a.exprs, Format: format, Out: a.std.out,
		Options: a.renderOptions(), Trace: a.verbose,
	}
	for _, f := range a.files {
		if _, err := os.Stat(f); err != nil {
			return req, false, usagef("--file: %v", err)
		}
	}
	asked := len(a.exprs)+len(a.files) > 0
	switch {
	case len(words) == 0 && asked:
		return req, false, nil
	case len(words) == 0 && term.both():
		if a.out != "" {
			return req, false, usagef("--out needs a COMMAND or -e")
		}
		return req, true, nil
	case len(words) == 0:
		words = []string{"why"}
	}
	if req.Script, err = star.Find(words[0]); err != nil {
		return req, false, err
	}
	req.Args, err = req.Script.ParseArgs(words[1:], a.scriptFlags)
	return req, false, err
}

// renderOptions are those of what goes to standard output.
func (a *app) renderOptions() render.Options {
	term := a.terminal()
	return render.Options{Terminal: term.out, Width: term.width, Palette: term.palette()}
}

// outFile is the --out file, or nothing.
type outFile struct {
	mu sync.Mutex
	*render.File
}

// output creates the --out file.
func (a *app) output() (*outFile, error) {
	if a.out == "" {
		return &outFile{}, nil
	}
	f, err := render.Create(a.out)
	if err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	return &outFile{File: f}, nil
}

// Discard removes a file that was not committed.
func (o *outFile) Discard() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.File != nil {
		o.File.Discard()
	}
}

// Commit gives the file its name.
func (o *outFile) Commit() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.File == nil {
		return nil
	}
	f := o.File
	o.File = nil
	return f.Commit()
}

func (a *app) inspectOptions() inspect.Options {
	o := inspect.Options{Warn: a.warn}
	if a.verbose {
		o.Verbose = a.say
	}
	return o
}

// warn tells what limits the results.
func (a *app) warn(msg string) { a.say("warning: " + msg) }

// say writes a line to standard error.
func (a *app) say(msg string) {
	a.bar.Load().Clear()
	fmt.Fprintf(a.std.err, "rtdbg: %s\n", a.message(errors.New(msg)))
}

// timing says with -v how long a step took.
func (a *app) timing(what string, since time.Time) {
	if a.verbose {
		a.say(fmt.Sprintf("%s in %v", what, time.Since(since).Round(time.Millisecond)))
	}
}
