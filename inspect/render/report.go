// Package render turns the answer of a command into an output format. An
// answer is a Report: sections for people, records for programs. Each format
// is one file and one entry of Formats. The package knows nothing of Go
// programs or debuggers.
package render

import (
	"io"
	"iter"
)

// Report is one answer in the forms that the formats draw on. A form that an
// answer does not have is nil; a format that needs it refuses the report with
// an *UnsupportedError. Sequences are produced while they are written, so
// that an answer of a million records needs no memory for them; each is
// ranged over at most once.
type Report struct {
	// Name names the answer in errors: the command or expression.
	Name string
	// Sections are the answer for people, in order.
	Sections []Section
	// Records are the answer for programs, one object each.
	Records Seq[any]
	// Encoded are the records as JSON, whole lines with their ends, for an
	// answer that encodes many of them faster than one by one. A slice is
	// used until the next is asked for.
	Encoded Seq[[]byte]
	// Graph is the answer as nodes and edges.
	Graph *Graph
}

// Seq yields values until the first error, which ends it.
type Seq[T any] = iter.Seq2[T, error]

// Section is a part of a report for people: a Table, Lines or Stream.
type Section interface {
	writeText(w *textWriter) error
}

// Lines are ready lines of text, without their line ends.
type Lines Seq[string]

// Stream is text that writes itself, such as a dump in a foreign format.
type Stream func(w io.Writer) error

// Table is rows of aligned columns.
type Table struct {
	// Title is a line above the table, "" for none.
	Title   string
	Columns []Column
	// Rows have a cell for each column. A cell that could not be read is
	// what Unreadable returns.
	Rows Seq[[]string]
	// Headless leaves out the line of column names.
	Headless bool
}

// Column is one column of a Table.
type Column struct {
	Name string
	// Right aligns the cells at the right, for numbers.
	Right bool
}

// Columns returns left-aligned columns of the given names; a name that starts
// with ">" makes its column right-aligned.
func Columns(names ...string) []Column {
	cols := make([]Column, len(names))
	for i, n := range names {
		if n != "" && n[0] == '>' {
			cols[i] = Column{Name: n[1:], Right: true}
			continue
		}
		cols[i] = Column{Name: n}
	}
	return cols
}

// Unreadable is the text of a cell whose value could not be read.
func Unreadable(err error) string { return "<unreadable: " + err.Error() + ">" }

// Of yields the given values.
func Of[T any](values ...T) Seq[T] {
	return func(yield func(T, error) bool) {
		for _, v := range values {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// Text returns a section of the given lines.
func Text(lines ...string) Lines { return Lines(Of(lines...)) }

// Map yields f of each value of s.
func Map[T, U any](s Seq[T], f func(T) (U, error)) Seq[U] {
	return func(yield func(U, error) bool) {
		for v, err := range s {
			var u U
			if err == nil {
				u, err = f(v)
			}
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}
