package star

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// Help is the script's help: its usage, its docstring, its parameters.
func (s *Script) Help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s", s.Usage(), s.Doc)
	return b.String()
}

// Explain returns err on one line that opens with its place in the Starlark
// text.
func Explain(err error) error { return &Error{msg: located(err), cause: err} }

// Defined reports whether an evaluation has defined name.
func (in *Interp) Defined(name string) bool {
	_, ok := in.globals.get(name)
	return ok
}

// Names are all names that an expression can begin with.
func (in *Interp) Names() []string {
	return slices.Concat(in.predeclared.Keys(), in.globals.copy().Keys(), starlark.Universe.Keys())
}

// AttrNames are the attributes of the value that a chain of a variable and
// attributes leads to, none if it leads nowhere. Nothing else is evaluated.
func (in *Interp) AttrNames(ctx context.Context, chain []string) []string {
	in.ctx = ctx
	v, ok := in.globals.get(chain[0])
	if !ok {
		return nil
	}
	for _, name := range chain[1:] {
		a, ok := v.(starlark.HasAttrs)
		if !ok {
			return nil
		}
		var err error
		if v, err = a.Attr(name); err != nil || v == nil {
			return nil
		}
	}
	if a, ok := v.(starlark.HasAttrs); ok {
		return a.AttrNames()
	}
	return nil
}

// Help returns the help on a builtin, a type of values, or a variable.
func (in *Interp) Help(name string) (string, error) {
	if v, ok := in.globals.get(name); ok {
		return helpOn(v)
	}
	if b, ok := FindBuiltin(name); ok {
		return b.help(), nil
	}
	for _, c := range in.classes.all() {
		if strings.EqualFold(c.Type(), name) {
			return helpOn(c)
		}
	}
	if s, err := Find(name); err == nil && !IsFile(name) {
		return s.Help(), nil
	}
	return "", fmt.Errorf("no help on %q: it is no command, builtin, type or variable", name)
}

func (b *Builtin) help() string {
	var t strings.Builder
	fmt.Fprintf(&t, "%s\n\n%s\n", b.Signature(), b.Doc)
	for _, p := range b.Params {
		fmt.Fprintf(&t, "\n  %-14s %s", p.Name, p.Doc)
	}
	if len(b.Params) > 0 {
		t.WriteString("\n")
	}
	fmt.Fprintf(&t, "\nexample: %s", b.Example)
	return t.String()
}

// helpOn returns the help on a value: its type and its attributes.
func helpOn(v starlark.Value) (string, error) {
	switch v := v.(type) {
	case *starlark.Builtin:
		if b, ok := FindBuiltin(v.Name()); ok {
			return b.help(), nil
		}
	case *starlark.Function:
		if doc := v.Doc(); doc != "" {
			return v.Name() + "\n\n" + doc, nil
		}
	case value:
		return helpOnType(v), nil
	case starlark.String:
		return "", fmt.Errorf("no help on %q", string(v))
	}
	return "", fmt.Errorf("no help on a value of type %s", v.Type())
}

func helpOnType(v value) string {
	doc, attrs := v.declaration()
	var t strings.Builder
	fmt.Fprintf(&t, "%s: %s\n", v.Type(), doc)
	width := 0
	for _, a := range attrs {
		width = max(width, len(a.name))
	}
	for _, a := range attrs {
		fmt.Fprintf(&t, "\n  .%-*s  %s", width, a.name, a.doc)
	}
	return t.String()
}
