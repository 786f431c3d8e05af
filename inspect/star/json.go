package star

import (
	"fmt"

	"go.starlark.net/starlark"

	"rtdbg/inspect/render"
)

// record is a Starlark value that encodes itself as JSON.
type record struct{ v starlark.Value }

// AppendJSON appends the value; what has no JSON form becomes its text.
func (r record) AppendJSON(b []byte) []byte { return appendValue(b, r.v, 0) }

// maxDepth bounds the nesting of a value: Starlark lists can contain
// themselves.
const maxDepth = 32

// appendValue appends v to b. Below the top level a value that has a
// reference is written as that, so that a goroutine inside another answer is
// its id.
func appendValue(b []byte, v starlark.Value, depth int) []byte {
	if depth > maxDepth {
		return render.AppendString(b, "…")
	}
	switch v := v.(type) {
	case starlark.NoneType, unreadable:
		return append(b, "null"...)
	case starlark.Bool:
		return fmt.Appendf(b, "%t", bool(v))
	case starlark.Int:
		return append(b, v.String()...)
	case starlark.Float:
		return appendMarshalled(b, float64(v))
	case starlark.String:
		return render.AppendString(b, string(v))
	case starlark.Bytes:
		return render.AppendString(b, fmt.Sprintf("%x", string(v)))
	case *starlark.Dict:
		return appendDict(b, v, depth)
	case value:
		if depth == 0 {
			return appendTop(b, v)
		}
		return appendNested(b, v, depth)
	case starlark.Iterable:
		b = append(b, '[')
		first := true
		for e := range starlark.Elements(v) {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = appendValue(b, e, depth+1)
		}
		return append(b, ']')
	}
	return render.AppendString(b, v.String())
}

// appendMarshalled appends what encoding/json makes of v.
func appendMarshalled(b []byte, v any) []byte {
	out, err := render.AppendJSON(b, v)
	if err != nil {
		// An infinite float, for example.
		return append(b, "null"...)
	}
	return out
}

func appendDict(b []byte, d *starlark.Dict, depth int) []byte {
	b = append(b, '{')
	for i, kv := range d.Items() {
		if i > 0 {
			b = append(b, ',')
		}
		key, ok := starlark.AsString(kv[0])
		if !ok {
			key = kv[0].String()
		}
		b = append(render.AppendString(b, key), ':')
		b = appendValue(b, kv[1], depth+1)
	}
	return append(b, '}')
}

// appendNested appends what stands for v inside another value.
func appendNested(b []byte, v value, depth int) []byte {
	if ref, ok := v.reference(); ok {
		return appendMarshalled(b, ref)
	}
	return appendAttributes(b, v, depth)
}

// appendAttributes appends v as an object of its attributes.
func appendAttributes(b []byte, v value, depth int) []byte {
	_, attrs := v.declaration()
	b = append(b, '{')
	for i, a := range attrs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(render.AppendString(b, a.name), ':')
		x, err := v.Attr(a.name)
		if err != nil {
			x = unreadable{err}
		}
		if n, ok := asUint64(x); ok && a.form == address {
			b = render.AppendAddr(b, n)
			continue
		}
		b = appendValue(b, x, depth+1)
	}
	return append(b, '}')
}

// appendTop appends v as its own report does, where that is one record.
func appendTop(b []byte, v value) []byte {
	var recs []any
	for rec, err := range reportOf(v).Records {
		if err != nil {
			return append(b, "null"...)
		}
		recs = append(recs, rec)
	}
	if len(recs) != 1 {
		return appendMarshalled(b, recs)
	}
	return appendMarshalled(b, recs[0])
}

// attributes is a value as a record of its attributes.
type attributes struct{ v value }

func (a attributes) AppendJSON(b []byte) []byte { return appendAttributes(b, a.v, 0) }

var (
	_ render.JSONAppender = record{}
	_ render.JSONAppender = attributes{}
)
