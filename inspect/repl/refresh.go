package repl

import (
	"context"
	"errors"
	"fmt"

	"rtdbg/inspect"
)

// errNothingNew refuses to refresh what cannot change.
var errNothingNew = errors.New("this target does not change: there is nothing to refresh")

// refreshCommand reads the target again because the user says so.
func (c *console) refreshCommand(ctx context.Context, rest string) error {
	if rest != "" {
		return errors.New("usage: refresh")
	}
	return c.refresh(ctx, "")
}

// refresh reads the target again. What the user has defined stays, and so does
// the selection of a goroutine that is still there. why opens the line that
// says it.
func (c *console) refresh(ctx context.Context, why string) error {
	if c.term.Reopen == nil {
		return errNothingNew
	}
	<-c.goroutines.done // it reads the process that is about to be closed
	selected := c.p.Selected()
	p, err := c.term.Reopen(ctx, c.p)
	if err != nil {
		return fmt.Errorf("refresh: %w", err)
	}
	c.p, c.in = p, c.in.Renew(p)
	n, err := count(ctx, p)
	if err != nil {
		return err
	}
	c.goroutines = n
	fmt.Fprintf(c.term.Err, "%sread again: %v\n", why, n)
	if selected != 0 {
		if err := p.Select(ctx, selected); err != nil {
			fmt.Fprintf(c.term.Err, "goroutine %d, which was selected, is gone\n", selected)
		}
	}
	return nil
}

// atInstant calls f between two looks at whether the target stands where it
// stood when it was read. begun reports whether f was called, moved whether the
// target ran meanwhile.
func (c *console) atInstant(f func(context.Context) error, begun, moved *bool) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := c.p.AtInstant(ctx); err != nil {
			return err
		}
		*begun = true
		err := f(ctx)
		*moved = errors.Is(c.p.AtInstant(ctx), inspect.ErrMovedOn)
		return err
	}
}

// reread reads a target that has moved on again, or says why that is not
// possible.
func (c *console) reread(ctx context.Context) error {
	if c.term.Reopen == nil {
		return fmt.Errorf("%w, and cannot be read again here: open it anew", inspect.ErrMovedOn)
	}
	err := c.evaluate(ctx, true, func(ctx context.Context) error { return c.refresh(ctx, "the target has run: ") })
	if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", inspect.ErrMovedOn, err)
	}
	return err
}
