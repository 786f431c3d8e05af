package star

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// Builtin is a function of the API: the only place where it is declared.
type Builtin struct {
	Name   string
	Params []Param
	// Doc says what it returns; its first line sums it up.
	Doc string
	// Example is an expression that works on any target.
	Example string

	call func(in *Interp, a args) (starlark.Value, error)
}

// args are the arguments of a call in the order of Params, nil for one that
// was not given.
type args []starlark.Value

// Builtins are all builtins, in the order of the help.
func Builtins() []Builtin {
	return slices.Concat(goroutineBuiltins(), schedulerBuiltins(), gcBuiltins(), threadBuiltins(), objectBuiltins(), answerBuiltins(), bucketBuiltins(), originBuiltins(), deadlockBuiltins(),
		chansBuiltins(), locksBuiltins(), timersBuiltins(), netpollBuiltins(), memoryBuiltins(), dlvBuiltins(), outputBuiltins(), incidentBuiltins())
}

// FindBuiltin returns the builtin called name.
func FindBuiltin(name string) (Builtin, bool) {
	all := Builtins()
	i := slices.IndexFunc(all, func(b Builtin) bool { return b.Name == name })
	if i < 0 {
		return Builtin{}, false
	}
	return all[i], true
}

// Signature is the call with its parameters: "g(goid_or_addr)".
func (b *Builtin) Signature() string {
	var params []string
	for _, p := range b.Params {
		if p.Default == "" {
			params = append(params, p.Name)
			continue
		}
		params = append(params, p.Name+"="+p.Default)
	}
	return b.Name + "(" + strings.Join(params, ", ") + ")"
}

// BuiltinList is one line for each builtin.
func BuiltinList() string {
	var b strings.Builder
	for _, f := range Builtins() {
		summary, _, _ := strings.Cut(f.Doc, "\n")
		fmt.Fprintf(&b, "  %-28s  %s\n", f.Signature(), summary)
	}
	return b.String()
}

// builtinDict returns the builtins as Starlark values.
func (in *Interp) builtinDict() starlark.StringDict {
	d, cur := starlark.StringDict{}, in.current
	for _, b := range Builtins() {
		d[b.Name] = starlark.NewBuiltin(b.Name, func(_ *starlark.Thread, _ *starlark.Builtin, pos starlark.Tuple, named []starlark.Tuple) (starlark.Value, error) {
			in := cur.in
			if err := in.ctx.Err(); err != nil {
				return nil, err
			}
			a, err := b.unpack(pos, named)
			if err != nil {
				return nil, err
			}
			for _, v := range a {
				if err := ended(v); err != nil {
					return nil, fmt.Errorf("%s: %w", b.Name, err)
				}
			}
			v, err := b.call(in, a)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", b.Name, err)
			}
			return v, nil
		})
	}
	return d
}

// unpack sorts the arguments of a call.
func (b *Builtin) unpack(pos starlark.Tuple, named []starlark.Tuple) (args, error) {
	if len(pos) > len(b.Params) {
		return nil, fmt.Errorf("%s takes at most %d arguments, got %d", b.Signature(), len(b.Params), len(pos))
	}
	a := make(args, len(b.Params))
	copy(a, pos)
	for _, kv := range named {
		name := string(kv[0].(starlark.String))
		i := slices.IndexFunc(b.Params, func(p Param) bool { return p.Name == name })
		switch {
		case i < 0:
			return nil, fmt.Errorf("%s has no parameter %s", b.Signature(), name)
		case a[i] != nil:
			return nil, fmt.Errorf("%s: %s is given twice", b.Signature(), name)
		}
		a[i] = kv[1]
	}
	for i, p := range b.Params {
		if a[i] == nil && p.Default == "" {
			return nil, fmt.Errorf("%s needs %s", b.Signature(), p.Name)
		}
	}
	return a, nil
}

// given reports whether argument i was passed and is not None.
func (a args) given(i int) bool { return a[i] != nil && a[i] != starlark.None }

// truth is argument i as a bool, false when it was not given.
func (a args) truth(i int) bool { return a[i] != nil && bool(a[i].Truth()) }
