package star

import (
	"fmt"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
	"rtdbg/inspect/stack"
)

// frame is a frame of a goroutine.
type frame struct{ f *stack.Frame }

// String is the function and its place in the source.
func (f frame) String() string { return fmt.Sprintf("%s %s:%d", f.f.Func, f.f.File, f.f.Line.Line) }

func frameClass() *class[frame] {
	return (&class[frame]{
		name: "Frame",
		doc:  "a frame of a goroutine",
		str:  func(_ *Interp, f frame) string { return f.String() },
		attrs: []attr[frame]{
			{"func", "the function's full name", plain, func(_ *Interp, f frame) (starlark.Value, error) { return ok(text(f.f.Func)) }},
			{"file", "path of the source file, as the compiler recorded it", plain, func(_ *Interp, f frame) (starlark.Value, error) { return ok(text(f.f.File)) }},
			{"line", "line in the file", plain, func(_ *Interp, f frame) (starlark.Value, error) { return ok(integer(f.f.Line.Line)) }},
			{"pc", "where it continues", address, func(_ *Interp, f frame) (starlark.Value, error) { return ok(addr(f.f.PC)) }},
			{"sp", "its stack pointer", address, func(_ *Interp, f frame) (starlark.Value, error) { return ok(addr(f.f.SP)) }},
			{"fp", "its caller's stack pointer, where its arguments lie", address, func(_ *Interp, f frame) (starlark.Value, error) { return ok(addr(f.f.FP)) }},
			{"inlined", "it is inlined into the frame that follows", plain, func(_ *Interp, f frame) (starlark.Value, error) { return ok(starlark.Bool(f.f.Inlined)) }},
		},
	}).finish()
}

// frameLines are the frames of g that a traceback without GOTRACEBACK shows.
func frameLines(g *inspect.Goroutine) []string {
	t := g.Trace()
	var lines []string
	width := 0
	t.EachShown(stack.LevelAll, func(f *stack.Frame) bool {
		width = max(width, min(len(f.Func), maxFuncWidth))
		return true
	})
	t.EachShown(stack.LevelAll, func(f *stack.Frame) bool {
		lines = append(lines, fmt.Sprintf("    %-*s  %s:%d", width, f.Func, f.File, f.Line.Line))
		return true
	})
	if n := t.Stack.ElidedLogical; n > 0 {
		lines = append(lines, fmt.Sprintf("    … and %d frames", n))
	}
	if t.Err != nil {
		lines = append(lines, "    stack "+render.Unreadable(t.Err))
	}
	return lines
}

// maxFuncWidth is the length up to which function names are aligned.
const maxFuncWidth = 48
