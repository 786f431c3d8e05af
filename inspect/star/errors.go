package star

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// UsageError is a wrong use of a command: an unknown name, a missing or
// surplus argument.
type UsageError struct{ msg string }

func (e *UsageError) Error() string { return e.msg }

func usagef(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}

// Error is a failed evaluation, on one line: "script.star:3:7: message".
type Error struct {
	msg   string
	trace string
	cause error
}

func (e *Error) Error() string { return e.msg + e.trace }
func (e *Error) Unwrap() error { return e.cause }

// explain puts the place of an error before it. An interruption is ctx's
// error, wherever it struck.
func (in *Interp) explain(ctx context.Context, err error) error {
	if ctxErr := ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	e := &Error{msg: located(err), cause: err}
	var eval *starlark.EvalError
	if in.trace && errors.As(err, &eval) {
		for _, f := range eval.CallStack {
			e.trace += fmt.Sprintf("\n  %s: in %s", position(f.Pos), f.Name)
		}
	}
	return e
}

// located returns err on one line that opens with its place.
func located(err error) string {
	var eval *starlark.EvalError
	var parse syntax.Error
	var names resolve.ErrorList
	switch {
	case errors.As(err, &eval):
		// A failed load() wraps the error of the file it loads.
		var inner *starlark.EvalError
		if cause := errors.Unwrap(eval); cause != nil && errors.As(cause, &inner) {
			return located(inner)
		}
		return place(eval.CallStack) + oneLine(eval.Msg)
	case errors.As(err, &parse):
		return position(parse.Pos) + ": " + oneLine(parse.Msg)
	case errors.As(err, &names) && len(names) > 0:
		return position(names[0].Pos) + ": " + oneLine(names[0].Msg)
	}
	return oneLine(err.Error())
}

// place returns the innermost position in Starlark text.
func place(stack starlark.CallStack) string {
	for i := range stack {
		if pos := stack.At(i).Pos; pos.Line > 0 {
			return position(pos) + ": "
		}
	}
	return ""
}

// position is FILE:LINE:COL; in the REPL, which has no file, LINE:COL.
func position(p syntax.Position) string {
	if p.Filename() == "" {
		return fmt.Sprintf("%d:%d", p.Line, p.Col)
	}
	return p.String()
}

func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
