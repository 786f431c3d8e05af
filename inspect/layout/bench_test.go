package layout_test

import (
	"testing"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// direct is memory that holds the same structure everywhere, and shows it
// without a copy.
type direct []byte

func (d direct) ReadAt(b []byte, _ mem.Addr) error {
	copy(b, d)
	return nil
}

func (d direct) Direct(mem.Addr) []byte { return d }

// The sample has 21 fields; runtime.g as rtdbg reads it has more, a sudog
// fewer.
func BenchmarkReadDirect(b *testing.B) {
	plan, err := layout.Bind[sample](sampleTable(), "runtime.g")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	r := direct(sampleBytes())
	var s sample
	for b.Loop() {
		if err := plan.Read(r, 0x1000, &s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBind(b *testing.B) {
	table := sampleTable()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := layout.Bind[sample](table, "runtime.g"); err != nil {
			b.Fatal(err)
		}
	}
}
