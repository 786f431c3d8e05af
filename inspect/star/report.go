package star

import (
	"fmt"
	"math/big"
	"strings"

	"go.starlark.net/starlark"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/render"
)

// reportOf turns any value into a report: one of rtdbg's by its class, a list
// element by element, anything else as itself.
func reportOf(v starlark.Value) render.Report {
	if err := ended(v); err != nil {
		return failed(err)
	}
	switch v := v.(type) {
	case value:
		return v.report()
	case reporter:
		return v.report()
	case starlark.String:
		return textReport(strings.TrimSuffix(string(v), "\n"), v)
	case *starlark.List, starlark.Tuple, *starlark.Set:
		return listReport(v.(starlark.Iterable))
	}
	return textReport(v.String(), v)
}

// textReport shows a value as lines of text, in JSON as itself.
func textReport(s string, v starlark.Value) render.Report {
	return render.Report{
		Sections: []render.Section{render.Text(strings.Split(s, "\n")...)},
		Records:  render.Of[any](record{v}),
	}
}

// reporter is a value that reports itself but has no attributes.
type reporter interface {
	starlark.Value
	report() render.Report
}

// listReport shows each element on a line, in JSON each as a record.
func listReport(list starlark.Iterable) render.Report {
	return render.Report{
		Sections: []render.Section{render.Lines(func(yield func(string, error) bool) {
			empty := true
			for e := range starlark.Elements(list) {
				empty = false
				if !yield(e.String(), nil) {
					return
				}
			}
			if empty {
				yield("[]", nil)
			}
		})},
		Records: func(yield func(any, error) bool) {
			for e := range starlark.Elements(list) {
				if !yield(record{e}, nil) {
					return
				}
			}
		},
	}
}

// attributeReport shows a value as a table of its attributes.
func attributeReport(v value) render.Report {
	rows := func(yield func([]string, error) bool) {
		_, attrs := v.declaration()
		for _, a := range attrs {
			x, err := v.Attr(a.name)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield([]string{a.name, cell(x, a.form)}, nil) {
				return
			}
		}
	}
	return render.Report{
		Sections: []render.Section{render.Table{
			Title: v.String(), Columns: render.Columns("", ""), Rows: rows, Headless: true,
		}},
		Records: render.Of[any](attributes{v}),
	}
}

// cell is a value in a table.
func cell(v starlark.Value, f form) string {
	if s, ok := starlark.AsString(v); ok {
		return s
	}
	n, ok := v.(starlark.Int)
	if !ok {
		return v.String()
	}
	if a, ok := n.Uint64(); ok && f == address {
		return mem.Addr(a).String()
	}
	if d, ok := n.Int64(); ok && f == duration {
		return ns(d)
	}
	return v.String()
}

// Echo is what a REPL shows for v: strings quoted, and an integer that is an
// address of the target in hexadecimal as well.
func (in *Interp) Echo(v starlark.Value) starlark.Value {
	switch v := v.(type) {
	case starlark.String:
		return verbatim(v.String())
	case starlark.Int:
		if a, ok := v.Uint64(); ok && in.mapped(mem.Addr(a)) {
			return verbatim(fmt.Sprintf("%v (%v)", v, mem.Addr(a)))
		}
	}
	return v
}

// mapped reports whether a is an address of the target.
func (in *Interp) mapped(a mem.Addr) bool {
	for _, r := range in.p.Mem.Ranges() {
		if r.Contains(a) {
			return true
		}
	}
	return false
}

// hexString is 0x… for any integer.
func hexString(n starlark.Int) string {
	b := n.BigInt()
	if b.Sign() < 0 {
		return "-0x" + new(big.Int).Neg(b).Text(16)
	}
	return "0x" + b.Text(16)
}

// verbatim is text that a report shows as it stands.
type verbatim string

func (t verbatim) String() string       { return string(t) }
func (t verbatim) Type() string         { return "text" }
func (t verbatim) Freeze()              {}
func (t verbatim) Truth() starlark.Bool { return t != "" }

// verbatimLines is text of several lines.
func verbatimLines(s string) starlark.Value { return verbatim(strings.TrimSuffix(s, "\n")) }

func (t verbatim) Hash() (uint32, error) { return starlark.String(t).Hash() }
