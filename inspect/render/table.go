package render

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// sampleRows is the number of rows that a table is measured by; later
	// rows keep its columns unless they are wider.
	sampleRows = 1000
	// maxColumn is the width up to which a cell widens its column; a longer
	// one moves only the rest of its own row.
	maxColumn = 48
	// gap is what stands between two columns.
	gap = "  "
)

// writeText writes the table. Only sampleRows rows are held at a time.
func (tb Table) writeText(t *textWriter) error {
	p := tablePrinter{t: t, cols: tb.Columns, width: make([]int, len(tb.Columns))}
	if tb.Title != "" {
		if err := t.line(tb.Title); err != nil {
			return err
		}
	}
	if !tb.Headless {
		p.add(names(tb.Columns))
		p.head = true
	}
	if tb.Rows != nil {
		for row, err := range tb.Rows {
			if err != nil {
				p.flush()
				return err
			}
			p.add(row)
			if len(p.rows) > sampleRows {
				if err := p.flush(); err != nil {
					return err
				}
			}
		}
	}
	return p.flush()
}

func names(cols []Column) []string {
	row := make([]string, len(cols))
	for i, c := range cols {
		row[i] = c.Name
	}
	return row
}

// tablePrinter aligns the rows that it holds.
type tablePrinter struct {
	t     *textWriter
	cols  []Column
	width []int
	rows  [][]string
	// line is the row that is being written, spans what stands out in it.
	line  []byte
	spans []Span
	// head says that the next row is the names of the columns.
	head bool
}

// add holds a row back and lets its cells widen their columns. Cells beyond
// the columns are dropped, missing ones are empty.
func (p *tablePrinter) add(row []string) {
	row = row[:min(len(row), len(p.cols))]
	if missing := len(p.cols) - len(row); missing > 0 {
		row = slices.Concat(row, make([]string, missing))
	}
	for i, s := range row {
		if cell := oneLine(s); cell != s {
			row = slices.Clone(row) // it is the caller's
			row[i] = cell
		}
		if n := width(row[i]); n <= maxColumn {
			p.width[i] = max(p.width[i], n)
		}
	}
	p.rows = append(p.rows, row)
}

// oneLine makes s fit into a cell.
func oneLine(s string) string {
	if plain(s) && strings.IndexByte(s, '\t') < 0 {
		return s
	}
	return Clean(strings.ReplaceAll(s, "\t", " "))
}

// width is how many columns s takes.
func width(s string) int {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return utf8.RuneCountInString(s)
		}
	}
	return len(s)
}

// flush writes the rows held.
func (p *tablePrinter) flush() error {
	for _, row := range p.rows {
		p.align(row)
		if p.t.o.Width > 0 || p.t.o.Palette != nil {
			p.fit()
		}
		if _, err := p.t.w.Write(append(p.line, '\n')); err != nil {
			return err
		}
	}
	p.rows = p.rows[:0]
	return nil
}

// fit cuts the line to the width of the terminal, and then paints it.
func (p *tablePrinter) fit() {
	whole := string(p.line)
	shown := cut(whole, p.t.o.Width)
	if p.t.o.Palette == nil {
		p.spans = p.spans[:0]
	} else if p.head {
		p.spans = append(p.spans[:0], Span{0, len(shown), Strong})
	} else if shown != whole {
		for i := range p.spans {
			p.spans[i].To = min(p.spans[i].To, len(shown)-len(ellipsis))
		}
	}
	p.head = false
	p.line = paint(p.line[:0], shown, p.spans)
}

// align joins the cells of a row, which are clean, in p.line. A cell too long
// for its column borrows the space of the cells after it.
func (p *tablePrinter) align(row []string) {
	b := p.line[:0]
	p.spans = p.spans[:0]
	at, want := 0, 0
	for i, cell := range row {
		n := width(cell)
		if i > 0 {
			b = append(b, gap...)
			at += len(gap)
			want += len(gap)
		}
		pad := max(0, want+p.width[i]-at-n)
		want += p.width[i]
		if p.cols[i].Right {
			b = spaces(b, pad)
		}
		if pal := p.t.o.Palette; pal != nil {
			if tone := pal.Cell(p.cols[i].Name, cell); tone != Plain {
				p.spans = append(p.spans, Span{len(b), len(b) + len(cell), tone})
			}
		}
		b = append(b, cell...)
		if !p.cols[i].Right {
			b = spaces(b, pad)
		}
		at += n + pad
	}
	p.line = bytes.TrimRight(b, " ")
}

// spaces appends n spaces.
func spaces(b []byte, n int) []byte {
	for range n {
		b = append(b, ' ')
	}
	return b
}

// ellipsis says that a line was cut.
const ellipsis = "…"

// cut shortens s to width columns; the ellipsis says that it did.
func cut(s string, width int) string {
	if width <= 0 || utf8.RuneCountInString(s) <= width {
		return s
	}
	r := []rune(s)
	return string(r[:width-1]) + ellipsis
}
