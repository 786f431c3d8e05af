package star

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"go.starlark.net/starlark"

	"rtdbg/inspect/render"
)

// data is an answer of package inspect whose attributes are the keys of its JSON
// form, without a class of its own. Addresses are strings in it, as in JSON.
type data struct {
	name   string
	keys   []string
	values map[string]starlark.Value
	shown  func() render.Report
}

func (d *data) String() string        { return "<" + d.name + ">" }
func (d *data) Type() string          { return d.name }
func (d *data) Freeze()               {}
func (d *data) Truth() starlark.Bool  { return true }
func (d *data) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: %s", d.name) }
func (d *data) AttrNames() []string   { return d.keys }

func (d *data) Attr(name string) (starlark.Value, error) {
	if v, ok := d.values[name]; ok {
		return v, nil
	}
	return nil, nil
}

// AppendJSON appends the answer as an object.
func (d *data) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	for i, k := range d.keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(render.AppendString(b, k), ':')
		b = appendValue(b, d.values[k], 1)
	}
	return append(b, '}')
}

func (d *data) report() render.Report {
	if d.shown != nil {
		return d.shown()
	}
	rows := func(yield func([]string, error) bool) {
		for _, k := range d.keys {
			if !yield([]string{k, cell(d.values[k], plain)}, nil) {
				return
			}
		}
	}
	return render.Report{
		Sections: []render.Section{render.Table{Title: d.name, Columns: render.Columns("", ""), Rows: rows, Headless: true}},
		Records:  render.Of[any](d),
	}
}

// dataOf returns v, a struct of package inspect, as data called name, which is
// shown as given, or by its attributes.
func dataOf(name string, v any, shown func() render.Report) (starlark.Value, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	x, err := decodeData(dec, name)
	if d, ok := x.(*data); ok {
		d.shown = shown
	}
	return x, err
}

// decodeData reads the next JSON value.
func decodeData(dec *json.Decoder, name string) (starlark.Value, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case nil:
		return starlark.None, nil
	case bool:
		return starlark.Bool(t), nil
	case string:
		return starlark.String(t), nil
	case json.Number:
		if i, err := t.Int64(); err == nil {
			return integer(i), nil
		}
		if u, err := strconv.ParseUint(t.String(), 10, 64); err == nil {
			return natural(u), nil
		}
		f, err := t.Float64()
		return starlark.Float(f), err
	case json.Delim:
		if t == '[' {
			return decodeList(dec, name)
		}
		return decodeObject(dec, name)
	}
	return nil, errors.New("unknown token")
}

func decodeList(dec *json.Decoder, name string) (starlark.Value, error) {
	var elems []starlark.Value
	for dec.More() {
		v, err := decodeData(dec, name)
		if err != nil {
			return nil, err
		}
		elems = append(elems, v)
	}
	_, err := dec.Token()
	return starlark.NewList(elems), err
}

func decodeObject(dec *json.Decoder, name string) (starlark.Value, error) {
	d := &data{name: name, values: make(map[string]starlark.Value)}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		k, ok := key.(string)
		if !ok {
			return nil, io.ErrUnexpectedEOF
		}
		if d.values[k], err = decodeData(dec, k); err != nil {
			return nil, err
		}
		if !slices.Contains(d.keys, k) {
			d.keys = append(d.keys, k)
		}
	}
	_, err := dec.Token()
	return d, err
}
