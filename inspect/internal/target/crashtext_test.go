package target

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// The files of testdata are excerpts of what programs really printed, with
// the paths of sources and toolchains shortened.

// TestParseCrashLosesNothing prints parsed texts again, as the runtime would,
// and compares them line by line with what was parsed.
func TestParseCrashLosesNothing(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no texts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			checkReprint(t, readText(t, file), minorOfFile(t, file))
		})
	}
	forVersions(t, func(t *testing.T, version string) {
		c := Take(t, Spec{Program: "waits", Go: version}, Options{}, Kernel)
		checkReprint(t, c.Text, minor(c.Vars.String(t, "go")))
	})
}

func readText(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func minorOfFile(t *testing.T, file string) int {
	t.Helper()
	_, version, ok := strings.Cut(strings.TrimSuffix(file, ".txt"), "-")
	if !ok || minor(version) == 0 {
		t.Fatalf("%s names no Go version", file)
	}
	return minor(version)
}

var (
	registerLine = regexp.MustCompile(`(?m)^(r[a-z0-9]+|cs|fs|gs) +0x[0-9a-f]+\n`)
	sigcode      = regexp.MustCompile(`(?m)^(PC=\S+ m=\d+) .*$`)
	blankLines   = regexp.MustCompile(`\n{2,}`)
)

func checkReprint(t *testing.T, text string, minor int) {
	t.Helper()
	parsed, err := ParseCrash(text)
	if err != nil {
		t.Fatal(err)
	}
	registers := 0
	for _, s := range parsed.Sections {
		registers += len(s.Regs)
	}
	if want := len(registerLine.FindAllString(text, -1)); registers != want {
		t.Errorf("%d registers, want %d", registers, want)
	}
	text = registerLine.ReplaceAllString(text, "")
	text = sigcode.ReplaceAllString(text, "$1")
	text = strings.TrimSpace(blankLines.ReplaceAllString(text, "\n"))
	want := strings.Split(text, "\n")
	p := printer{minor: minor}
	p.text(parsed)
	for i := range max(len(want), len(p.lines)) {
		if i >= len(want) || i >= len(p.lines) || p.lines[i] != want[i] {
			t.Fatalf("line %d (blank lines and registers apart) of %d, %d:\ngot  %s\nwant %s",
				i, len(p.lines), len(want), at(p.lines, i), at(want, i))
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "nothing"
}

// printer prints crash texts in the forms of one Go version.
type printer struct {
	minor int
	lines []string
}

func (p *printer) addf(format string, args ...any) {
	p.lines = append(p.lines, fmt.Sprintf(format, args...))
}

func (p *printer) text(t *CrashText) {
	p.lines = append(p.lines, t.Preamble...)
	for i, s := range t.Sections {
		if i > 0 {
			p.addf("-----")
		}
		if s.Signal != "" {
			p.addf("%s", s.Signal)
			p.addf("PC=%#x m=%d", s.PC, s.M)
		}
		if s.InCgo {
			p.addf("signal arrived during cgo execution")
		}
		for _, g := range s.Goroutines {
			p.goroutine(g)
		}
		p.lines = append(p.lines, s.Notes...)
	}
}

func (p *printer) goroutine(g *Goroutine) {
	if g.Status == "runtime stack" {
		p.addf("runtime stack:")
	} else {
		p.addf("%s", p.header(g))
	}
	if g.Unavailable {
		p.addf("\tgoroutine running on other thread; stack unavailable")
	}
	for i, f := range g.Frames {
		if g.ElidedCount != 0 && g.ElidedAt == i {
			p.elided(g.ElidedCount)
		}
		p.frame(f)
	}
	if g.ElidedCount != 0 && g.ElidedAt == len(g.Frames) {
		p.elided(g.ElidedCount)
	}
	p.creator(g.CreatedBy)
	for _, a := range g.Ancestors {
		p.addf("[originating from goroutine %d]:", a.ID)
		for _, f := range a.Frames {
			p.frame(f)
		}
		p.creator(a.CreatedBy)
	}
	p.lines = append(p.lines, g.Notes...)
}

func (p *printer) header(g *Goroutine) string {
	s := fmt.Sprintf("goroutine %d", g.ID)
	switch {
	case g.Addr != 0 && g.M >= 0:
		s += fmt.Sprintf(" gp=%#x m=%d mp=%#x", g.Addr, g.M, g.MP)
	case g.Addr != 0:
		s += fmt.Sprintf(" gp=%#x m=nil", g.Addr)
	}
	s += " [" + g.Status
	if g.Leaked {
		s += " (leaked)"
	}
	if g.Scan {
		s += " (scan)"
	}
	if g.Durable && !strings.HasSuffix(g.Status, "(durable)") {
		s += " (durable)"
	}
	if g.Minutes > 0 {
		s += fmt.Sprintf(", %d minutes", g.Minutes)
	}
	if g.Locked {
		s += ", locked to thread"
	}
	if g.Bubble != 0 {
		s += fmt.Sprintf(", synctest bubble %d", g.Bubble)
	}
	var labels []string
	plain := regexp.MustCompile(`^[a-zA-Z0-9./_]*$`)
	for _, l := range g.Labels {
		key, value := fmt.Sprintf("%q", l.Key), fmt.Sprintf("%q", l.Value)
		if p.minor >= 27 && plain.MatchString(l.Key) {
			key = l.Key
		}
		if p.minor >= 27 && plain.MatchString(l.Value) {
			value = l.Value
		}
		labels = append(labels, key+": "+value)
	}
	list := strings.Join(labels, ", ")
	switch {
	case labels == nil:
		return s + "]:"
	case p.minor >= 27:
		return s + "] {" + list + "}:"
	}
	return s + " labels:{" + list + "}]:"
}

func (p *printer) elided(n int) {
	if n < 0 {
		p.addf("...additional frames elided...")
	} else {
		p.addf("...%d frames elided...", n)
	}
}

func (p *printer) frame(f Frame) {
	if f.C && f.Func == "" {
		p.addf("non-Go function at pc=%x", f.PC)
		return
	}
	p.addf("%s(%s)", f.Func, f.Args)
	s := fmt.Sprintf("\t%s:%d", f.File, f.Line)
	if f.Off != 0 {
		s += fmt.Sprintf(" +%#x", f.Off)
	}
	if f.PC != 0 {
		s += fmt.Sprintf(" fp=%#x sp=%#x pc=%#x", f.FP, f.SP, f.PC)
	}
	p.addf("%s", s)
}

func (p *printer) creator(c *Creator) {
	if c == nil {
		return
	}
	s := "created by " + c.Func
	if c.Goroutine != 0 {
		s += fmt.Sprintf(" in goroutine %d", c.Goroutine)
	}
	p.addf("%s", s)
	p.addf("\t%s:%d +%#x", c.File, c.Line, c.Off)
}

// TestParseCrashUnderstandsForms checks single facts that reprinting does not
// prove to be in the right field.
func TestParseCrashUnderstandsForms(t *testing.T) {
	parse := func(name string) *CrashText {
		text, err := ParseCrash(readText(t, "testdata/"+name+".txt"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return text
	}
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"preamble of a panic", parse("nilptr-go1.27.3").Preamble, []string{
			"panic: runtime error: invalid memory address or nil pointer dereference",
			"[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x47f7c7]"}},
		{"preamble of a throw", parse("throw-go1.18.10").Preamble, []string{
			"before", "fatal error: sync: unlock of unlocked mutex"}},
		{"signal of a panic", parse("nilptr-go1.27.3").Sections[0].Signal, ""},
		{"runtime stack", parse("deadlock-go1.18.10").Sections[0].Goroutines[0].Status, "runtime stack"},
		{"ancestors", parse("ancestors-go1.27.3").Goroutine(6).Ancestors[0].CreatedBy.Func, "main.main"},
		{"cgo", parse("cgo-go1.26.8").Sections[0].InCgo, true},
		{"cgo PC", parse("cgo-go1.26.8").Sections[0].PC, uint64(0x7f6ed4fc8df2)},
		{"stack printed by its own thread", parse("runq-go1.27.3").Goroutine(1).Frames[0].Func, "main.main"},
		{"unavailable", parse("runq-go1.27.3").Sections[0].Goroutines[1].Unavailable, true},
		{"M of a section", parse("runq-go1.27.3").Sections[1].M, int64(3)},
		{"register", parse("runq-go1.27.3").Sections[1].Regs["rip"], uint64(0x4ab087)},
		{"no m", parse("waits-go1.18.10").Goroutines()[0].M, int64(-1)},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: %#v, want %#v", c.what, c.got, c.want)
		}
	}
}

// TestParseCrashAllowsThreadThatNeverPrinted is about a relay of SIGQUIT that
// a thread did not answer: the separator is then the last that is printed.
func TestParseCrashAllowsThreadThatNeverPrinted(t *testing.T) {
	text := readText(t, "testdata/runq-go1.27.3.txt")
	for _, end := range []string{"\n-----\n\n", "\n-----\n\nSIGQUIT: quit\nPC=0x1 m=2 sigcode=0\n"} {
		parsed, err := ParseCrash(text + end)
		if err != nil {
			t.Errorf("%q: %v", end, err)
		} else if n := len(parsed.Sections); n != 3 || len(parsed.Sections[2].Goroutines) != 0 {
			t.Errorf("%q: %d sections, want an empty third", end, n)
		}
	}
}

func TestParseHeaderForms(t *testing.T) {
	for _, c := range []struct {
		line string
		want Goroutine
	}{
		{"goroutine 1 [select (no cases)]:", Goroutine{ID: 1, M: -1, Status: "select (no cases)"}},
		{"goroutine 7 [chan receive, 3 minutes, locked to thread]:",
			Goroutine{ID: 7, M: -1, Status: "chan receive", Minutes: 3, Locked: true}},
		{"goroutine 7 gp=0xc000 m=3 mp=0xc100 [running (scan), synctest bubble 9]:",
			Goroutine{ID: 7, Addr: 0xc000, M: 3, MP: 0xc100, Status: "running", Scan: true, Bubble: 9}},
		{"goroutine 7 gp=0xc000 m=nil [chan receive (synctest), synctest group 5]:",
			Goroutine{ID: 7, Addr: 0xc000, M: -1, Status: "chan receive (synctest)", Bubble: 5}},
		{"goroutine 7 [chan send (leaked) (scan)]:",
			Goroutine{ID: 7, M: -1, Status: "chan send", Leaked: true, Scan: true}},
		{"goroutine 7 [select (durable) (scan)]:",
			Goroutine{ID: 7, M: -1, Status: "select (durable)", Durable: true, Scan: true}},
		{"goroutine 7 [sleep (durable), 1 minutes]:",
			Goroutine{ID: 7, M: -1, Status: "sleep", Durable: true, Minutes: 1}},
		{"goroutine 7 [select (no cases) (durable)]:",
			Goroutine{ID: 7, M: -1, Status: "select (no cases)", Durable: true}},
		{`goroutine 7 [select labels:{"a]:": "}]:", "b\n": "c, d: e"}]:`,
			Goroutine{ID: 7, M: -1, Status: "select", Labels: []Label{{"a]:", "}]:"}, {"b\n", "c, d: e"}}}},
		{`goroutine 7 [select, 5 minutes] {a: b, "c d": "\"}:", e.f/g_1: }:`,
			Goroutine{ID: 7, M: -1, Status: "select", Minutes: 5, Labels: []Label{{"a", "b"}, {"c d", `"}:`}, {"e.f/g_1", ""}}}},
	} {
		g, err := parseHeader(c.line)
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		if !reflect.DeepEqual(*g, c.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.line, *g, c.want)
		}
	}
}

func TestParseCrashRejects(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":            "",
		"no goroutine":       "panic: x\n",
		"bad id":             "goroutine 1x [running]:\n",
		"unknown remark":     "goroutine 1 [running, flying]:\n",
		"no line number":     "goroutine 1 [running]:\nmain.main()\n\t/src/main.go\n",
		"bad offset":         "goroutine 1 [running]:\nmain.main()\n\t/src/main.go:1 +0xzz\n",
		"cut after creator":  "goroutine 1 [running]:\ncreated by main.main",
		"labels without end": "goroutine 1 [running] {a: b:\n",
		"bad elision":        "goroutine 1 [running]:\n...x frames elided...\n",
	} {
		if got, err := ParseCrash(text); err == nil {
			t.Errorf("%s: parsed as %+v", name, got)
		}
	}
}

func FuzzParseCrash(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Fuzz(func(t *testing.T, text string) {
		// It must return, whatever it is given.
		if parsed, err := ParseCrash(text); err == nil {
			parsed.Goroutines()
		}
	})
}
