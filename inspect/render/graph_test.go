package render

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// hostile is a graph with whatever may stand in the name of a function.
func hostile() *Graph {
	return &Graph{
		Nodes: []Node{
			{ID: "g1", Label: []string{`3 goroutines [chan send]`, `main.f["a"<b>#1|\n` + "\x1b[31m"}, Strong: true},
			{ID: "o1", Label: []string{"chan `x` & y"}, Round: true},
			{ID: "others", Label: []string{strings.Repeat("wide ", 50)}},
		},
		Edges: []Edge{{From: "g1", To: "o1", Label: `"send"`, Strong: true}, {From: "o1", To: "others", Label: "recv, possible", Weak: true}},
	}
}

func write(t *testing.T, format string, r Report) string {
	t.Helper()
	f, err := Lookup(format)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := f.Write(&b, r, Options{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDot(t *testing.T) {
	got := write(t, "dot", Report{Graph: hostile()})
	for _, want := range []string{
		`  g1 [label="3 goroutines [chan send]\nmain.f[\"a\"<b>#1|\\n\\x1b[31m", color="#c0392b", penwidth=2];`,
		`  o1 [label="chan ` + "`x`" + ` & y", shape=ellipse];`,
		`  g1 -> o1 [label="\"send\"", color="#c0392b", penwidth=2];`,
		`  o1 -> others [label="recv, possible", style=dashed];`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no line %s in\n%s", want, got)
		}
	}
	dot, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("no Graphviz to read it")
	}
	cmd := exec.Command(dot, "-Tsvg", "-o/dev/null")
	cmd.Stdin = strings.NewReader(got)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("dot: %v: %s", err, out)
	}
}

func TestMermaid(t *testing.T) {
	got := write(t, "mermaid", Report{Graph: hostile()})
	want := `flowchart LR
  g1["3 goroutines [chan send]<br/>main.f[#quot;a#quot;#lt;b#gt;#35;1#124;#92;n#92;x1b[31m"]
  o1(["chan #96;x#96; #amp; y"])
  others["…` + strings.Repeat("wide ", 50)[250-79:] + `"]
  g1 -->|"#quot;send#quot;"| o1
  o1 -.->|"recv, possible"| others
  classDef wrong stroke:#c0392b,stroke-width:2px
  class g1 wrong
  linkStyle 0 stroke:#c0392b,stroke-width:2px
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAnswersWithoutAGraphHaveNoDrawing(t *testing.T) {
	for _, name := range []string{"dot", "mermaid"} {
		f, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		var unsupported *UnsupportedError
		if err := f.Write(&strings.Builder{}, Report{Name: "runq", Sections: []Section{Text("x")}}, Options{}); !errors.As(err, &unsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
