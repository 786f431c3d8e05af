package render

import (
	"bufio"
	"fmt"
	"strings"
)

// Graph is an answer as nodes and edges, for the formats that draw.
type Graph struct {
	Nodes []Node
	Edges []Edge
}

// Node is a node of a Graph.
type Node struct {
	// ID is unique among the nodes: a letter and letters or digits.
	ID string
	// Label is what the node shows, line by line.
	Label []string
	// Round draws it round, for things that do nothing themselves.
	Round bool
	// Strong draws it in the colour of what is wrong.
	Strong bool
}

// Edge leads from the node with ID From to that with ID To.
type Edge struct {
	From, To string
	Label    string
	// Weak draws it dashed, for what is not certain, Strong in the colour of
	// what is wrong.
	Weak, Strong bool
}

// labelWidth is the most characters of a line of a label.
const labelWidth = 80

// labelLine returns a line of a label without control characters and not too
// long.
func labelLine(s string) string {
	s = Clean(s)
	if r := []rune(s); len(r) > labelWidth {
		return "…" + string(r[len(r)-labelWidth+1:])
	}
	return s
}

// dotFormat is for Graphviz.
func dotFormat() Format {
	return Format{Name: "dot", Doc: "a graph for Graphviz", write: writeDot}
}

// alarm is the colour of what is wrong.
const alarm = "#c0392b"

func writeDot(w *bufio.Writer, r Report, _ Options) error {
	if r.Graph == nil {
		return &UnsupportedError{Report: r.Name, Format: "dot"}
	}
	w.WriteString("digraph rtdbg {\n  rankdir=LR;\n  node [fontname=\"Helvetica\", fontsize=10, shape=box];\n  edge [fontname=\"Helvetica\", fontsize=9];\n")
	for _, n := range r.Graph.Nodes {
		var label []string
		for _, l := range n.Label {
			label = append(label, dotEscape(labelLine(l)))
		}
		attrs := []string{`label="` + strings.Join(label, `\n`) + `"`}
		if n.Round {
			attrs = append(attrs, "shape=ellipse")
		}
		if n.Strong {
			attrs = append(attrs, `color="`+alarm+`"`, "penwidth=2")
		}
		fmt.Fprintf(w, "  %s [%s];\n", n.ID, strings.Join(attrs, ", "))
	}
	for _, e := range r.Graph.Edges {
		attrs := []string{`label="` + dotEscape(labelLine(e.Label)) + `"`}
		if e.Weak {
			attrs = append(attrs, "style=dashed")
		}
		if e.Strong {
			attrs = append(attrs, `color="`+alarm+`"`, "penwidth=2")
		}
		fmt.Fprintf(w, "  %s -> %s [%s];\n", e.From, e.To, strings.Join(attrs, ", "))
	}
	w.WriteString("}\n")
	return nil
}

// dotEscape escapes what ends a quoted string of DOT or begins an escape in it.
func dotEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
}

// mermaidFormat is for Markdown that is shown by GitHub and others.
func mermaidFormat() Format {
	return Format{Name: "mermaid", Doc: "a graph for Mermaid, as in Markdown", write: writeMermaid}
}

func writeMermaid(w *bufio.Writer, r Report, _ Options) error {
	if r.Graph == nil {
		return &UnsupportedError{Report: r.Name, Format: "mermaid"}
	}
	w.WriteString("flowchart LR\n")
	var strong []string
	for _, n := range r.Graph.Nodes {
		var label []string
		for _, l := range n.Label {
			label = append(label, mermaidEscape(labelLine(l)))
		}
		open, end := "[", "]"
		if n.Round {
			open, end = "([", "])"
		}
		fmt.Fprintf(w, "  %s%s\"%s\"%s\n", n.ID, open, strings.Join(label, "<br/>"), end)
		if n.Strong {
			strong = append(strong, n.ID)
		}
	}
	var links []string
	for i, e := range r.Graph.Edges {
		arrow := "-->"
		if e.Weak {
			arrow = "-.->"
		}
		fmt.Fprintf(w, "  %s %s|\"%s\"| %s\n", e.From, arrow, mermaidEscape(labelLine(e.Label)), e.To)
		if e.Strong {
			links = append(links, fmt.Sprint(i))
		}
	}
	if len(strong) > 0 {
		fmt.Fprintf(w, "  classDef wrong stroke:%s,stroke-width:2px\n  class %s wrong\n", alarm, strings.Join(strong, ","))
	}
	if len(links) > 0 {
		fmt.Fprintf(w, "  linkStyle %s stroke:%s,stroke-width:2px\n", strings.Join(links, ","), alarm)
	}
	return nil
}

// mermaidEscape replaces what Mermaid would take as the end of a label, as
// markup or as an entity of its own.
func mermaidEscape(s string) string {
	return strings.NewReplacer(`"`, "#quot;", "#", "#35;", "<", "#lt;", ">", "#gt;", "`", "#96;", "&", "#amp;", `\`, "#92;", "|", "#124;").Replace(s)
}
