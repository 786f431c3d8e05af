package star

import (
	"fmt"

	"go.starlark.net/starlark"

	"rtdbg/inspect/render"
)

// shownRows is how many rows of a listing people are shown; programs get all.
const shownRows = 100

// listing is a list of records that can be long: its values are made when they
// are asked for.
type listing[T any] struct {
	in    *Interp
	class *class[*T]
	name  string
	v     []T
	// head are lines above the table, columns its columns, row is the row of
	// a record.
	head    []string
	columns []string
	row     func(v *T) []string
}

func (l *listing[T]) String() string       { return fmt.Sprintf("<%s: %d>", l.name, len(l.v)) }
func (l *listing[T]) Type() string         { return l.name }
func (l *listing[T]) Freeze()              {}
func (l *listing[T]) Truth() starlark.Bool { return len(l.v) > 0 }
func (l *listing[T]) Hash() (uint32, error) {
	return 0, fmt.Errorf("unhashable: %s", l.name)
}

func (l *listing[T]) Len() int                   { return len(l.v) }
func (l *listing[T]) Index(i int) starlark.Value { return l.class.of(l.in, &l.v[i]) }
func (l *listing[T]) Iterate() starlark.Iterator { return &listingIterator[T]{l: l} }

type listingIterator[T any] struct {
	l *listing[T]
	i int
}

func (it *listingIterator[T]) Next(p *starlark.Value) bool {
	if it.i >= len(it.l.v) {
		return false
	}
	*p = it.l.Index(it.i)
	it.i++
	return true
}

func (it *listingIterator[T]) Done() {}

func (l *listing[T]) report() render.Report {
	sections := []render.Section{render.Text(l.head...)}
	if len(l.v) > 0 {
		sections = append(sections, render.Table{Columns: render.Columns(l.columns...), Rows: func(yield func([]string, error) bool) {
			for i := range l.v[:min(len(l.v), shownRows)] {
				if !yield(l.row(&l.v[i]), nil) {
					return
				}
			}
		}})
	}
	if more := len(l.v) - shownRows; more > 0 {
		sections = append(sections, render.Text(fmt.Sprintf("… and %d more: -o json lists them all", more)))
	}
	return render.Report{Sections: sections, Records: func(yield func(any, error) bool) {
		for i := range l.v {
			if !yield(&l.v[i], nil) {
				return
			}
		}
	}}
}
