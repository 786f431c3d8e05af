package render

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"
)

// red makes every cell "bad" and every "wrong" in a line red.
func red() *Palette {
	return &Palette{
		Line: func(line string) []Span {
			if i := strings.Index(line, "wrong"); i >= 0 {
				return []Span{{i, i + len("wrong"), Bad}}
			}
			return nil
		},
		Cell: func(column, cell string) Tone {
			if column == "STATUS" && cell == "bad" {
				return Bad
			}
			return Plain
		},
	}
}

// TestColoursTakeNoRoom compares each table with itself in colours.
func TestColoursTakeNoRoom(t *testing.T) {
	escape := regexp.MustCompile("\x1b\\[[0-9]+m")
	for _, tt := range tableCases() {
		for _, width := range []int{0, 1, 7, 20} {
			plain := text(t, Report{Sections: []Section{tt.table}}, Options{Width: width})
			p := red()
			p.Cell = func(string, string) Tone { return Good }
			coloured := text(t, Report{Sections: []Section{tt.table}}, Options{Width: width, Palette: p})
			if got := escape.ReplaceAllString(coloured, ""); got != plain {
				t.Errorf("%s, %d wide: got\n%s\nwant\n%s", tt.name, width, got, plain)
			}
			if strings.Count(coloured, resetTone) != strings.Count(coloured, "\x1b[")/2 {
				t.Errorf("%s, %d wide: a tone does not end: %q", tt.name, width, coloured)
			}
		}
	}
}

func TestPaletteColoursWhatItNames(t *testing.T) {
	table := Table{Title: "a wrong title", Columns: Columns(">N", "STATUS", "AT"), Rows: Of(
		[]string{"1", "bad", "bad"}, []string{"20", "good\x1b[31m", "main"})}
	r := Report{Sections: []Section{table, Text("all \x1b[1mis wrong", "all is well")}}
	want := "a \x1b[31mwrong\x1b[0m title\n" +
		"\x1b[1m N  STATUS        AT\x1b[0m\n" +
		" 1  \x1b[31mbad\x1b[0m           bad\n" +
		"20  good\\x1b[31m  main\n" +
		"all \\x1b[1mis \x1b[31mwrong\x1b[0m\nall is well\n"
	if got := text(t, r, Options{Terminal: true, Palette: red()}); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestForeignTextKeepsItsColoursOnly(t *testing.T) {
	const in = "\x1b[1mmain.\x1b[0mf\tx\x07\x1b[2Jé\nnext\r\n\x1b[34mlast"
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"a terminal with colours", Options{Terminal: true, Palette: red()}, "\x1b[1mmain.\x1b[0mf\tx\\x07\\x1b[2Jé\nnext\\x0d\n\x1b[34mlast"},
		{"a terminal without", Options{Terminal: true}, "main.f\tx\\x07\\x1b[2Jé\nnext\\x0d\nlast"},
		{"a file", Options{}, "main.f\tx\x07\x1b[2Jé\nnext\r\nlast"},
	} {
		var b bytes.Buffer
		w := Foreign(&b, tt.o)
		for i := range len(in) { // wherever it is cut
			if _, err := io.WriteString(w, in[i:i+1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil || b.String() != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.name, b.String(), err, tt.want)
		}
	}
}
