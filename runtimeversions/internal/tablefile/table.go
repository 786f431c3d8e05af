package tablefile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rtdbg/inspect/layout"
)

// waitReasons is the name of the strings that a table holds apart.
const waitReasons = "runtime.waitReasonStrings"

// Table makes the table of a build. The patch, the platform and each
// experiment should be among the file's builds: for one that is not, items
// may be missing.
func (f *File) Table(patch int, platform string, experiments []string) (*layout.Table, error) {
	chosen, err := f.choose(patch, platform, experiments)
	if err != nil {
		return nil, err
	}
	goos, goarch, _ := strings.Cut(platform, "/")
	t := &layout.Table{
		Go: f.Version(patch).String(), GOOS: goos, GOARCH: goarch,
		Structs: map[string]*layout.Struct{},
		Under:   map[string]string{},
		Consts:  map[string]int64{},
		Vars:    map[string]layout.Var{},
		Strings: map[string][]string{},
	}
	for k, it := range chosen {
		if err := it.decode(t); err != nil {
			return nil, fmt.Errorf("%s %s: %w", k.kind, k.name, err)
		}
	}
	return t, nil
}

// decode adds the item to a table.
func (it *item) decode(t *layout.Table) error {
	if it.key.kind != kindStruct && it.key.kind != kindStrings && len(it.body) > 0 {
		return fmt.Errorf("unexpected line %q", it.body[0])
	}
	name := it.key.name
	switch it.key.kind {
	case kindStruct:
		s, err := it.decodeStruct()
		if err != nil {
			return err
		}
		t.Structs[name] = s
	case kindConst:
		n, err := strconv.ParseInt(it.head, 10, 64)
		if err != nil {
			return err
		}
		t.Consts[name] = n
	case kindType:
		t.Under[name] = it.head
	case kindVar:
		size, typ, _ := strings.Cut(it.head, " ")
		n, err := strconv.ParseUint(size, 10, 64)
		if err != nil {
			return err
		}
		t.Vars[name] = layout.Var{Size: n, Type: typ}
	case kindStrings:
		return it.decodeStrings(t)
	}
	return nil
}

func (it *item) decodeStruct() (*layout.Struct, error) {
	size, err := strconv.ParseUint(it.head, 10, 64)
	if err != nil {
		return nil, err
	}
	s := &layout.Struct{Name: it.key.name, Size: size, Fields: make([]layout.Field, len(it.body))}
	for i, line := range it.body {
		words := strings.SplitN(line, " ", 4)
		if len(words) != 4 {
			return nil, fmt.Errorf("line %q is not offset, size, name and type", line)
		}
		off, errOff := strconv.ParseUint(words[0], 10, 64)
		size, errSize := strconv.ParseUint(words[1], 10, 64)
		if errOff != nil || errSize != nil {
			return nil, fmt.Errorf("line %q does not begin with offset and size", line)
		}
		s.Fields[i] = layout.Field{Off: off, Size: size, Name: words[2], Type: words[3]}
	}
	return s, nil
}

func (it *item) decodeStrings(t *layout.Table) error {
	strs := make([]string, len(it.body))
	for i, line := range it.body {
		s, err := strconv.Unquote(line)
		if err != nil {
			return fmt.Errorf("line %q is not a quoted string", line)
		}
		strs[i] = s
	}
	if it.key.name == waitReasons {
		t.WaitReasons = strs
	} else {
		t.Strings[it.key.name] = strs
	}
	return nil
}

// encode makes the items of a table, without selectors.
func encode(t *layout.Table) ([]item, error) {
	var items []item
	add := func(kind, name, head string, body []string) {
		items = append(items, item{key: key{kind, name}, head: head, body: body})
	}
	for name, s := range t.Structs {
		body := make([]string, len(s.Fields))
		for i, f := range s.Fields {
			if f.Name == "" || strings.ContainsAny(f.Name, " \n") {
				return nil, fmt.Errorf("%s: field name %q cannot be written", name, f.Name)
			}
			body[i] = fmt.Sprintf("%d %d %s %s", f.Off, f.Size, f.Name, f.Type)
		}
		add(kindStruct, name, strconv.FormatUint(s.Size, 10), body)
	}
	for name, v := range t.Consts {
		add(kindConst, name, strconv.FormatInt(v, 10), nil)
	}
	for name, u := range t.Under {
		add(kindType, name, u, nil)
	}
	for name, v := range t.Vars {
		add(kindVar, name, fmt.Sprintf("%d %s", v.Size, v.Type), nil)
	}
	for name, strs := range t.Strings {
		add(kindStrings, name, "", quote(strs))
	}
	if t.WaitReasons != nil {
		add(kindStrings, waitReasons, "", quote(t.WaitReasons))
	}
	slices.SortFunc(items, func(a, b item) int { return compareKeys(a.key, b.key) })
	return items, nil
}

func quote(strs []string) []string {
	q := make([]string, len(strs))
	for i, s := range strs {
		q[i] = strconv.Quote(s)
	}
	return q
}
