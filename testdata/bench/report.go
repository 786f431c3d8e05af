package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// report is what was measured, in the order of the flags.
type report struct {
	opts    options
	machine string
	cores   []*measured
	server  *serverPrompt
}

func (r *report) write(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString(r.machine)
	fmt.Fprintf(&b, "\nEach figure is the median of %d runs of a whole process, from fork to exit, with the\n"+
		"core in the page cache and the output thrown away. CPU is user and system time of\n"+
		"all threads. RSS is the peak, mapped pages counted.\n", r.opts.runs)
	r.writeLimits(&b)
	r.writeCommands(&b)
	r.writeScaling(&b)
	r.writeRivals(&b)
	r.writePrompts(&b)
	_, err := w.Write(b.Bytes())
	return err
}

// table writes rows of cells, the first being the header.
func table(b *bytes.Buffer, rows [][]string) {
	for i, row := range rows {
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString("|---|" + strings.Repeat("---:|", len(row)-1) + "\n")
		}
	}
}

func (r *report) writeLimits(b *bytes.Buffer) {
	b.WriteString("\n## The limit: a plain read\n\n" +
		"One thread adds up exactly the bytes that are needed, each g and the used part of\n" +
		"its stack, in the order of allgs, from the mapped core (`testdata/bench/readlimit`).\n\n")
	rows := [][]string{{"core", "file", "goroutines", "g", "used stack", "wall", "CPU", "per goroutine"}}
	for _, m := range r.cores {
		l, read := m.limit, m.limit.median()
		rows = append(rows, []string{m.name(), megabytes(m.coreBytes), fmt.Sprint(l.Goroutines), megabytes(l.GBytes),
			megabytes(l.StackBytes), seconds(read.wall), seconds(read.cpu), nanos(read.wall, l.Goroutines)})
	}
	table(b, rows)
}

func (m *measured) name() string { return fmt.Sprintf("%s, %s", m.shape, count(m.n)) }

func (r *report) writeCommands(b *bytes.Buffer) {
	b.WriteString("\n## Commands\n\n`wall × read` and `CPU × read` are the times over those of the plain read above.\n")
	for _, m := range r.cores {
		header := []string{"command", "wall", "CPU", "RSS", "wall × read", "CPU × read", "goal", "within"}
		if r.opts.base != "" {
			header = append(header, "wall before", "CPU before", "RSS before", "CPU before / now")
		}
		rows := [][]string{header}
		for i, c := range commands {
			if row := m.row(i, c); row != nil {
				if r.opts.base != "" {
					row = append(row, m.baseRow(i)...)
				}
				rows = append(rows, row)
			}
		}
		if len(rows) > 1 {
			fmt.Fprintf(b, "\n### %s goroutines\n\n", m.name())
			table(b, rows)
			m.writeErrors(b)
		}
	}
}

// row is nil for a command that was not run.
func (m *measured) row(i int, c command) []string {
	cell := m.cells[i]
	if cell.err != nil {
		return []string{"`" + c.name + "`", reason(cell.err), "", "", "", "", goal(c.goal[m.n]), ""}
	}
	s, ok := cell.median()
	if !ok {
		return nil
	}
	read := m.limit.median()
	return []string{"`" + c.name + "`", seconds(s.wall), seconds(s.cpu), megabytes(s.rss),
		ratio(s.wall, read.wall), ratio(s.cpu, read.cpu), goal(c.goal[m.n]), m.within(c, s)}
}

// within compares with the goals, if there are any for this size.
func (m *measured) within(c command, s sample) string {
	var over []string
	if g := c.goal[m.n]; g != 0 && s.wall > g {
		over = append(over, "time")
	}
	if g := rssGoal[m.n]; g != 0 && s.rss > g {
		over = append(over, "RSS")
	}
	switch {
	case len(over) > 0:
		return "no: " + strings.Join(over, ", ")
	case c.goal[m.n] == 0:
		return ""
	}
	return "yes"
}

func (m *measured) baseRow(i int) []string {
	s, ok := m.base[i].median()
	if !ok {
		return []string{reason(m.base[i].err), "", "", ""}
	}
	now, ok := m.cells[i].median()
	factor := ""
	if ok {
		factor = ratio(s.cpu, now.cpu)
	}
	return []string{seconds(s.wall), seconds(s.cpu), megabytes(s.rss), factor}
}

