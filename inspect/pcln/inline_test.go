package pcln

import "testing"

// TestInliningAgreesWithLines compares the inlined calls of whole functions with
// the logical frames of single PCs, which TestLinesMatchCallersFrames holds
// against the runtime.
func TestInliningAgreesWithLines(t *testing.T) {
	tab := selfTable(t)
	inlined := 0
	for f := range tab.All() {
		in := f.Inlining()
		at := 0
		for pc := f.Entry; pc < f.End; pc++ {
			for at < len(in.Ranges) && in.Ranges[at].Hi <= pc {
				at++
			}
			var got []string
			if at < len(in.Ranges) && in.Ranges[at].Lo <= pc {
				for c := in.Ranges[at].Call; c >= 0; c = in.Calls[c].Parent {
					got = append(got, in.Calls[c].Func)
				}
			}
			lines := f.Lines(pc)
			if len(got) != len(lines)-1 {
				t.Fatalf("%s %v: inlined %q, Lines has %+v", f.Name, pc, got, lines)
			}
			for i := range got {
				if got[i] != lines[i].Func {
					t.Fatalf("%s %v: inlined %q, Lines has %+v", f.Name, pc, got, lines)
				}
			}
			inlined += len(got)
			if len(in.Ranges) == 0 {
				break
			}
			pc += 6
		}
	}
	if inlined < 1000 {
		t.Errorf("only %d inlined calls", inlined)
	}
}
