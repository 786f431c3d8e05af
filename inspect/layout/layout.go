// Package layout says where each field of each runtime structure lies for
// one Go version, and decodes structures by plans that are compiled once.
// It does not know which structures there are.
package layout

import "rtdbg/inspect/mem"

// Field is one field of a structure.
type Field struct {
	Name string `json:"n"`
	// Off is the field's offset from the start of the structure, in bytes.
	Off uint64 `json:"o"`
	// Size is the field's size in bytes.
	Size uint64 `json:"s"`
	// Type is the field's type as Go writes it, with package names, such as
	// "runtime.gobuf", "*runtime.m", "[256]runtime.guintptr", "uint32".
	Type string `json:"t"`
}

// Struct is the layout of one structure type.
type Struct struct {
	// Name is the full type name, "runtime.g".
	Name string
	// Size is the structure's size in bytes.
	Size uint64
	// Fields are in ascending order of Off.
	Fields []Field
}

// Field returns the field called name, or nil.
func (s *Struct) Field(name string) *Field {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return &s.Fields[i]
		}
	}
	return nil
}

// Table is the layouts, constants and strings of one runtime.
type Table struct {
	// Go is the version that the table was made from, "go1.26.8".
	Go string
	// GOOS and GOARCH are the target's.
	GOOS, GOARCH string
	// Source says where the table comes from, for the user: "DWARF of the
	// executable", "built-in table go1.26.0–go1.26.8".
	Source string
	// Assumed says that the table is of another version than the target, or
	// that the target's is not known: what it says of numbers counts only
	// where the target confirms it.
	Assumed bool
	// Structs are the layouts by full type name. Types that are not structs
	// but that fields name (arrays, pointers) are not listed. A struct type
	// that has no name goes by the field that holds it,
	// "runtime.schedt.disable", or by the variable, "runtime.work".
	Structs map[string]*Struct
	// Under are the underlying types of the named types that fields name and
	// that are not structs: "runtime.guintptr" → "uint64",
	// "runtime.semTable" → "[251]runtime.semTable.elem", and "interface {}",
	// "func()", "map", "chan" for any named type of that kind.
	Under map[string]string
	// Vars are the package-level variables by full name, "runtime.allgs".
	Vars map[string]Var
	// Consts are the integer constants by full name, "runtime._Gwaiting".
	Consts map[string]int64
	// WaitReasons are the strings of runtime.waitReasonStrings, by number;
	// nil where the source does not have them.
	WaitReasons []string
	// Strings are other arrays of strings by the full name of their
	// variable, "runtime.stwReasonStrings".
	Strings map[string][]string
}

// Var is a package-level variable.
type Var struct {
	// Addr is its address as linked, without the load bias of a
	// position-independent executable; 0 in a built-in table, which knows
	// types only.
	Addr mem.Addr
	// Size is the variable's size in bytes.
	Size uint64
	// Type is its type, written as in Field.Type.
	Type string
}

// Variable returns the package-level variable called name ("runtime.allgs")
// and whether the table has it.
func (t *Table) Variable(name string) (Var, bool) {
	v, ok := t.Vars[name]
	return v, ok
}

// Slice is a Go slice header in the target: the address of its elements,
// its length and its capacity in elements.
type Slice struct{ Ptr, Len, Cap uint64 }

// String is a Go string header in the target: the address of its bytes and
// their number.
type String struct{ Ptr, Len uint64 }

// Iface is a Go interface value in the target: the type or itab word and the
// data word.
type Iface struct{ Tab, Data uint64 }
