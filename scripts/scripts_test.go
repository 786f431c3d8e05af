package scripts_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
	"rtdbg/inspect/repl/repltest"
	"rtdbg/inspect/star"
	"rtdbg/scripts"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden is a case of a script; {jobs} and {closer} in args stand for what the
// target says.
type golden struct {
	name, script string
	args, flags  []string
	// split cuts the text into the pieces that are kept or dropped.
	split func(string) []string
	// ids finds the goroutine ids in a table.
	ids *regexp.Regexp
	// formats are those that the script has beside text and JSON.
	formats []string
	// all keeps the pieces that do not speak of the program's own
	// goroutines, and masks what differs between runs in them.
	all bool
	// shape keeps of JSON only which keys there are, and of text the lines
	// that are there whatever the instant of the capture.
	shape bool
}

// The goroutine ids of tables, by their column.
var (
	lastColumn  = regexp.MustCompile(`(?m)[0-9]+( [0-9]+)*$`)
	firstColumn = regexp.MustCompile(`(?m)^ *[0-9]+`)
	thirdColumn = regexp.MustCompile(`(?m)^ *[0-9]+ +[a-z]+ +[0-9]+`)
)

func cases() []golden {
	return []golden{
		{name: "goroutines", script: "goroutines", split: paragraphs},
		{name: "goroutines-brief", script: "goroutines", flags: []string{"--brief"}, split: lines, ids: firstColumn},
		{name: "waiters-chan", script: "waiters", args: []string{"{jobs}"}, split: whole, ids: thirdColumn},
		{name: "waiters-waitgroup", script: "waiters", args: []string{"x={wg}"}, split: whole, ids: thirdColumn},
		{name: "wakers", script: "wakers", split: heads},
		{name: "wakers-one", script: "wakers", args: []string{"{closer}"}, split: whole},
		{name: "runq", script: "runq", split: lines, all: true, shape: true},
		{name: "sched", script: "sched", split: lines, all: true, shape: true},
		{name: "gc", script: "gc", split: lines, all: true, shape: true},
		{name: "buckets", script: "buckets", split: paragraphs},
		{name: "buckets-top", script: "buckets", args: []string{"by=top"}, split: paragraphs},
		{name: "buckets-state", script: "buckets", args: []string{"state", "min=3"}, split: paragraphs},
		{name: "why", script: "why", split: paragraphs},
		{name: "deadlocks", script: "deadlocks", split: whole, all: true},
		{name: "leaks", script: "leaks", split: lines, ids: lastColumn},
		{name: "graph", script: "graph", split: paragraphs, formats: []string{"dot", "mermaid"}},
		{name: "dump", script: "dump", args: []string{"all"}, split: paragraphs},
		{name: "dump-system", script: "dump", args: []string{"system"}, split: paragraphs},
	}
}

func whole(s string) []string      { return []string{s} }
func lines(s string) []string      { return strings.SplitAfter(s, "\n") }
func paragraphs(s string) []string { return strings.Split(strings.TrimSuffix(s, "\n"), "\n\n") }

// heads cuts before each line that is not indented.
func heads(s string) []string {
	var parts []string
	for _, l := range lines(s) {
		if strings.HasPrefix(l, " ") && len(parts) > 0 {
			parts[len(parts)-1] += l
		} else if l != "" {
			parts = append(parts, l)
		}
	}
	return parts
}

