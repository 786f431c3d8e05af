package repl

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// InternalError is a mistake of rtdbg itself that ended an evaluation.
type InternalError struct {
	// Value is what was passed to panic, At where: file:line.
	Value any
	At    string
}

func (e *InternalError) Error() string {
	what := strings.Join(strings.Fields(fmt.Sprint(e.Value)), " ")
	return fmt.Sprintf("internal error: %s at %s; please report it", what, e.At)
}

// Recovered returns the error for the panic whose value a deferred function
// has recovered.
func Recovered(value any) *InternalError {
	return &InternalError{Value: value, At: panicSite()}
}

// panicSite returns the place of the panic that is being recovered: the frame
// above those of the runtime.
func panicSite() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	panicking := false
	for {
		f, more := frames.Next()
		switch inRuntime := strings.HasPrefix(f.Function, "runtime."); {
		case f.Function == "runtime.gopanic":
			panicking = true
		case panicking && !inRuntime:
			dir, file := path.Split(f.File)
			return fmt.Sprintf("%s/%s:%d", path.Base(dir), file, f.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}
