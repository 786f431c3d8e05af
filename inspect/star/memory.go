package star

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"rtdbg/inspect/delve"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/render"
)

// memory is bytes of the target.
type memory struct {
	addr mem.Addr
	data []byte
	word func(b []byte) uint64
}

// wordSize is the size in bytes of the words of a memory: all supported
// targets have 64 bits.
const wordSize = 8

func memoryClass() *class[memory] {
	return (&class[memory]{
		name:   "Memory",
		doc:    "bytes of the target",
		str:    func(_ *Interp, m memory) string { return fmt.Sprintf("%d bytes at %v", len(m.data), m.addr) },
		report: memoryReport,
		attrs: []attr[memory]{
			{"addr", "where they lie", address, func(_ *Interp, m memory) (starlark.Value, error) { return ok(addr(m.addr)) }},
			{"bytes", "the bytes", plain, func(_ *Interp, m memory) (starlark.Value, error) { return ok(starlark.Bytes(m.data)) }},
			{"words", "the bytes as 64-bit words of the target, an incomplete one left out", plain, memoryWords},
		},
	}).finish()
}

func memoryWords(_ *Interp, m memory) (starlark.Value, error) {
	var words []starlark.Value
	for i := 0; i+wordSize <= len(m.data); i += wordSize {
		words = append(words, natural(m.word(m.data[i:])))
	}
	return starlark.NewList(words), nil
}

// memoryReport is a hexadecimal dump.
func memoryReport(_ *Interp, m memory) render.Report {
	const perLine = 16
	lines := func(yield func(string, error) bool) {
		for i := 0; i < len(m.data); i += perLine {
			part := m.data[i:min(i+perLine, len(m.data))]
			if !yield(fmt.Sprintf("%v  %-47x  %s", m.addr+mem.Addr(i), spaced(part), printable(part)), nil) {
				return
			}
		}
	}
	return render.Report{
		Sections: []render.Section{render.Lines(lines)},
		Records:  render.Of[any](map[string]any{"addr": m.addr, "bytes": fmt.Sprintf("%x", m.data)}),
	}
}

// spaced formats bytes with %x and a blank between them.
type spaced []byte

// Format writes "01 02 03", padded to the width asked for.
func (s spaced) Format(f fmt.State, _ rune) {
	t := fmt.Sprintf("% x", []byte(s))
	width, _ := f.Width()
	fmt.Fprintf(f, "%-*s", width, t)
}

func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return '.'
		}
		return r
	}, latin1(b))
}

// latin1 is b with each byte as one character.
func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// maxRead bounds what mem() reads at once, in bytes.
const maxRead = 64 << 20

func memoryBuiltins() []Builtin {
	return []Builtin{
		{
			Name:    "mem",
			Params:  []Param{{Name: "addr", Doc: "address, or a value that has one"}, {Name: "n", Doc: "number of bytes"}},
			Doc:     "Bytes of the target's memory.",
			Example: "mem(g(1), 16).words",
			call: func(in *Interp, a args) (starlark.Value, error) {
				at, err := in.objectAddr(a[0])
				if err != nil {
					return nil, err
				}
				n, err := number("n", a[1])
				if err != nil {
					return nil, err
				}
				if n > maxRead {
					return nil, fmt.Errorf("n is %d, at most %d bytes are read at once", n, maxRead)
				}
				b := make([]byte, n)
				if err := in.p.Mem.ReadAt(b, at); err != nil {
					return nil, err
				}
				return in.classes.memory.of(in, memory{at, b, in.p.RT.Arch.Order.Uint64}), nil
			},
		},
		{
			Name: "eval",
			Params: []Param{
				{Name: "expr", Doc: "a Go expression as Delve knows them"},
				{Name: "g", Default: "None", Doc: "the goroutine in which it is evaluated; None for the selected one (goto)"},
				{Name: "frame", Default: "0", Doc: "the number of the frame, from 0 for the innermost"},
			},
			Doc:     "The value of a Go expression: variables, fields, casts; it needs DWARF.",
			Example: `eval("1+1").value`,
			call:    callEval,
		},
	}
}

