package star

import (
	"testing"

	"rtdbg/inspect/render"
)

func TestPaletteOfLines(t *testing.T) {
	for _, tt := range []struct {
		line, part string
		tone       render.Tone
	}{
		{"goroutine 17 [chan receive, about 1s] at main.f x.go:1", "goroutine 17 [chan receive, about 1s]", render.Strong},
		{"4 goroutines [select] at main.f x.go:1", "4 goroutines [select]", render.Strong},
		{"1 goroutine [select] on select", "1 goroutine [select]", render.Strong},
		{"18 goroutines on 5 threads; 8 are stuck: nobody can", "8 are stuck", render.Bad},
		{"deadlock of 2 goroutines, inferred", "deadlock of 2 goroutines", render.Bad},
		{"    deadlock: all who could wake it are stuck as well", "    deadlock:", render.Bad},
		{"    nobody can wake them (nobody who can run)", "    nobody can wake them", render.Bad},
		{"    goroutine 13 [lock sync.Mutex] waits", "", render.Plain},
		{"main.deadlock: x", "", render.Plain},
		{"", "", render.Plain},
	} {
		spans := lineSpans(tt.line)
		switch {
		case tt.part == "" && len(spans) > 0, tt.part != "" && len(spans) != 1:
			t.Errorf("%q: %v", tt.line, spans)
		case tt.part != "" && (tt.line[spans[0].From:spans[0].To] != tt.part || spans[0].Tone != tt.tone):
			t.Errorf("%q: %q in tone %d", tt.line, tt.line[spans[0].From:spans[0].To], spans[0].Tone)
		}
	}
}

func TestPaletteOfCells(t *testing.T) {
	for _, tt := range []struct {
		column, cell string
		want         render.Tone
	}{
		{"STATUS", "running", render.Good}, {"STATUS", "leaked", render.Bad}, {"STATUS", "waiting", render.Plain},
		{"VERDICT", "never", render.Bad}, {"VERDICT", "wakeable", render.Good}, {"VERDICT", "unknown", render.Plain},
		{"AT", "running", render.Plain},
	} {
		if got := cellTone(tt.column, tt.cell); got != tt.want {
			t.Errorf("%s %s: tone %d, want %d", tt.column, tt.cell, got, tt.want)
		}
	}
}
