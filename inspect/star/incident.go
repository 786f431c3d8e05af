package star

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"rtdbg/inspect/render"
)

// incident is what a script that looks for an illness answers: whether the
// program has it, in a sentence, and tables of what it was seen by.
type incident struct {
	found   bool
	summary string
	tables  []*table
}

func (i *incident) String() string        { return i.summary }
func (i *incident) Type() string          { return "incident" }
func (i *incident) Freeze()               {}
func (i *incident) Truth() starlark.Bool  { return starlark.Bool(i.found) }
func (i *incident) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: incident") }

func (i *incident) report() render.Report {
	sections := []render.Section{render.Text(strings.Split(i.summary, "\n")...)}
	for _, t := range i.tables {
		if len(t.rows) > 0 {
			sections = append(sections, t.report().Sections...)
		}
	}
	records := func(yield func(any, error) bool) {
		if !yield(incidentRecord{i.found, i.summary}, nil) {
			return
		}
		for _, t := range i.tables {
			for _, r := range t.rows {
				if !yield(tableRow{t.columns, r}, nil) {
					return
				}
			}
		}
	}
	return render.Report{Sections: sections, Records: records}
}

// incidentRecord is the first record of an incident.
type incidentRecord struct {
	Found   bool   `json:"found"`
	Summary string `json:"summary"`
}

func incidentBuiltins() []Builtin {
	return []Builtin{{
		Name: "incident",
		Params: []Param{
			{Name: "found", Doc: "whether the program has the illness"},
			{Name: "summary", Doc: "what was found, in sentences"},
			{Name: "tables", Default: "[]", Doc: "tables of what it was seen by"},
		},
		Doc:     "The answer of a script that looks for an illness: text and tables; JSON says first whether it was found.",
		Example: `incident(False, "nothing is wrong")`,
		call:    callIncident,
	}}
}

func callIncident(_ *Interp, a args) (starlark.Value, error) {
	summary, isString := starlark.AsString(a[1])
	if !isString {
		return nil, fmt.Errorf("summary must be a string, not %s", describe(a[1]))
	}
	i := &incident{found: a.truth(0), summary: summary}
	if !a.given(2) {
		return i, nil
	}
	list, isList := a[2].(starlark.Iterable)
	if !isList {
		return nil, fmt.Errorf("tables must be a list of tables, not %s", describe(a[2]))
	}
	for e := range starlark.Elements(list) {
		t, isTable := e.(*table)
		if !isTable {
			return nil, fmt.Errorf("tables must be tables, not %s", describe(e))
		}
		i.tables = append(i.tables, t)
	}
	return i, nil
}
