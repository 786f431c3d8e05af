package stack

import (
	"slices"
	"testing"

	"rtdbg/inspect/mem"
)

// checkShortcuts compares what an Unwinder says of stacks whose shapes it has
// met before with what one says that meets them for the first time.
func checkShortcuts(t *testing.T, p *process) {
	t.Helper()
	u, shortcuts := p.syms.NewUnwinder(), 0
	for range 3 {
		for id, g := range p.allgs() {
			fresh := p.syms.NewUnwinder()
			want := fresh.Unwind(g.start)
			got := u.Unwind(g.start)
			if got.Stack != want.Stack || got.SP != want.SP || (got.Err == nil) != (want.Err == nil) {
				t.Errorf("goroutine %d: %d frames, sp %v, %v; want %d, %v, %v", id, len(got.Stack.Frames), got.SP, got.Err, len(want.Stack.Frames), want.SP, want.Err)
				continue
			}
			if _, known := u.follow(g.start); known {
				shortcuts++
			}
			sameLive(t, u, id, got, g.hi)
		}
	}
	if shortcuts < 20 {
		t.Errorf("the shapes of only %d stacks were known", shortcuts)
	}
}

// sameLive compares Live with Pointers.
func sameLive(t *testing.T, u *Unwinder, id int64, tr Trace, hi mem.Addr) {
	t.Helper()
	roots := []mem.Addr{0, tr.SP + 8, hi - 8}
	live, err := u.Live(tr, hi, roots)
	live = slices.Clone(live)
	var want []Pointer
	wantErr := u.Pointers(tr, hi, roots, func(p Pointer) { want = append(want, p) })
	if !slices.Equal(live, want) || (err == nil) != (wantErr == nil) {
		t.Errorf("goroutine %d: %d pointers, %v; want %d, %v", id, len(live), err, len(want), wantErr)
	}
}
