package tablefile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Parse reads the text form. Errors name the line.
func Parse(text string) (*File, error) {
	f := &File{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		if err := f.parseLine(strings.TrimRight(line, "\n")); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if f.Minor == 0 {
		return nil, errors.New("no line go1.N")
	}
	slices.SortFunc(f.Builds, compareBuilds)
	return f, nil
}

func (f *File) parseLine(line string) error {
	switch {
	case line == "", strings.HasPrefix(line, "#"):
		return nil
	case line[0] == '\t':
		if len(f.items) == 0 {
			return errors.New("a line of an item before the first item")
		}
		it := &f.items[len(f.items)-1]
		it.body = append(it.body, line[1:])
		return nil
	case f.Minor == 0:
		v, err := ParseVersion(line)
		f.Minor = v.Minor
		return err
	case strings.HasPrefix(line, "builds "):
		return f.parseBuilds(strings.Fields(line)[1:])
	}
	it, err := f.parseItem(line)
	if err != nil {
		return err
	}
	f.items = append(f.items, it)
	return nil
}

// parseBuilds parses "linux/amd64 X:arenas go1.26.0 go1.26.1".
func (f *File) parseBuilds(words []string) error {
	if len(words) < 2 {
		return errors.New("builds: no platform and versions")
	}
	b := Build{Platform: words[0]}
	words = words[1:]
	if x, ok := strings.CutPrefix(words[0], "X:"); ok {
		b.Experiment = x
		words = words[1:]
	}
	for _, w := range words {
		p, err := f.patch(w)
		if err != nil {
			return err
		}
		b.Patch = p
		f.Builds = append(f.Builds, b)
	}
	return nil
}

// patch parses a version of the file's minor.
func (f *File) patch(s string) (int, error) {
	v, err := ParseVersion(s)
	if err != nil {
		return 0, err
	}
	if v.Minor != f.Minor || v.Pre != "" {
		return 0, fmt.Errorf("%s is not a release of go1.%d", s, f.Minor)
	}
	return v.Patch, nil
}

// selectorMark stands between an item and its selector.
const selectorMark = " @ "

func (f *File) parseItem(line string) (item, error) {
	var it item
	rest, selector, selected := strings.Cut(line, selectorMark)
	if selected {
		for s := range strings.SplitSeq(selector, "; ") {
			t, err := f.parseTerm(s)
			if err != nil {
				return it, err
			}
			it.terms = append(it.terms, t)
		}
	}
	rest, it.absent = strings.CutPrefix(rest, "absent ")
	kind, rest, _ := strings.Cut(rest, " ")
	it.key.kind = kind
	ok := slices.Contains(kinds, kind)
	switch {
	case !ok:
		return it, fmt.Errorf("unknown item %q", kind)
	case it.absent, kind == kindStrings:
		it.key.name = rest
	case kind == kindStruct:
		it.head, it.key.name, ok = strings.Cut(rest, " ")
	case kind == kindConst:
		it.key.name, it.head, ok = strings.Cut(rest, " ")
	case kind == kindType:
		it.key.name, it.head, ok = strings.Cut(rest, " = ")
	case kind == kindVar:
		var size, typ string
		size, rest, _ = strings.Cut(rest, " ")
		it.key.name, typ, ok = strings.Cut(rest, " ")
		it.head = size + " " + typ
	}
	if !ok || it.key.name == "" {
		return it, fmt.Errorf("incomplete %s", kind)
	}
	return it, nil
}

// parseTerm parses "go1.26.0-go1.26.4 linux/amd64,linux/arm64 X:arenas".
func (f *File) parseTerm(s string) (term, error) {
	words := strings.Fields(s)
	if len(words) < 2 || len(words) > 3 {
		return term{}, fmt.Errorf("selector %q is not versions, platforms and experiment", s)
	}
	var t term
	var err error
	if words[0] == "*" {
		t.all = true
	} else if t.first, t.last, err = f.parsePatches(words[0]); err != nil {
		return term{}, err
	}
	if words[1] != "*" {
		t.platforms = strings.Split(words[1], ",")
	}
	if len(words) == 3 {
		x, ok := strings.CutPrefix(words[2], "X:")
		if !ok || x == "" {
			return term{}, fmt.Errorf("selector %q: %q is not an experiment", s, words[2])
		}
		t.experiment = x
	}
	return t, nil
}

// parsePatches parses "go1.26.0-go1.26.4" or "go1.26.3".
func (f *File) parsePatches(s string) (first, last int, err error) {
	a, b, ranged := strings.Cut(s, "-")
	if first, err = f.patch(a); err != nil {
		return 0, 0, err
	}
	if !ranged {
		return first, first, nil
	}
	last, err = f.patch(b)
	return first, last, err
}
