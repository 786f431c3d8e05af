package repl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.starlark.net/syntax"

	"rtdbg/inspect"
	"rtdbg/inspect/progress"
	"rtdbg/inspect/render"
	"rtdbg/inspect/star"
)

// Terminal is where the user of Interact sits.
type Terminal struct {
	In  io.Reader
	Err io.Writer
	// Edit says that lines can be edited: standard input and output are one
	// terminal that knows cursor movement. Otherwise lines are read from In.
	Edit bool
	// History is the file of the lines typed, "" for none.
	History string
	// Target names the target in the prompt: "core 4711".
	Target string
	// Bar shows the progress of what takes long, nil for none.
	Bar *progress.Bar
	// Pager is the command line that shows what is longer than the screen,
	// "" for none.
	Pager string
	// Reopen reads the target as it stands now. It closes the old Process if
	// it succeeds, and leaves it usable otherwise. Interact closes what it
	// returns. nil stands for a target that does not change.
	Reopen func(ctx context.Context, old *inspect.Process) (*inspect.Process, error)
}

// console is a session at a prompt.
type console struct {
	*session
	p          *inspect.Process
	term       Terminal
	scripts    []*star.Script
	editor     editor
	history    *history
	goroutines *population
	screen     *screen
	// interrupts receives Ctrl-C while an expression runs, and on a plain
	// terminal also at the prompt.
	interrupts chan os.Signal
	// target holds a token while nobody reads the target: who takes it may.
	// Once the target must not be read any more it is never put back.
	target chan struct{}
}

// free is the target of a console that nobody reads yet.
func free() chan struct{} {
	c := make(chan struct{}, 1)
	c <- struct{}{}
	return c
}

