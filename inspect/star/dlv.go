package star

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

// Dlv runs a line of Delve's own terminal and writes what it prints to w,
// colours included.
func (in *Interp) Dlv(ctx context.Context, w io.Writer, line string) error {
	// Delve's own Starlark has the module time, and puts it among the names of
	// all Starlark in this program. Scripts see rtdbg's API only.
	const module = "time"
	starlark.Universe[module] = startime.Module
	defer delete(starlark.Universe, module)
	return in.p.Dlv(ctx, w, strings.TrimSpace(line))
}

// colour is an escape sequence with which Delve colours what it prints.
var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

func dlvBuiltins() []Builtin {
	return []Builtin{{
		Name:    "dlv",
		Params:  []Param{{Name: "command", Doc: `a line as typed in dlv: "goroutines -t", "frame 3 print x"`}},
		Doc:     "What Delve's own terminal prints for a command, a string.\nIt works in the selected goroutine (goto), and what it selects is selected here.",
		Example: `dlv("help bt")`,
		call: func(in *Interp, a args) (starlark.Value, error) {
			line, isString := starlark.AsString(a[0])
			if !isString {
				return nil, fmt.Errorf("command must be a string, not %s", describe(a[0]))
			}
			var out strings.Builder
			if err := in.Dlv(in.ctx, &out, line); err != nil {
				return nil, err
			}
			return starlark.String(colour.ReplaceAllString(out.String(), "")), nil
		},
	}}
}
