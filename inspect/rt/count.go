package rt

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"rtdbg/inspect/mem"
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
	addrs, err := r.allgs()
	if err != nil {
		return Counts{}, err
	}
	s := r.Layout.Structs["runtime.g"]
	if s == nil || s.Field("atomicstatus") == nil {
		return Counts{}, fmt.Errorf("layouts of the %s: no runtime.g.atomicstatus", r.Layout.Source)
	}
	off := mem.Addr(s.Field("atomicstatus").Off)
	var (
		next  atomic.Int64
		mu    sync.Mutex
		wg    sync.WaitGroup
		total = Counts{By: make(map[Status]int)}
	)
	for range min(runtime.GOMAXPROCS(0), len(addrs)/batch+1) {
		wg.Go(func() {
			var count statusCounter
			for ctx.Err() == nil {
				from := min(int(next.Add(batch))-batch, len(addrs))
				if from == len(addrs) {
					break
				}
				for _, a := range addrs[from:min(from+batch, len(addrs))] {
					count.add(r, a+off)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			count.addTo(r, &total)
		})
	}
	wg.Wait()
	return total, ctx.Err()
}

// statusCounter counts goroutines by the number of their status; the last are
// those with a number that no version has.
type statusCounter struct {
	by         [64]int
	unreadable int
}

// add counts the goroutine whose status lies at a.
func (c *statusCounter) add(r *Runtime, a mem.Addr) {
	var b []byte
	if r.direct != nil {
		b = r.direct.Direct(a)
	}
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