// writeErrors says why figures are missing.
func (m *measured) writeErrors(b *bytes.Buffer) {
	for i, c := range commands {
		if err := m.cells[i].err; err != nil && !errors.Is(err, errUnknown) {
			fmt.Fprintf(b, "\n`%s`: %v\n", c.name, err)
		}
	}
}

// writeScaling has a row for each command and a column for each size.
func (r *report) writeScaling(b *bytes.Buffer) {
	b.WriteString("\n## Time per goroutine, wall / CPU\n")
	for _, shape := range r.opts.shapes {
		same := slices.DeleteFunc(slices.Clone(r.cores), func(m *measured) bool { return m.shape != shape })
		header := []string{shape}
		for _, m := range same {
			header = append(header, count(m.n))
		}
		rows := [][]string{header}
		for i, c := range commands {
			row, any := []string{"`" + c.name + "`"}, false
			for _, m := range same {
				s, ok := m.cells[i].median()
				if any = any || ok; ok {
					row = append(row, nanos(s.wall, m.limit.Goroutines)+" / "+nanos(s.cpu, m.limit.Goroutines))
				} else {
					row = append(row, "")
				}
			}
			if any {
				rows = append(rows, row)
			}
		}
		b.WriteString("\n")
		table(b, rows)
	}
}

// writeRivals compares with the command that says most of all goroutines.
func (r *report) writeRivals(b *bytes.Buffer) {
	const ours = "goroutines -o json"
	at := slices.IndexFunc(commands, func(c command) bool { return c.name == ours })
	rows := [][]string{{"core", "program", "wall", "CPU", "RSS", "wall / rtdbg's", "CPU / rtdbg's", "RSS / rtdbg's"}}
	named := make(map[string]bool) // what cannot be had is named once
	for _, m := range r.cores {
		us, ok := m.cells[at].median()
		for _, rival := range m.rivals {
			s, ran := rival.median()
			switch {
			case !ran && named[rival.name]:
			case !ran:
				named[rival.name] = true
				rows = append(rows, []string{m.name(), rival.name, reason(rival.err), "", "", "", "", ""})
			case ok:
				rows = append(rows, []string{m.name(), rival.name, seconds(s.wall), seconds(s.cpu), megabytes(s.rss),
					ratio(s.wall, us.wall), ratio(s.cpu, us.cpu), fmt.Sprintf("%.1f", float64(s.rss)/float64(us.rss))})
			default:
				rows = append(rows, []string{m.name(), rival.name, seconds(s.wall), seconds(s.cpu), megabytes(s.rss), "", "", ""})
			}
		}
	}
	if len(rows) > 1 {
		fmt.Fprintf(b, "\n## Others on the same cores\n\nAgainst `rtdbg %s`, which gives every frame of every stack and what each\n"+
			"goroutine waits on. Each once.\n\n", ours)
		table(b, rows)
	}
}

func (r *report) writePrompts(b *bytes.Buffer) {
	rows := [][]string{{"core", "to the first prompt", "first `stack(g)`", "another", "first `wakers(g)`", "another", "RSS"}}
	for _, m := range r.cores {
		if p := m.prompt; p != nil {
			rows = append(rows, append([]string{m.name()}, p.row()...))
		}
	}
	if r.server != nil {
		name := fmt.Sprintf("server, executable of %s with DWARF", megabytes(r.server.exeBytes))
		rows = append(rows, append([]string{name}, r.server.row()...))
	}
	if len(rows) > 1 {
		b.WriteString("\n## At the prompt\n\nOn a pseudo-terminal; one run.\n\n")
		table(b, rows)
	}
}

func (p *prompt) row() []string {
	return []string{seconds(p.ready), seconds(p.firstStack), seconds(p.stack), seconds(p.firstWakers),
		seconds(p.wakers), megabytes(p.rss)}
}

func reason(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errUnknown):
		return "no such command"
	}
	text := err.Error()
	if len(text) > 100 {
		text = text[:100] + "…"
	}
	return strings.ReplaceAll(text, "|", "\\|")
}

func seconds(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

func goal(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func megabytes(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d MB", n>>20)
}

func nanos(d time.Duration, n int) string { return fmt.Sprintf("%.0f ns", float64(d)/float64(n)) }

func ratio(a, b time.Duration) string { return fmt.Sprintf("%.1f", float64(a)/float64(b)) }

// count writes 1000000 as 1,000,000.
func count(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
