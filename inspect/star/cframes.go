package star

import (
	"fmt"
	"path"

	"go.starlark.net/starlark"
)

func threadBuiltins() []Builtin {
	return []Builtin{{
		Name: "cframes", Params: []Param{{Name: "thread", Doc: "the kernel's id of a thread: m.procid"}},
		Doc:     "The stack of a thread with its C frames, innermost first, of a core as far as unwind tables prove them, else as Delve unwinds it; what cannot be read says why.",
		Example: "cframes(m(0).procid)",
		call: func(in *Interp, a args) (starlark.Value, error) {
			id, err := number("thread", a[0])
			if err != nil {
				return nil, err
			}
			frames, err := in.p.ThreadFrames(in.ctx, int(id))
			var elems []starlark.Value
			for _, f := range frames {
				s := orWord(f.Func, "?")
				switch {
				case f.File != "" && f.File != "?":
					s += fmt.Sprintf(" %s:%d", f.File, f.Line)
				case f.Image != "":
					s += fmt.Sprintf(" %v (%s+%#x)", f.PC, path.Base(f.Image), f.Offset)
				default:
					s += " " + f.PC.String()
				}
				elems = append(elems, starlark.String(s))
			}
			if err != nil {
				elems = append(elems, starlark.String("<"+err.Error()+">"))
			}
			return starlark.NewList(elems), in.ctx.Err()
		},
	}}
}
