package render

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Format is one output format.
type Format struct {
	// Name is the value of the -o flag.
	Name string
	// Doc says in one phrase what the format is for.
	Doc string

	write func(w *bufio.Writer, r Report, o Options) error
}

// Formats are all formats, the default first.
func Formats() []Format {
	return []Format{textFormat(), jsonFormat(), dotFormat(), mermaidFormat()}
}

// Names are the names of all formats.
func Names() []string {
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
	}
	return names
}

// Lookup returns the format called name; the error of an unknown one names
// those that there are.
func Lookup(name string) (Format, error) {
	all := Formats()
	i := slices.IndexFunc(all, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, fmt.Errorf("no output format %q: there are %s", name, strings.Join(Names(), ", "))
	}
	return all[i], nil
}

// Options are what a format has to know about where its output goes.
type Options struct {
	// Terminal says that the output is a terminal: text from the target is
	// kept from controlling it.
	Terminal bool
	// Width is the terminal's width in columns: longer rows of tables are
	// cut. 0 cuts nothing.
	Width int
	// Palette says what stands out, on a terminal that shows colours to a user
	// who wants them; nil elsewhere.
	Palette *Palette
}

// UnsupportedError says that a report has no form that a format can show.
type UnsupportedError struct{ Report, Format string }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s has no %s form", e.Report, e.Format)
}

// Write writes r to w. What was written before an error stays written.
func (f Format) Write(w io.Writer, r Report, o Options) error {
	b := bufio.NewWriterSize(w, 1<<16)
	err := f.write(b, r, o)
	if flushErr := b.Flush(); err == nil {
		err = flushErr
	}
	return err
}
