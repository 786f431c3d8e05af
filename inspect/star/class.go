package star

import (
	"fmt"
	"slices"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"rtdbg/inspect/render"
)

// form says how an attribute's integer is written outside Starlark.
type form uint8

const (
	// plain is a decimal number, or no number at all.
	plain form = iota
	// address is written 0x…, in JSON as a string.
	address
	// duration is nanoseconds, for people 1m30s.
	duration
)

// attr is one attribute of a class: the only place where it is declared.
type attr[T any] struct {
	name string
	doc  string
	form form
	// get reads the attribute. Its error becomes an unreadable value.
	get func(in *Interp, v T) (starlark.Value, error)
}

// class describes a type of values. T is what a value holds.
type class[T any] struct {
	// name is the Starlark type, doc one sentence.
	name, doc string
	attrs     []attr[T]
	// str is the value on one line.
	str func(in *Interp, v T) string
	// key identifies a value among those of its class: equal keys, equal
	// values. nil makes values equal only to themselves.
	key func(v T) uint64
	// ref is what stands for the value inside the JSON of another: an
	// integer or a mem.Addr. nil puts the whole value there.
	ref func(v T) any
	// report is the value alone; nil reports the attributes.
	report func(in *Interp, v T) render.Report

	names []string
}

// object is a value of a class.
type object[T any] struct {
	class *class[T]
	in    *Interp
	v     T
}

// of returns v as a value of the class.
func (c *class[T]) of(in *Interp, v T) *object[T] { return &object[T]{c, in, v} }

// list returns vs as a list of values of the class.
func (c *class[T]) list(in *Interp, vs []T) *starlark.List {
	elems := make([]starlark.Value, len(vs))
	for i, v := range vs {
		elems[i] = c.of(in, v)
	}
	return starlark.NewList(elems)
}

// finish completes the class after its literal.
func (c *class[T]) finish() *class[T] {
	for _, a := range c.attrs {
		c.names = append(c.names, a.name)
	}
	slices.Sort(c.names)
	return c
}

// attrDoc is the declaration of an attribute without the means to read it.
type attrDoc struct {
	name, doc string
	form      form
}

// value is what every rtdbg value can do besides being one of Starlark.
type value interface {
	starlark.HasAttrs
	// declaration returns the class's sentence and its attributes in the
	// order in which they are declared.
	declaration() (doc string, attrs []attrDoc)
	report() render.Report
	// reference is what stands for the value inside another's JSON.
	reference() (any, bool)
}

func (o *object[T]) Type() string         { return o.class.name }
func (o *object[T]) Freeze()              {} // the target does not change
func (o *object[T]) Truth() starlark.Bool { return starlark.True }
func (o *object[T]) AttrNames() []string  { return o.class.names }

func (o *object[T]) String() string {
	if o.in.stale() {
		return "<" + o.class.name + " of an earlier instant>"
	}
	return o.class.str(o.in, o.v)
}

// Hash hashes the key, so that values can be keys of a dict.
func (o *object[T]) Hash() (uint32, error) {
	if o.class.key == nil {
		return 0, fmt.Errorf("unhashable: %s", o.class.name)
	}
	return starlark.MakeUint64(o.class.key(o.v)).Hash()
}

// CompareSameType makes values of the same thing equal.
func (o *object[T]) CompareSameType(op syntax.Token, y starlark.Value, _ int) (bool, error) {
	other, ok := y.(*object[T])
	same := ok && (o == other || o.class.key != nil && o.class.key(o.v) == o.class.key(other.v))
	switch op {
	case syntax.EQL:
		return same, nil
	case syntax.NEQ:
		return !same, nil
	}
	return false, fmt.Errorf("%s %s %s not implemented", o.Type(), op, y.Type())
}

// Attr reads an attribute. What cannot be read is an unreadable value, unless
// the evaluation was interrupted.
func (o *object[T]) Attr(name string) (starlark.Value, error) {
	if err := ended(o); err != nil {
		return nil, err
	}
	for i := range o.class.attrs {
		if a := &o.class.attrs[i]; a.name == name {
			return o.read(a)
		}
	}
	return nil, nil
}

func (o *object[T]) read(a *attr[T]) (starlark.Value, error) {
	v, err := a.get(o.in, o.v)
	if err == nil {
		return v, nil
	}
	if ctxErr := o.in.ctx.Err(); ctxErr != nil {
		return nil, ctxErr
	}
	return unreadable{err}, nil
}

func (o *object[T]) declaration() (string, []attrDoc) {
	docs := make([]attrDoc, len(o.class.attrs))
	for i, a := range o.class.attrs {
		docs[i] = attrDoc{a.name, a.doc, a.form}
	}
	return o.class.doc, docs
}

func (o *object[T]) report() render.Report {
	if o.class.report != nil {
		return o.class.report(o.in, o.v)
	}
	return attributeReport(o)
}

func (o *object[T]) reference() (any, bool) {
	if o.class.ref == nil {
		return nil, false
	}
	return o.class.ref(o.v), true
}
