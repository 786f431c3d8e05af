package inspect

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"

	"rtdbg/inspect/mem"
)

// Work is what a question took, in counts that no other load of the machine
// changes.
type Work struct {
	// Read is bytes read from the core, Reads how many reads that took.
	Read, Reads uint64
	// Allocs is objects, Alloc bytes allocated.
	Allocs, Alloc uint64
}

// counter counts reads. It does not let the bytes be seen without a read, as
// the mapped core would.
type counter struct {
	mem.Memory
	bytes, reads atomic.Uint64
}

func (c *counter) count(n int) {
	c.bytes.Add(uint64(n))
	c.reads.Add(1)
}

func (c *counter) ReadAt(b []byte, a mem.Addr) error {
	c.count(len(b))
	return c.Memory.ReadAt(b, a)
}

func (c *counter) View(a mem.Addr, n int) ([]byte, error) {
	c.count(n)
	return c.Memory.View(a, n)
}

// Present lists the ranges that the core has.
func (c *counter) Present() []mem.Range {
	return c.Memory.(interface{ Present() []mem.Range }).Present()
}

// MeasureWork opens a core and returns what ask took behind that.
func MeasureWork(tb testing.TB, exe, core string, ask func(*Process) error) Work {
	tb.Helper()
	var c *counter
	o := Options{counted: func(m mem.Memory) mem.Memory {
		c = &counter{Memory: m}
		return c
	}}
	p, err := OpenCore(context.Background(), exe, core, o)
	if err != nil {
		tb.Fatal(err)
	}
	defer p.Close()
	// It may search a bounded part of the memory, once and whatever the number
	// of goroutines.
	p.now()
	// A collection empties the pools, after which they are filled anew.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	from := Work{Read: c.bytes.Load(), Reads: c.reads.Load()}
	if err := ask(p); err != nil {
		tb.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return Work{
		Read: c.bytes.Load() - from.Read, Reads: c.reads.Load() - from.Reads,
		Allocs: after.Mallocs - before.Mallocs, Alloc: after.TotalAlloc - before.TotalAlloc,
	}
}
