package rt

import (
	"context"
	"fmt"
	"sync"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/progress"
)

// Counts are numbers of goroutines by status. Unreadable counts those whose
// descriptor could not be read.
type Counts struct {
	By         map[Status]int
	Unreadable int
}

// Alive is the number of goroutines: of the descriptors that hold one at
// present and can be read.
func (c Counts) Alive() int {
	n := 0
	for s, count := range c.By {
		switch s {
		case Dead, DeadExtra, Idle:
		default:
			n += count
		}
	}
	return n
}

// All is the number of descriptors in runtime.allgs.
func (c Counts) All() int {
	n := c.Unreadable
	for _, count := range c.By {
		n += count
	}
	return n
}

// Count reads the status of every goroutine in runtime.allgs, and nothing else
// of it.
func (r *Runtime) Count(ctx context.Context) (Counts, error) {
	all, err := r.allgs()
	if err != nil {
		return Counts{}, err
	}
	s := r.Layout.Structs["runtime.g"]
	if s == nil || s.Field("atomicstatus") == nil {
		return Counts{}, fmt.Errorf("layouts of the %s: no runtime.g.atomicstatus", r.Layout.Source)
	}
	off := mem.Addr(s.Field("atomicstatus").Off)
	phase := progress.Begin(ctx, "goroutines counted", all.len())
	defer phase.End()
	var mu sync.Mutex
	total := Counts{By: make(map[Status]int)}
	order := InOrder(all.len(), func(i int) uint64 { return uint64(all.at(i)) })
	err = InBatches(ctx, all.len(), batch, func(_ int, next func() (from, to int)) {
		count := statusCounter{ahead: mem.NewAhead(r.Mem)}
		for from, to := next(); from < to; from, to = next() {
			for i := from; i < to; i++ {
				count.add(r, all.at(Nth(order, i))+off)
			}
			phase.Add(to - from)
		}
		mu.Lock()
		defer mu.Unlock()
		count.addTo(r, &total)
	})
	return total, err
}

// statusCounter counts goroutines by the number of their status; the last are
// those with a number that no version has.
type statusCounter struct {
	ahead      *mem.Ahead
	by         [64]int
	unreadable int
}

// add counts the goroutine whose status lies at a.
func (c *statusCounter) add(r *Runtime, a mem.Addr) {
	b := c.ahead.Bytes(a, 4)
	if len(b) < 4 {
		b = make([]byte, 4)
		if err := r.Mem.ReadAt(b, a); err != nil {
			c.unreadable++
			return
		}
	}
	c.by[min(r.Arch.Order.Uint32(b)&^gScan, uint32(len(c.by)-1))]++
}

// addTo adds what was counted to total.
func (c *statusCounter) addTo(r *Runtime, total *Counts) {
	total.Unreadable += c.unreadable
	for number, n := range c.by {
		if n > 0 {
			total.By[r.status(uint32(number))] += n
		}
	}
}

// Descriptors returns the length of runtime.allgs: the number of goroutines
// that there were at a time at the most.
func (r *Runtime) Descriptors() (int, error) {
	s, err := r.readSliceAt(r.Globals.AllGs)
	if err != nil {
		return 0, fmt.Errorf("runtime.allgs: %w", err)
	}
	if s.Len > s.Cap || s.Len > maxGs {
		return 0, fmt.Errorf("runtime.allgs: corrupt slice: length %d, capacity %d", s.Len, s.Cap)
	}
	return int(s.Len), nil
}