// Interact answers what the user types, in the format of r, until Ctrl-D, or
// until ctx ends. Ctrl-C stops what is being evaluated, or clears the line.
// The terminal is as it was on return.
func Interact(ctx context.Context, p *inspect.Process, r Request, t Terminal) (err error) {
	scripts, broken, err := star.Commands()
	if err != nil {
		return err
	}
	for _, err := range broken {
		fmt.Fprintf(t.Err, "rtdbg: %s\n", render.CleanLines(err.Error()))
	}
	screen := newScreen(r.Out, t)
	r.Out = screen
	c := &console{session: newSession(p, r), p: p, term: t, scripts: scripts, screen: screen, interrupts: make(chan os.Signal, 1), target: free()}
	defer func() {
		if c.p != p {
			err = errors.Join(err, c.p.Close())
		}
	}()
	signal.Notify(c.interrupts, os.Interrupt)
	defer signal.Stop(c.interrupts)
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	if c.goroutines, err = count(ctx, p); err != nil {
		return err
	}
	c.open(ctx)
	defer c.history.close()

	// A prompt that waits for input cannot be cancelled: its goroutine is
	// left behind when ctx ends.
	done := make(chan error, 1)
	go func() { done <- c.loop(ctx) }()
	select {
	case err = <-done:
		leave()
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.end()
	return errors.Join(err, c.editor.close())
}

// end waits until nothing reads the target, and sees to it that nothing will:
// the caller is about to let it go.
func (c *console) end() {
	<-c.target
	<-c.goroutines.done
	c.screen.end()
}

// open prepares the history and the line editor.
func (c *console) open(ctx context.Context) {
	if !c.term.Edit {
		c.editor = newPlainReader(ctx, c.term.In, c.screen.w, c.interrupts)
		return
	}
	var earlier []string
	if c.term.History != "" {
		h, err := openHistory(c.term.History)
		if err != nil {
			fmt.Fprintf(c.term.Err, "rtdbg: no history: %v\n", err)
		} else {
			c.history, earlier = h, h.lines
		}
	}
	e := newLineEditor(earlier, completion{c}.complete)
	c.editor, c.screen.lend = e, e.lend
}

// idle is how long a prompt waits before what expressions need is loaded.
const idle = 300 * time.Millisecond

// loop reads and answers line after line.
func (c *console) loop(ctx context.Context) error {
	p := c.p
	prepare := sync.OnceFunc(func() {
		// Who asks for an expression is told what went wrong.
		_ = p.PrepareEval(ctx)
	})
	for ctx.Err() == nil {
		think := time.AfterFunc(idle, prepare)
		line, err := c.editor.prompt(c.prompt())
		think.Stop()
		switch {
		case errors.Is(err, errInterrupted):
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("terminal: %w", err)
		}
		c.remember(line)
		if quit := c.line(ctx, line); quit {
			return nil
		}
	}
	return ctx.Err()
}

// prompt names the target, counts its goroutines and names the selected one.
func (c *console) prompt() string {
	at := ""
	if goid := c.p.Selected(); goid != 0 {
		at = fmt.Sprintf(", at %d", goid)
	}
	return fmt.Sprintf("%s (%v%s)> ", c.term.Target, c.goroutines, at)
}

func (c *console) remember(line string) {
	if strings.TrimSpace(line) != "" {
		c.editor.remember(line)
		c.history.add(line)
	}
}

// line answers one line, or the statement that it begins.
func (c *console) line(ctx context.Context, line string) (quit bool) {
	name, rest, isCommand := c.command(line)
	switch {
	case isCommand && (name == "exit" || name == "quit"):
		return true
	case isCommand:
		c.runCommand(ctx, name, rest)
	case strings.TrimSpace(line) != "":
		c.statement(ctx, line)
	}
	return false
}

// statement reads the rest of a Starlark statement and executes it.
func (c *console) statement(ctx context.Context, first string) {
	var inputErr error
	next := func() (string, error) { return first, nil }
	f, err := star.Parse(func() ([]byte, error) {
		line, err := next()
		if err != nil {
			inputErr = err
			return nil, err
		}
		next = c.continuation
		return []byte(line + "\n"), nil
	})
	switch {
	case errors.Is(inputErr, errInterrupted):
		return
	case inputErr != nil && !errors.Is(inputErr, io.EOF):
		c.complain(inputErr)
		return
	case err != nil:
		c.complain(star.Explain(err))
		return
	}
	c.answer(ctx, how{reads: true}, func(ctx context.Context) error { return c.execute(ctx, f) })
}

// continuation reads a further line of a statement.
func (c *console) continuation() (string, error) {
	line, err := c.editor.prompt("... ")
	if err == nil {
		c.remember(line)
	}
	return line, err
}

func (c *console) execute(ctx context.Context, f *syntax.File) error {
	before := c.in.Hidden()
	v, err := c.in.ExecChunk(ctx, f)
	for _, name := range c.in.Hidden() {
		if !slices.Contains(before, name) {
			fmt.Fprintf(c.term.Err, "note: %s hides the builtin until you type: forget %s\n", name, name)
		}
	}
	if err != nil || v == nil {
		return err
	}
	if c.req.Format.Name == "text" {
		v = c.in.Echo(v)
	}
	return c.show(ctx, "value", v)
}

// answer evaluates and says what went wrong. What would be read from a target
// that has moved on is withheld until it has been read again.
func (c *console) answer(ctx context.Context, h how, f func(context.Context) error) {
	if !h.reads {
		c.complain(c.display(ctx, h, f))
		return
	}
	var begun, moved bool
	err := c.display(ctx, h, c.atInstant(f, &begun, &moved))
	if !begun && errors.Is(err, inspect.ErrMovedOn) {
		if err = c.reread(ctx); err == nil {
			err = c.display(ctx, h, c.atInstant(f, &begun, &moved))
		}
	}
	c.complain(err)
	if moved {
		fmt.Fprintln(c.term.Err, "warning: the target has run while this was read, which may mix two instants: ask again")
	}
}

// display evaluates and shows what is printed, in a pager if it is long. To
// leave the pager ends the evaluation and is no error.
func (c *console) display(ctx context.Context, h how, f func(context.Context) error) error {
	evaluation, cancel := context.WithCancel(ctx)
	defer cancel()
	err := c.evaluate(evaluation, h.patient, func(evaluation context.Context) error {
		c.req.Options.Width = c.screen.begin(ctx, cancel, h.live)
		return f(evaluation)
	})
	if left := c.screen.end(); left {
		return nil
	}
	return err
}

// grace is how long an evaluation may take to notice that it was interrupted
// before it is left behind.
const grace = 50 * time.Millisecond

// evaluate calls f under a context that Ctrl-C ends. An evaluation that does
// not notice is left behind, so that the user has the prompt, unless one is to be
// patient; the next begins when it has ended. A panic in f costs this answer,
// not the session.
func (c *console) evaluate(ctx context.Context, patient bool, f func(context.Context) error) error {
	select {
	case <-c.interrupts: // of what ran before
	default:
	}
	select {
	case <-c.target:
	case <-c.interrupts:
		return context.Canceled
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		watched, stop := c.term.Bar.Start(ctx)
		err := c.protected(watched, f)
		stop() // before the prompt stands where the bar did
		cancel()
		c.target <- struct{}{}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-c.interrupts:
		cancel()
	case <-ctx.Done():
	}
	var late <-chan time.Time
	if !patient {
		late = time.After(grace)
	}
	select {
	case err := <-done:
		return err
	case <-late:
		c.term.Bar.Quiet()
		return context.Canceled
	}
}

// protected calls f and makes an error of its panic.
func (c *console) protected(ctx context.Context, f func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = Recovered(r)
		}
	}()
	return f(ctx)
}

// complain says on one line what went wrong.
func (c *console) complain(err error) {
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(c.term.Err, "interrupted")
	case errors.Is(err, syscall.EPIPE):
	default:
		fmt.Fprintln(c.term.Err, "error:", render.CleanLines(err.Error()))
	}
}
