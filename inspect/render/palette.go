package render

// Tone is how a part of a text stands out on a terminal that shows colours.
type Tone uint8

// The tones. Strong is for what a block of text is about.
const (
	Plain Tone = iota
	Strong
	Good
	Bad
)

// escape is the sequence that sets a tone (SGR).
func (t Tone) escape() string {
	switch t {
	case Strong:
		return "\x1b[1m"
	case Good:
		return "\x1b[32m"
	case Bad:
		return "\x1b[31m"
	}
	return ""
}

// resetTone ends a tone.
const resetTone = "\x1b[0m"

// Span is a part of a line in a tone, from byte From up to byte To. Spans of a
// line are in order and do not overlap.
type Span struct {
	From, To int
	Tone     Tone
}

// Palette says what stands out. It is asked for text as it is shown, so that
// nothing of a target can bring colours of its own.
type Palette struct {
	// Line are the parts of a line of text that stand out.
	Line func(line string) []Span
	// Cell is the tone of a cell of a table in the column of that name.
	Cell func(column, cell string) Tone
}

// paint appends s with its spans.
func paint(b []byte, s string, spans []Span) []byte {
	at := 0
	for _, sp := range spans {
		to := min(sp.To, len(s))
		if sp.From >= to || sp.From < at {
			continue
		}
		b = append(b, s[at:sp.From]...)
		b = append(b, sp.Tone.escape()...)
		b = append(b, s[sp.From:to]...)
		b = append(b, resetTone...)
		at = to
	}
	return append(b, s[at:]...)
}
