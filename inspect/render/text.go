package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// textFormat is for people.
func textFormat() Format {
	return Format{Name: "text", Doc: "for people", write: writeText}
}

// textWriter writes lines that come from a target which may be malicious: no
// control character of it reaches a terminal.
type textWriter struct {
	w *bufio.Writer
	o Options
}

func writeText(w *bufio.Writer, r Report, o Options) error {
	if r.Sections == nil {
		return &UnsupportedError{Report: r.Name, Format: "text"}
	}
	t := &textWriter{w: w, o: o}
	for _, s := range r.Sections {
		if err := s.writeText(t); err != nil {
			return err
		}
	}
	return nil
}

// line writes one line, with its control characters made visible.
func (t *textWriter) line(s string) error {
	s = Clean(s)
	if p := t.o.Palette; p != nil {
		s = string(paint(nil, s, p.Line(s)))
	}
	t.w.WriteString(s)
	return t.w.WriteByte('\n')
}

func (l Lines) writeText(t *textWriter) error {
	for s, err := range l {
		if err != nil {
			return err
		}
		if err := t.line(s); err != nil {
			return err
		}
	}
	return nil
}

func (s Stream) writeText(t *textWriter) error {
	if !t.o.Terminal {
		return s(t.w)
	}
	return s(cleaner{t.w})
}

// Clean returns s with every control, format and invalid character as an
// escape sequence of Go, apart from the tab.
func Clean(s string) string {
	if plain(s) {
		return s
	}
	i := strings.IndexFunc(s, unprintable)
	if i < 0 {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:i])
	appendClean(&b, s[i:])
	return b.String()
}

// plain reports whether s is ASCII that can be printed, as nearly all is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c > '~' {
			return false
		}
	}
	return true
}

// unprintable reports whether r must not reach a terminal. utf8.RuneError
// stands for an invalid byte.
func unprintable(r rune) bool {
	return r == utf8.RuneError || r != '\t' && !unicode.IsPrint(r)
}

// appendClean writes s to w as Clean returns it.
func appendClean(w io.Writer, s string) {
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(w, `\x%02x`, s[0])
		case r == utf8.RuneError, !unprintable(r):
			io.WriteString(w, s[:n])
		case r < 0x80:
			fmt.Fprintf(w, `\x%02x`, r)
		default:
			fmt.Fprintf(w, `\u%04x`, r)
		}
		s = s[n:]
	}
}

// cleaner passes text on with its control characters made visible, apart from
// line ends and tabs. A character that is split between two writes is shown
// as bytes.
type cleaner struct{ w *bufio.Writer }

func (c cleaner) Write(p []byte) (int, error) {
	n := len(p)
	for s := string(p); s != ""; {
		line, rest, found := strings.Cut(s, "\n")
		appendClean(c.w, line)
		if found {
			c.w.WriteByte('\n')
		}
		s = rest
	}
	// bufio.Writer keeps its first error and returns it from Flush.
	return n, nil
}

// CleanLines is Clean for text of several lines.
func CleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = Clean(l)
	}
	return strings.Join(lines, "\n")
}