// TestGolden compares each script's answers with those that a person has
// read. What differs from run to run is masked: go test ./scripts -update.
func TestGolden(t *testing.T) {
	c := repltest.Pool(t)
	p, err := inspect.OpenCore(t.Context(), c.Exe, c.Core, inspect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	in := star.New(p, star.Options{})
	roles := map[string]string{}
	for _, id := range c.Vars.Ints(t, "worker.goids") {
		roles[fmt.Sprint(id)] = "WORKER"
	}
	roles[c.Vars.String(t, "collector.goid")] = "COLLECTOR"
	roles[c.Vars.String(t, "closer.goid")] = "CLOSER"
	fill := strings.NewReplacer("{jobs}", c.Vars.String(t, "jobs.addr"), "{wg}", c.Vars.String(t, "wg.addr"), "{closer}", c.Vars.String(t, "closer.goid"))
	covered := map[string]bool{}
	for _, l := range listings() {
		covered[l.script] = true
	}
	for _, d := range diagnoses() {
		covered[d.script] = true
	}
	for _, g := range cases() {
		covered[g.script] = true
		for _, format := range append([]string{"text", "json"}, g.formats...) {
			if g.script == "dump" && format == "json" {
				continue
			}
			t.Run(g.name+"."+format, func(t *testing.T) {
				for i := range g.args {
					g.args[i] = fill.Replace(g.args[i])
				}
				g.compare(t, in, format, roles)
			})
		}
	}
	for _, name := range scripts.Names() {
		if !covered[name] {
			t.Errorf("%s has no golden case", name)
		}
	}
}

func (g golden) compare(t *testing.T, in *star.Interp, format string, roles map[string]string) {
	g.check(t, g.normal(t, g.run(t, in, format), format, roles), format)
}

// check compares got with the golden file of the case and format.
func (g golden) check(t *testing.T, got, format string) {
	t.Helper()
	path := filepath.Join("testdata", g.name+"."+format)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant (%s)\n%s", got, path, want)
	}
}

