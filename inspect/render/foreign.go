package render

import (
	"bytes"
	"io"
	"regexp"
)

// colourEscape is an escape sequence that sets colours and nothing else (SGR).
var colourEscape = regexp.MustCompile("\x1b\\[[0-9;]*m")

// foreign passes lines on.
type foreign struct {
	w    io.Writer
	o    Options
	line []byte
}

// Foreign returns a writer to w of text that another program has coloured. Its
// colours stay where there is a palette and go elsewhere; no other
// control character reaches a terminal. Close writes a last line that lacks its
// end.
func Foreign(w io.Writer, o Options) io.WriteCloser { return &foreign{w: w, o: o} }

func (f *foreign) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, rest, found := bytes.Cut(p, []byte("\n"))
		f.line = append(f.line, line...)
		if !found {
			return n, nil
		}
		f.line = append(f.clean(), '\n')
		if _, err := f.w.Write(f.line); err != nil {
			return 0, err
		}
		f.line, p = f.line[:0], rest
	}
}

func (f *foreign) Close() error {
	if len(f.line) == 0 {
		return nil
	}
	_, err := f.w.Write(f.clean())
	f.line = nil
	return err
}

// clean returns the line that is held as it may be shown.
func (f *foreign) clean() []byte {
	var out []byte
	add := func(text []byte) {
		if f.o.Terminal {
			text = []byte(Clean(string(text)))
		}
		out = append(out, text...)
	}
	at := 0
	for _, m := range colourEscape.FindAllIndex(f.line, -1) {
		add(f.line[at:m[0]])
		if f.o.Palette != nil {
			out = append(out, f.line[m[0]:m[1]]...)
		}
		at = m[1]
	}
	add(f.line[at:])
	return out
}
