package target

import (
	"slices"
	"strings"
	"testing"
)

func TestDiffNamesEveryDifference(t *testing.T) {
	base := func() *Goroutine {
		return &Goroutine{
			ID: 7, Addr: 0xc000, M: -1, Status: "chan receive",
			Frames:    []Frame{{Func: "main.f", Args: "0x1", File: "/a.go", Line: 3, Off: 4, FP: 5, SP: 6, PC: 7}},
			CreatedBy: &Creator{Func: "main.main", Goroutine: 1, File: "/a.go", Line: 9},
			Labels:    []Label{{"k", "v"}},
		}
	}
	for _, c := range []struct {
		name   string
		aspect Aspect
		change func(*Goroutine)
		want   string
	}{
		{"status", Status, func(g *Goroutine) { g.Status = "select" }, "status is [select], want [chan receive]"},
		{"locked", Status, func(g *Goroutine) { g.Locked = true }, "locked to thread"},
		{"addr", Addr, func(g *Goroutine) { g.Addr = 1 }, "g is 0x1, want 0xc000"},
		{"m", Threads, func(g *Goroutine) { g.M = 3 }, "m is 3"},
		{"frame added", Frames, func(g *Goroutine) { g.Frames = append(g.Frames, Frame{}) }, "number of frames is 2"},
		{"elided", Frames, func(g *Goroutine) { g.ElidedCount = 5 }, "1 (5 elided at 0)"},
		{"line", Frames, func(g *Goroutine) { g.Frames[0].Line = 4 }, "frame 0 is main.f /a.go:4, want main.f /a.go:3"},
		{"offset", Offsets, func(g *Goroutine) { g.Frames[0].Off = 5 }, "+0x5"},
		{"pointers", Pointers, func(g *Goroutine) { g.Frames[0].SP = 5 }, "sp=0x5"},
		{"args", Args, func(g *Goroutine) { g.Frames[0].Args = "" }, "main.f(), want main.f(0x1)"},
		{"creator", Created, func(g *Goroutine) { g.CreatedBy = nil }, "creator is nobody"},
		{"labels", Labels, func(g *Goroutine) { g.Labels = nil }, "labels is []"},
		{"id", 0, func(g *Goroutine) { g.ID = 8 }, "goroutine 7 [chan receive]: missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := base()
			c.change(g)
			got := Diff([]*Goroutine{base()}, []*Goroutine{g}, c.aspect)
			if len(got) == 0 || !strings.Contains(got[0], c.want) {
				t.Errorf("differences %q, want %q", got, c.want)
			}
			if c.aspect == 0 {
				return
			}
			if got := Diff([]*Goroutine{base()}, []*Goroutine{g}, Everything&^c.aspect); got != nil {
				t.Errorf("difference in an aspect not asked for: %q", got)
			}
		})
	}
	if got := Diff([]*Goroutine{base()}, []*Goroutine{base()}, Everything); got != nil {
		t.Errorf("equal goroutines differ: %q", got)
	}
}

func TestDiffLimitsItsOutput(t *testing.T) {
	var want []*Goroutine
	for id := range int64(50) {
		want = append(want, &Goroutine{ID: id + 1})
	}
	got := Diff(want, nil, Everything)
	if len(got) != diffLimit+1 || !slices.Contains(got, "and 30 more") {
		t.Errorf("%d lines: %q", len(got), got)
	}
}
