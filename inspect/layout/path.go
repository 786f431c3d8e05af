package layout

import (
	"fmt"
	"strings"
)

// span is a piece of a structure: its offset from the structure's start, its
// size in bytes, and its type.
type span struct {
	off, size uint64
	typ       string
}

// absentError says that a path names a field that a structure does not have,
// as opposed to a table that contradicts itself.
type absentError struct{ msg string }

func (e *absentError) Error() string { return e.msg }

// Offset returns the offset and the size, in bytes, of the field that the
// dotted path names in a structure, such as "runtime.schedt",
// "disable.runnable.head". An error names the part of the path that is not
// there.
func (t *Table) Offset(structName, path string) (off, size uint64, err error) {
	s, err := t.find(structName, path)
	return s.off, s.size, err
}

// find resolves a dotted path in a structure.
func (t *Table) find(structName, path string) (span, error) {
	if t.Structs[structName] == nil {
		return span{}, fmt.Errorf("%s: no such structure in %s", structName, t.describe())
	}
	at := span{size: t.Structs[structName].Size, typ: structName}
	for rest := path; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, ".")
		s := t.Structs[at.typ]
		if s == nil {
			return span{}, &absentError{fmt.Sprintf("%s.%s: %s is not a struct and has no field %s", structName, path, at.typ, name)}
		}
		f := s.Field(name)
		if f == nil {
			return span{}, &absentError{fmt.Sprintf("%s.%s: %s has no field %s", structName, path, at.typ, name)}
		}
		if f.Off > s.Size || f.Size > s.Size-f.Off {
			return span{}, fmt.Errorf("%s.%s: field %s lies outside of %s", structName, path, name, at.typ)
		}
		at = span{off: at.off + f.Off, size: f.Size, typ: f.Type}
		if inner := t.Structs[f.Type]; inner != nil && inner.Size != f.Size {
			return span{}, fmt.Errorf("%s.%s: field %s has %d bytes, its type %s has %d", structName, path, name, f.Size, f.Type, inner.Size)
		}
	}
	return at, nil
}

// describe names the table in an error.
func (t *Table) describe() string {
	if t.Source == "" {
		return t.Go
	}
	return t.Go + " (" + t.Source + ")"
}
