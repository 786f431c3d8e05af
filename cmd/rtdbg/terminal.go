package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"

	"rtdbg/inspect/progress"
	"rtdbg/inspect/render"
	"rtdbg/inspect/repl"
	"rtdbg/inspect/star"
)

// terminal says which standard streams are terminals.
type terminal struct {
	in, out bool
	// width is that of standard output in columns, 0 if unknown.
	width int
}

func (a *app) terminal() terminal {
	t := terminal{in: isTerminal(a.std.in), out: isTerminal(a.std.out)}
	if t.out {
		t.width = width(a.std.out)
	}
	return t
}

// width is that of a terminal in columns, 0 if it cannot say.
func width(stream any) int {
	f, ok := stream.(*os.File)
	if !ok {
		return 0
	}
	ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(ws.Col)
}

// bar is for progress on standard error, nil where that is no terminal that
// can take a line back.
func (t terminal) bar(stderr io.Writer) *progress.Bar {
	if !isTerminal(stderr) || width(stderr) == 0 || !knowsCursor(os.Getenv("TERM")) {
		return nil
	}
	return progress.NewBar(stderr, width(stderr))
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// palette is nil unless standard output is a terminal that shows colours and
// whose user wants them (https://no-color.org).
func (t terminal) palette() *render.Palette {
	if !t.out || os.Getenv("NO_COLOR") != "" || !knowsCursor(os.Getenv("TERM")) {
		return nil
	}
	return star.Palette()
}

// both reports whether a user can be asked.
func (t terminal) both() bool { return t.in && t.out }

// session is the terminal as the REPL wants it.
func (t terminal) session(target string, a *app) repl.Terminal {
	r := repl.Terminal{In: a.std.in, Err: a.std.err, Target: target, Bar: a.bar.Load(), Pager: repl.Pager()}
	// A width of 0 is a terminal that cannot say: a line editor would not
	// know where lines wrap.
	r.Edit = t.both() && t.width > 0 && knowsCursor(os.Getenv("TERM"))
	path, err := repl.HistoryFile()
	if err != nil {
		a.warn("no history: " + err.Error())
	}
	r.History = path
	return r
}

// knowsCursor reports whether a kind of terminal can move its cursor.
func knowsCursor(term string) bool {
	switch term {
	case "", "dumb", "cons25", "emacs":
		return false
	}
	return true
}
