package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func text(t *testing.T, r Report, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := textFormat().Write(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// tableCase is a table and its text.
type tableCase struct {
	name  string
	table Table
	width int
	want  string
}

func TestTableAlignsColumns(t *testing.T) {
	for _, tt := range tableCases() {
		t.Run(tt.name, func(t *testing.T) {
			got := text(t, Report{Sections: []Section{tt.table}}, Options{Width: tt.width})
			if got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func tableCases() []tableCase {
	long := strings.Repeat("x", maxColumn+5)
	return []tableCase{
		{
			name: "numbers right, words left, no trailing spaces",
			table: Table{Columns: Columns(">GOID", "STATUS", "AT"), Rows: Of(
				[]string{"1", "waiting", "main.main"},
				[]string{"12345", "idle", ""})},
			want: " GOID  STATUS   AT\n    1  waiting  main.main\n12345  idle\n",
		},
		{
			name: "an unreadable cell keeps its row",
			table: Table{Columns: Columns("A", "B"), Rows: Of(
				[]string{Unreadable(errors.New("gone")), "b"}, []string{"a", "b"})},
			want: "A                   B\n<unreadable: gone>  b\na                   b\n",
		},
		{
			name: "a long cell moves only its own row",
			table: Table{Columns: Columns("A", "B"), Rows: Of(
				[]string{long, "b"}, []string{"a", "b"})},
			want: "A  B\n" + long + "  b\na  b\n",
		},
		{
			name: "a long cell borrows the space of what follows",
			table: Table{Columns: Columns("A", "B", "C"), Rows: Of(
				[]string{long, "b", "c"},
				[]string{"a", strings.Repeat("y", maxColumn), "c"}), Headless: true},
			want: borrowed(long),
		},
		{
			name: "missing and surplus cells",
			table: Table{Columns: Columns("A", "B"), Rows: Of(
				[]string{"a"}, []string{"a", "b", "c"})},
			want: "A  B\na\na  b\n",
		},
		{
			name:  "a terminal's width cuts",
			table: Table{Columns: Columns("A", "B"), Rows: Of([]string{"abc", "defghi"})},
			width: 8,
			want:  "A    B\nabc  de…\n",
		},
		{
			name:  "a title, nothing else",
			table: Table{Title: "none", Headless: true},
			want:  "none\n",
		},
	}
}

// borrowed is the table of the case of that name: column B is maxColumn wide,
// so that the cell after the long one ends where column B ends.
func borrowed(long string) string {
	b := strings.Repeat("y", maxColumn)
	end := 1 + len(gap) + maxColumn
	first := long + gap + "b"
	return first + strings.Repeat(" ", max(0, end-len(first))) + gap + "c\n" +
		"a" + gap + b + gap + "c\n"
}

func TestTextNeverControlsATerminal(t *testing.T) {
	evil := "a\x1b[2Jb\rc\x00\u202ed\xff\u0085é\ufffd"
	want := "a\\x1b[2Jb\\x0dc\\x00\\u202ed\\xff\\u0085é\ufffd"
	if got := Clean(evil); got != want {
		t.Errorf("Clean: got %q, want %q", got, want)
	}
	stream := Stream(func(w io.Writer) error { _, err := io.WriteString(w, "x\x1by\n\tz\n"); return err })
	r := Report{Sections: []Section{Text(evil), Table{Columns: Columns("A"), Rows: Of([]string{evil + "\n"}), Headless: true}, stream}}
	got := text(t, r, Options{Terminal: true})
	if want := want + "\n" + want + "\\x0a\nx\\x1by\n\tz\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := text(t, Report{Sections: []Section{stream}}, Options{}); got != "x\x1by\n\tz\n" {
		t.Errorf("a stream to a file was changed: %q", got)
	}
}

// FuzzAppendString compares with encoding/json.
func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "a", "\"\\\b\f\n\r\t\x00\x1f\x7f", "<&>", "é\u2028\u2029\xff\xc3", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(s); err != nil {
			t.Fatal(err)
		}
		if got := string(AppendString(nil, s)) + "\n"; got != want.String() {
			t.Errorf("%q: got %s, encoding/json %s", s, got, want.String())
		}
	})
}

type appender string

func (a appender) AppendJSON(b []byte) []byte { return AppendString(b, string(a)) }

func TestJSONWritesOneRecordALine(t *testing.T) {
	var b bytes.Buffer
	r := Report{Records: Of[any](appender("x"), map[string]any{"f": "a<b"}, nil)}
	if err := jsonFormat().Write(&b, r, Options{}); err != nil {
		t.Fatal(err)
	}
	if want := "\"x\"\n{\"f\":\"a<b\"}\nnull\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
	if got := string(AppendAddr(nil, 0xc000)); got != `"0xc000"` {
		t.Errorf("AppendAddr: %s", got)
	}
}

func TestAMissingFormIsRefused(t *testing.T) {
	for _, f := range Formats() {
		err := f.Write(io.Discard, Report{Name: "dump"}, Options{})
		var u *UnsupportedError
		if !errors.As(err, &u) || err.Error() != fmt.Sprintf("dump has no %s form", f.Name) {
			t.Errorf("%s: got %v", f.Name, err)
		}
	}
	if _, err := Lookup("yaml"); err == nil || err.Error() != `no output format "yaml": there are text, json, dot, mermaid` {
		t.Errorf("Lookup: %v", err)
	}
}

func TestAnErrorEndsTheSequenceAfterWhatCameBefore(t *testing.T) {
	boom := errors.New("boom")
	rows := func(yield func([]string, error) bool) {
		if yield([]string{"a"}, nil) {
			yield(nil, boom)
		}
	}
	var b bytes.Buffer
	err := textFormat().Write(&b, Report{Sections: []Section{Table{Columns: Columns("A"), Rows: rows}}}, Options{})
	if !errors.Is(err, boom) || b.String() != "A\na\n" {
		t.Errorf("got %q, %v", b.String(), err)
	}
	b.Reset()
	lens := Map(rows, func(r []string) (any, error) { return len(r), nil })
	err = jsonFormat().Write(&b, Report{Records: lens}, Options{})
	if !errors.Is(err, boom) || b.String() != "1\n" {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

// TestRowsAreNotHeld writes more rows than a table is measured by.
func TestRowsAreNotHeld(t *testing.T) {
	const n = 3*sampleRows + 7
	produced, written := 0, 0
	kilobyte := strings.Repeat("x", 1024)
	rows := func(yield func([]string, error) bool) {
		for i := range n {
			produced++
			if held := produced - written; held > sampleRows+100 {
				t.Fatalf("%d rows held after %d", held, produced)
			}
			if !yield([]string{fmt.Sprint(i), kilobyte}, nil) {
				return
			}
		}
	}
	w := writerFunc(func(p []byte) (int, error) {
		written += bytes.Count(p, []byte("\n"))
		return len(p), nil
	})
	table := Table{Columns: Columns("N", "KB"), Rows: rows, Headless: true}
	if err := textFormat().Write(w, Report{Sections: []Section{table}}, Options{}); err != nil {
		t.Fatal(err)
	}
	if written != n {
		t.Errorf("%d lines, want %d", written, n)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
