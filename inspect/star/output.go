package star

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"rtdbg/inspect/render"
)

// table is rows of cells that a script puts together.
type table struct {
	title   string
	columns []string
	rows    []starlark.Indexable
}

func (t *table) String() string        { return fmt.Sprintf("<table of %d rows>", len(t.rows)) }
func (t *table) Type() string          { return "table" }
func (t *table) Freeze()               {}
func (t *table) Truth() starlark.Bool  { return len(t.rows) > 0 }
func (t *table) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: table") }

func (t *table) report() render.Report {
	rows := func(yield func([]string, error) bool) {
		for _, r := range t.rows {
			cells := make([]string, r.Len())
			for i := range cells {
				cells[i] = t.cell(r.Index(i))
			}
			if !yield(cells, nil) {
				return
			}
		}
	}
	records := func(yield func(any, error) bool) {
		for _, r := range t.rows {
			if !yield(tableRow{t.columns, r}, nil) {
				return
			}
		}
	}
	return render.Report{
		Sections: []render.Section{render.Table{Title: t.title, Columns: render.Columns(t.columns...), Rows: rows}},
		Records:  records,
	}
}

// cell is a value in a table, "-" for None.
func (t *table) cell(v starlark.Value) string {
	if v == starlark.None {
		return "-"
	}
	return cell(v, plain)
}

// tableRow is a row as a record: its columns' names in lower case are the
// keys.
type tableRow struct {
	columns []string
	row     starlark.Indexable
}

// AppendJSON appends the row.
func (r tableRow) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	for i := range min(r.row.Len(), len(r.columns)) {
		if i > 0 {
			b = append(b, ',')
		}
		key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(r.columns[i], ">")), " ", "_")
		b = append(render.AppendString(b, key), ':')
		b = appendValue(b, r.row.Index(i), 1)
	}
	return append(b, '}')
}

func outputBuiltins() []Builtin {
	return []Builtin{
		{
			Name: "table",
			Params: []Param{
				{Name: "columns", Doc: `names; ">NAME" aligns at the right`},
				{Name: "rows", Doc: "lists with a value for each column"},
				{Name: "title", Default: `""`, Doc: "a line above"},
			},
			Doc:     "A table to return from main: aligned as text, objects as JSON.",
			Example: `table([">GOID", "STATUS"], [[g.goid, g.status] for g in gs()])`,
			call:    callTable,
		},
		{
			Name:    "hex",
			Params:  []Param{{Name: "n", Doc: "an integer"}},
			Doc:     "An integer as a string 0x…. Addresses are plain integers in Starlark.",
			Example: "hex(g(1).addr)",
			call: func(_ *Interp, a args) (starlark.Value, error) {
				n, isInt := a[0].(starlark.Int)
				if !isInt {
					return nil, fmt.Errorf("n must be an integer, not %s", describe(a[0]))
				}
				return starlark.String(hexString(n)), nil
			},
		},
		{
			Name:    "help",
			Params:  []Param{{Name: "name", Default: "None", Doc: "a builtin, a type, a command, a value, or the name of one"}},
			Doc:     "Help on a builtin, a value and its attributes, or a command; without a name the list of builtins.",
			Example: `help("waiters")`,
			call: func(in *Interp, a args) (starlark.Value, error) {
				if !a.given(0) {
					return verbatimLines(BuiltinList()), nil
				}
				var t string
				var err error
				if name, isName := starlark.AsString(a[0]); isName {
					t, err = in.Help(name)
				} else {
					t, err = helpOn(a[0])
				}
				return verbatimLines(t), err
			},
		},
	}
}

func callTable(_ *Interp, a args) (starlark.Value, error) {
	t := &table{}
	columns, isList := a[0].(starlark.Iterable)
	if !isList {
		return nil, fmt.Errorf("columns must be a list of strings, not %s", describe(a[0]))
	}
	for c := range starlark.Elements(columns) {
		name, isString := starlark.AsString(c)
		if !isString {
			return nil, fmt.Errorf("columns must be strings, not %s", describe(c))
		}
		t.columns = append(t.columns, name)
	}
	rows, isList := a[1].(starlark.Iterable)
	if !isList {
		return nil, fmt.Errorf("rows must be a list of lists, not %s", describe(a[1]))
	}
	for r := range starlark.Elements(rows) {
		row, isRow := r.(starlark.Indexable)
		if !isRow || r.Type() == "string" {
			return nil, fmt.Errorf("a row must be a list, not %s", describe(r))
		}
		t.rows = append(t.rows, row)
	}
	if a.given(2) {
		t.title, _ = starlark.AsString(a[2])
	}
	return t, nil
}
