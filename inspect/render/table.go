package render

import (
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
	line  strings.Builder
}

// add holds a row back and lets its cells widen their columns. Cells beyond
// the columns are dropped, missing ones are empty.
func (p *tablePrinter) add(row []string) {
	cells := make([]string, len(p.cols))
	for i := range cells {
		if i < len(row) {
			cells[i] = oneLine(row[i])
		}
		if n := utf8.RuneCountInString(cells[i]); n <= maxColumn {
			p.width[i] = max(p.width[i], n)
		}
	}
	p.rows = append(p.rows, cells)
}

// oneLine makes s fit into a cell.
func oneLine(s string) string {
	if strings.Contains(s, "\t") {
		s = strings.ReplaceAll(s, "\t", " ")
	}
	return Clean(s)
}

// flush writes the rows held.
func (p *tablePrinter) flush() error {
	for _, row := range p.rows {
		if err := p.t.line(p.align(row)); err != nil {
			return err
		}
	}
	p.rows = p.rows[:0]
	return nil
}

// align joins the cells of a row. A cell too long for its column borrows the
// space of the cells after it.
func (p *tablePrinter) align(row []string) string {
	p.line.Reset()
	at, want := 0, 0
	for i, cell := range row {
		n := utf8.RuneCountInString(cell)
		if i > 0 {
			p.line.WriteString(gap)
			at += len(gap)
			want += len(gap)
		}
		pad := max(0, want+p.width[i]-at-n)
		want += p.width[i]
		if p.cols[i].Right {
			p.spaces(pad)
		}
		p.line.WriteString(cell)
		if !p.cols[i].Right {
			p.spaces(pad)
		}
		at += n + pad
	}
	return cut(strings.TrimRight(p.line.String(), " "), p.t.o.Width)
}

func (p *tablePrinter) spaces(n int) {
	for range n {
		p.line.WriteByte(' ')
	}
}

// cut shortens s to width columns; the ellipsis says that it did.
func cut(s string, width int) string {
	if width <= 0 || utf8.RuneCountInString(s) <= width {
		return s
	}
	r := []rune(s)
	return string(r[:width-1]) + "…"
}