func (g golden) run(t *testing.T, in *star.Interp, format string) string {
	s, err := star.Find(g.script)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.ParseArgs(g.args, g.flags)
	if err != nil {
		t.Fatal(err)
	}
	v, err := in.Run(t.Context(), s, a)
	if err != nil {
		t.Fatal(err)
	}
	f, err := render.Lookup(format)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	err = f.Write(&b, in.Report(t.Context(), g.name, v), render.Options{})
	var none *render.UnsupportedError
	if errors.As(err, &none) && format != "text" && format != "json" {
		t.Skipf("%v", err) // pictures are for few answers
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// normal keeps the pieces that speak of the pool, masks what differs between
// runs and machines, and puts the pieces in order.
func (g golden) normal(t *testing.T, text, format string, roles map[string]string) string {
	split := g.split
	switch {
	case format == "json" && g.name == "why":
		split = func(s string) []string { return groups(t, s) }
	case format == "json":
		split = lines
	}
	var parts []string
	for _, part := range split(text) {
		part = strings.TrimRight(g.mask(part, format, roles), "\n")
		own := strings.Contains(part, "main.(*pool)") || strings.Contains(part, "WORKER") || strings.Contains(part, "CLOSER")
		if g.shape && format == "text" && !always.MatchString(part) {
			continue
		}
		if (own || g.all) && part != "" {
			parts = append(parts, part)
		}
	}
	slices.Sort(parts)
	return strings.Join(slices.Compact(parts), "\n\n") + "\n"
}

// groups are the groups of a diagnosis.
func groups(t *testing.T, s string) []string {
	var d struct{ Groups []json.RawMessage }
	if err := json.Unmarshal([]byte(s), &d); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, g := range d.Groups {
		list = append(list, string(g))
	}
	return list
}

var (
	address  = regexp.MustCompile(`0x[0-9a-f]+\??`)
	goroot   = regexp.MustCompile(`[^ \t"]*/src/(runtime|sync|internal|os|syscall)/`)
	testdata = regexp.MustCompile(`[^ \t"]*/testdata/`)
	waited   = regexp.MustCompile(`, ([0-9.]+(h|m|s|ms|µs|ns))+\]`)
	waitedNS = regexp.MustCompile(`wait_ns":[0-9]+|("waits_known"):[0-9]+`)
	spoken   = regexp.MustCompile(`\bgoroutine [0-9]+|\bids [0-9 ]+|\([0-9 ]+\)|"goid":[0-9]+|"goids":\[[0-9,]+\]`)
	number   = regexp.MustCompile(`[0-9]+`)
	blanks   = regexp.MustCompile(`([^ \n])  +`)
	leading  = regexp.MustCompile(`(?m)^ +([0-9A-Z])`)

	anyStatus = regexp.MustCompile(`\b(idle|running|syscall|gcstop|dead)\b`)
	anyNumber = regexp.MustCompile(`\b(no|null|empty|[0-9]+)\b|-`)
	anySize   = regexp.MustCompile(`\bN [KMG]?i?B\b`)
	anyList   = regexp.MustCompile(`\[[N,]+\]|\bN( +N)+`)
	// always are the heads of the lines of sched, runq and gc that are there in
	// every capture.
	always = regexp.MustCompile(`^(P|M|N) {2}|^(GOMAXPROCS|global queue|N runnable|N collections|heap|phase|sweeping|cleanups|finalizers)\b`)
	// chance is what the instant of the capture decides in the scheduler.
	chance = regexp.MustCompile(`"(ms)":\[\{.*\}\]|"(goroutines)":\{[^}]*\}|true|false|(?m:^nobody has polled.*\n?|^… +[a-z].*$)`)
)

// passing are lines about what runs at the instant of the capture, and about
// what the collector has done so far.
var passing = regexp.MustCompile(`(?m:^(p[0-9]+( runs|:)|global: |    |sysmon sleeps|a thread that looks).*\n?)`)

// shapeOf is the keys of a JSON object, and those of the objects in its lists,
// a line each; "" for what is none.
func shapeOf(s string) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(s), &fields) != nil {
		return ""
	}
	var lines []string
	for k, v := range fields {
		lines = append(lines, k)
		var list []map[string]json.RawMessage
		if json.Unmarshal(v, &list) != nil || k != "ps" && k != "ms" {
			continue
		}
		for _, object := range list {
			for inner := range object {
				// What is left out where it does not apply is no part of the shape.
				if inner != "note" && inner != "preemptoff" && inner != "dying" && inner != "gc_worker" {
					lines = append(lines, k+"[]."+inner)
				}
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n")
}

// mask replaces what differs between runs: ids by the roles of the goroutines.
func (g golden) mask(s, format string, roles map[string]string) string {
	s = address.ReplaceAllString(s, "0xADDR")
	s = goroot.ReplaceAllString(s, "GOROOT/src/$1/")
	s = testdata.ReplaceAllString(s, "testdata/")
	s = waited.ReplaceAllString(s, "]")
	s = waitedNS.ReplaceAllStringFunc(s, func(m string) string { return m[:strings.Index(m, ":")] + ":null" })
	byRole := func(m string) string {
		// Which of two goroutines has the lower id depends on the Ps that
		// started them.
		var names []string
		for _, id := range number.FindAllString(m, -1) {
			names = append(names, cmp.Or(roles[id], id))
		}
		slices.Sort(names)
		return number.ReplaceAllStringFunc(m, func(string) string {
			name := names[0]
			names = names[1:]
			return name
		})
	}
	s = spoken.ReplaceAllStringFunc(s, byRole)
	if g.ids != nil && format == "text" {
		s = g.ids.ReplaceAllStringFunc(s, byRole)
	}
	if g.all && format == "json" && g.shape {
		return shapeOf(s)
	}
	if g.all {
		if g.shape {
			s = passing.ReplaceAllString(s, "")
		}
		s = anyNumber.ReplaceAllString(anyStatus.ReplaceAllString(s, "STATUS"), "N")
		s = anySize.ReplaceAllString(s, "SIZE")
		s = anyList.ReplaceAllStringFunc(s, func(m string) string {
			if m[0] == '[' {
				return "[]"
			}
			return "…"
		})
		s = chance.ReplaceAllString(s, "CHANCE")
		s = strings.Replace(s, "goroutines on", "goroutine on", 1)
	}
	if g.ids != nil || g.all {
		s = leading.ReplaceAllString(s, "$1")
	}
	return blanks.ReplaceAllString(s, "$1  ")
}

// TestNamesAreTheFiles guards the embedding.
func TestNamesAreTheFiles(t *testing.T) {
	files, err := filepath.Glob("*.star")
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%s.star", strings.Join(scripts.Names(), ".star ")); got != strings.Join(files, " ") {
		t.Errorf("Names: %s, files: %v", got, files)
	}
}
