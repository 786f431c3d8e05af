package star

import (
	"regexp"

	"rtdbg/inspect/render"
)

// What stands out in lines of text: whom a block is about, and what is wrong
// with them.
var (
	whom  = regexp.MustCompile(`^(?:goroutine \d+|\d+ goroutines?) \[[^\]]*\]`)
	wrong = regexp.MustCompile(`^deadlock of \d+ goroutines?|^    deadlock:|^    nobody can wake (?:it|them)|\b\d+ (?:is|are) stuck\b`)
)

// Palette is what stands out in rtdbg's answers on a terminal with colours.
func Palette() *render.Palette {
	return &render.Palette{Line: lineSpans, Cell: cellTone}
}

func lineSpans(line string) []render.Span {
	if m := whom.FindStringIndex(line); m != nil {
		return []render.Span{{From: m[0], To: m[1], Tone: render.Strong}}
	}
	if m := wrong.FindStringIndex(line); m != nil {
		return []render.Span{{From: m[0], To: m[1], Tone: render.Bad}}
	}
	return nil
}

// cellTone is that of a status or a verdict.
func cellTone(column, cell string) render.Tone {
	switch column {
	case "STATUS":
		switch cell {
		case "running", "runnable", "syscall":
			return render.Good
		case "leaked":
			return render.Bad
		}
	case "VERDICT":
		switch cell {
		case "woken", "wakeable":
			return render.Good
		case "deadlock", "never":
			return render.Bad
		}
	}
	return render.Plain
}