func callEval(in *Interp, a args) (starlark.Value, error) {
	expr, isString := starlark.AsString(a[0])
	if !isString {
		return nil, fmt.Errorf("expr must be a string, not %s", describe(a[0]))
	}
	var goid, frame uint64
	if a.given(1) {
		g, err := in.goroutine(a[1])
		if err != nil {
			return nil, err
		}
		goid = g.Goid
	}
	if a.given(2) {
		var err error
		if frame, err = number("frame", a[2]); err != nil {
			return nil, err
		}
	}
	v, err := in.p.Eval(in.ctx, expr, int64(goid), int(frame))
	if err != nil {
		return nil, err
	}
	return in.classes.evaled.of(in, &evaluated{v}), nil
}

// evaluated is the value of a Go expression.
type evaluated struct{ *delve.Value }

func evaluatedClass() *class[*evaluated] {
	type V = *evaluated
	return (&class[V]{
		name:   "Value",
		doc:    "the value of a Go expression",
		str:    func(_ *Interp, v V) string { return v.line() },
		report: evaluatedReport,
		attrs: []attr[V]{
			{"name", "the expression, or a field's name", plain, func(_ *Interp, v V) (starlark.Value, error) { return ok(text(v.Name)) }},
			{"type", "its Go type", plain, func(_ *Interp, v V) (starlark.Value, error) { return ok(text(v.Type)) }},
			{"kind", "the kind of that, as reflect names it", plain, func(_ *Interp, v V) (starlark.Value, error) { return ok(text(v.Kind.String())) }},
			{"addr", "where it lies, None for a value without an address", address, func(_ *Interp, v V) (starlark.Value, error) { return ok(addrOrNone(v.Addr)) }},
			{"value", "a scalar or string as Go writes it, \"\" for composite values", plain, func(_ *Interp, v V) (starlark.Value, error) { return ok(text(v.Text)) }},
			{"len", "length of an array, slice, map, string or channel", plain, func(_ *Interp, v V) (starlark.Value, error) { return ok(integer(v.Len)) }},
			{"cap", "capacity of a slice or channel", plain, func(_ *Interp, v V) (starlark.Value, error) { return ok(integer(v.Cap)) }},
			{"base", "address of what it refers to: a channel's hchan, a slice's elements; None for nil", address, func(_ *Interp, v V) (starlark.Value, error) { return ok(addrOrNone(v.Base)) }},
			{"children", "fields, elements, keys and values, or what it points to", plain, func(in *Interp, v V) (starlark.Value, error) {
				children := make([]*evaluated, len(v.Children))
				for i := range v.Children {
					children[i] = &evaluated{&v.Children[i]}
				}
				return in.classes.evaled.list(in, children), nil
			}},
			{"unreadable", "why it could not be read, \"\" if it was", plain, func(_ *Interp, v V) (starlark.Value, error) { return ok(text(v.Unreadable)) }},
		},
	}).finish()
}

// line is the value without its children.
func (v *evaluated) line() string {
	var parts []string
	for _, s := range []string{v.Name, v.Type} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	switch {
	case v.Unreadable != "":
		parts = append(parts, "<unreadable: "+v.Unreadable+">")
	case v.Text != "":
		parts = append(parts, "= "+v.Text)
	case v.Base != 0:
		parts = append(parts, v.Base.String())
	case v.Addr != 0:
		parts = append(parts, "at "+v.Addr.String())
	}
	return strings.Join(parts, " ")
}

func evaluatedReport(in *Interp, v *evaluated) render.Report {
	return render.Report{
		Sections: []render.Section{render.Text(v.lines("")...)},
		Records:  render.Of[any](attributes{in.classes.evaled.of(in, v)}),
	}
}

// lines is the value and its children as a tree. The children are as many as
// were loaded.
func (v *evaluated) lines(indent string) []string {
	list := []string{indent + v.line()}
	for i := range v.Children {
		list = append(list, (&evaluated{&v.Children[i]}).lines(indent+"  ")...)
	}
	return list
}
