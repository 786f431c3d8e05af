package tablefile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rtdbg/inspect/layout"
)

// New makes the file of one minor from the tables of its builds. A build with
// an experiment needs the same build without it.
func New(minor int, tables map[Build]*layout.Table) (*File, error) {
	f := &File{Minor: minor}
	m := merger{f: f, heads: map[key][]*variant{}}
	for b := range tables {
		f.Builds = append(f.Builds, b)
	}
	slices.SortFunc(f.Builds, compareBuilds)
	for _, b := range f.Builds {
		items, err := encode(tables[b])
		if err != nil {
			return nil, err
		}
		if b.Experiment == "" {
			m.base = append(m.base, b)
			m.addBase(b, items)
		} else if err := m.addExperiment(b, items); err != nil {
			return nil, err
		}
	}
	if len(m.base) == 0 {
		return nil, errors.New("no build without experiments")
	}
	m.finish()
	return f, nil
}

// variant is one of the descriptions of a key, and its builds.
type variant struct {
	item   item
	builds []Build
}

func (v *variant) same(it item) bool {
	return v.item.absent == it.absent && v.item.head == it.head && slices.Equal(v.item.body, it.body)
}

// merger groups equal items of different builds.
type merger struct {
	f *File
	// base are the builds without experiments.
	base  []Build
	heads map[key][]*variant
}

// addBase adds the items of a build without experiments.
func (m *merger) addBase(b Build, items []item) {
	for _, it := range items {
		m.add(b, it)
	}
}

// add puts an item of b into the variant that is equal and has the same
// experiment.
func (m *merger) add(b Build, it item) {
	for _, v := range m.heads[it.key] {
		if v.builds[0].Experiment == b.Experiment && v.same(it) {
			v.builds = append(v.builds, b)
			return
		}
	}
	m.heads[it.key] = append(m.heads[it.key], &variant{it, []Build{b}})
}

// addExperiment adds the items of a build with an experiment that differ
// from those without it. The builds without experiments are there already.
func (m *merger) addExperiment(b Build, items []item) error {
	plain := b
	plain.Experiment = ""
	if !slices.Contains(m.base, plain) {
		return fmt.Errorf("go1.%d.%d %s X:%s: the build without the experiment is missing", m.f.Minor, b.Patch, b.Platform, b.Experiment)
	}
	var has = map[key]bool{}
	for _, it := range items {
		has[it.key] = true
		if v := m.variantOf(it.key, plain); v == nil || !v.same(it) {
			m.add(b, it)
		}
	}
	for k := range m.heads {
		if !has[k] && m.variantOf(k, plain) != nil {
			m.add(b, item{key: k, absent: true})
		}
	}
	return nil
}

func (m *merger) variantOf(k key, b Build) *variant {
	for _, v := range m.heads[k] {
		if slices.Contains(v.builds, b) {
			return v
		}
	}
	return nil
}

// finish makes the file's items: sorted, with selectors.
func (m *merger) finish() {
	for _, variants := range m.heads {
		for _, v := range variants {
			if len(v.builds) != len(m.base) || v.builds[0].Experiment != "" {
				v.item.terms = m.f.terms(v.builds)
			}
			m.f.items = append(m.f.items, v.item)
		}
	}
	slices.SortStableFunc(m.f.items, func(a, b item) int {
		if c := compareKeys(a.key, b.key); c != 0 {
			return c
		}
		return strings.Compare(m.f.selector(a.terms), m.f.selector(b.terms))
	})
}

// terms describes builds of one experiment, as few ranges of patches as the
// measured patches allow.
func (f *File) terms(builds []Build) []term {
	x := builds[0].Experiment
	var terms []term
	for _, platform := range f.Platforms() {
		for _, t := range f.runs(builds, platform, x) {
			i := slices.IndexFunc(terms, func(u term) bool { return u.all == t.all && u.first == t.first && u.last == t.last })
			if i < 0 {
				t.platforms = []string{platform}
				terms = append(terms, t)
			} else {
				terms[i].platforms = append(terms[i].platforms, platform)
			}
		}
	}
	for i := range terms {
		if len(terms[i].platforms) == len(f.Platforms()) {
			terms[i].platforms = nil
		}
	}
	return terms
}

// runs returns the runs of consecutive measured patches that builds has of a
// platform.
func (f *File) runs(builds []Build, platform, experiment string) []term {
	measured := f.Patches(platform, experiment)
	var runs []term
	for i, p := range measured {
		if !slices.Contains(builds, Build{p, platform, experiment}) {
			continue
		}
		if n := len(runs); n > 0 && i > 0 && runs[n-1].last == measured[i-1] {
			runs[n-1].last = p
		} else {
			runs = append(runs, term{first: p, last: p, experiment: experiment})
		}
	}
	if n := len(measured); len(runs) == 1 && runs[0].first == measured[0] && runs[0].last == measured[n-1] {
		return []term{{all: true, experiment: experiment}}
	}
	return runs
}

// header opens every file.
const header = `# Layouts of the runtime's structures, read from the DWARF of real builds.
# Made by: go run ./runtimeversions/gen. The form is described in
# runtimeversions/internal/tablefile.
`

// Format writes the text form, which Parse reads. Equal files have equal text.
func (f *File) Format() string {
	var b strings.Builder
	b.WriteString(header)
	fmt.Fprintf(&b, "go1.%d\n", f.Minor)
	var last Build
	for _, build := range f.Builds {
		if build.Platform != last.Platform || build.Experiment != last.Experiment {
			if last.Platform != "" {
				b.WriteByte('\n')
			}
			b.WriteString("builds " + build.Platform)
			if build.Experiment != "" {
				b.WriteString(" X:" + build.Experiment)
			}
		}
		b.WriteString(" " + f.Version(build.Patch).String())
		last = build
	}
	b.WriteByte('\n')
	for i := range f.items {
		f.formatItem(&b, &f.items[i])
	}
	return b.String()
}

func (f *File) formatItem(b *strings.Builder, it *item) {
	if it.absent {
		b.WriteString("absent ")
	}
	b.WriteString(it.key.kind + " ")
	switch {
	case it.absent, it.key.kind == kindStrings:
		b.WriteString(it.key.name)
	case it.key.kind == kindStruct:
		b.WriteString(it.head + " " + it.key.name)
	case it.key.kind == kindConst:
		b.WriteString(it.key.name + " " + it.head)
	case it.key.kind == kindType:
		b.WriteString(it.key.name + " = " + it.head)
	case it.key.kind == kindVar:
		size, typ, _ := strings.Cut(it.head, " ")
		b.WriteString(size + " " + it.key.name + " " + typ)
	}
	if it.terms != nil {
		b.WriteString(selectorMark + f.selector(it.terms))
	}
	b.WriteByte('\n')
	for _, line := range it.body {
		b.WriteString("\t" + line + "\n")
	}
}

func (f *File) selector(terms []term) string {
	s := make([]string, len(terms))
	for i, t := range terms {
		s[i] = f.formatTerm(t)
	}
	return strings.Join(s, "; ")
}

func (f *File) formatTerm(t term) string {
	s := "*"
	if !t.all {
		s = f.Version(t.first).String()
		if t.last != t.first {
			s += "-" + f.Version(t.last).String()
		}
	}
	if t.platforms == nil {
		s += " *"
	} else {
		s += " " + strings.Join(t.platforms, ",")
	}
	if t.experiment != "" {
		s += " X:" + t.experiment
	}
	return s
}
