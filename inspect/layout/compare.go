package layout

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Difference is one thing in which two tables disagree.
type Difference struct {
	// What is the structure, constant, variable or array of strings.
	What string
	// Field is the structure's field, or the index in an array; "" for the
	// thing itself.
	Field string
	// A and B are what each table says: "offset 152, 8 bytes, uint64", "absent".
	A, B string
}

// String returns the difference in one line.
func (d Difference) String() string {
	if d.Field == "" {
		return fmt.Sprintf("%s: %s / %s", d.What, d.A, d.B)
	}
	return fmt.Sprintf("%s.%s: %s / %s", d.What, d.Field, d.A, d.B)
}

const absent = "absent"

// Compare lists, sorted by name, in what two tables disagree. What only one
// of them has is no disagreement, since a program's DWARF carries only the
// types that it uses; but a field that only one of two structures of the same
// name has is. Addresses of variables are not compared.
func Compare(a, b *Table) []Difference {
	var ds []Difference
	for _, name := range common(a.Structs, b.Structs) {
		ds = append(ds, compareStructs(a.Structs[name], b.Structs[name])...)
	}
	for _, name := range common(a.Under, b.Under) {
		ds = diff(ds, name, "", a.Under[name], b.Under[name])
	}
	for _, name := range common(a.Consts, b.Consts) {
		ds = diff(ds, name, "", strconv.FormatInt(a.Consts[name], 10), strconv.FormatInt(b.Consts[name], 10))
	}
	for _, name := range common(a.Vars, b.Vars) {
		va, vb := a.Vars[name], b.Vars[name]
		ds = diff(ds, name, "", fmt.Sprintf("%d bytes, %s", va.Size, va.Type), fmt.Sprintf("%d bytes, %s", vb.Size, vb.Type))
	}
	if a.WaitReasons != nil && b.WaitReasons != nil {
		ds = append(ds, compareStrings("runtime.waitReasonStrings", a.WaitReasons, b.WaitReasons)...)
	}
	for _, name := range common(a.Strings, b.Strings) {
		ds = append(ds, compareStrings(name, a.Strings[name], b.Strings[name])...)
	}
	return ds
}

// common returns the keys that both maps have, sorted.
func common[V any](a, b map[string]V) []string {
	var names []string
	for name := range a {
		if _, ok := b[name]; ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func diff(ds []Difference, what, field, a, b string) []Difference {
	if a == b {
		return ds
	}
	return append(ds, Difference{What: what, Field: field, A: a, B: b})
}

func compareStructs(a, b *Struct) []Difference {
	ds := diff(nil, a.Name, "", fmt.Sprintf("%d bytes", a.Size), fmt.Sprintf("%d bytes", b.Size))
	fa, fb := describeFields(a), describeFields(b)
	all := maps.Clone(fa)
	maps.Copy(all, fb)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		ds = diff(ds, a.Name, name, orAbsent(fa, name), orAbsent(fb, name))
	}
	return ds
}

// describeFields maps a structure's field names to their descriptions; the
// fields called "_" are told apart by their offset.
func describeFields(s *Struct) map[string]string {
	m := make(map[string]string, len(s.Fields))
	for _, f := range s.Fields {
		name := f.Name
		if name == "_" {
			name = fmt.Sprintf("_@%d", f.Off)
		}
		m[name] = fmt.Sprintf("offset %d, %d bytes, %s", f.Off, f.Size, f.Type)
	}
	return m
}

func orAbsent(m map[string]string, name string) string {
	if s, ok := m[name]; ok {
		return s
	}
	return absent
}

func compareStrings(name string, a, b []string) []Difference {
	var ds []Difference
	for i := range max(len(a), len(b)) {
		ds = diff(ds, name, strconv.Itoa(i), elemOrAbsent(a, i), elemOrAbsent(b, i))
	}
	return ds
}

func elemOrAbsent(s []string, i int) string {
	if i < len(s) {
		return strconv.Quote(s[i])
	}
	return absent
}
