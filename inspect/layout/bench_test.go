package layout_test

import (
	"testing"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// window is memory that holds the same structure everywhere.
type window []byte

func (w window) ReadAt(b []byte, _ mem.Addr) error {
	copy(b, w)
	return nil
}

// shared is window without a copy.
type shared struct{ window }

func (s shared) Direct(mem.Addr) []byte { return s.window }

func samplePlan(b *testing.B) *layout.Plan[sample] {
	b.Helper()
	plan, err := layout.Bind[sample](sampleTable(), "runtime.g")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	return plan
}

// The sample has 21 fields; runtime.g as rtdbg reads it has more, a sudog
// fewer.
func BenchmarkDecode(b *testing.B) {
	plan, raw := samplePlan(b), sampleBytes()
	var s sample
	for b.Loop() {
		if err := plan.Decode(&s, raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadByCopy(b *testing.B) { benchmarkRead(b, window(sampleBytes())) }

func BenchmarkReadDirect(b *testing.B) { benchmarkRead(b, shared{sampleBytes()}) }

func benchmarkRead(b *testing.B, r mem.Reader) {
	plan := samplePlan(b)
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
