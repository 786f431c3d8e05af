package inspect

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
)

// maxGoids is how many goroutine ids the record of an object has at most.
const maxGoids = 100

// objectWait is one goroutine that waits on one object.
type objectWait struct {
	ref wait.Ref
	// g is the goroutine's place in Process.Goroutines.
	g uint32
}

// eachObject calls visit for every object of the wanted kinds on which
// goroutines wait, with all of these in order of creation. An object that was
// not found has the address 0. The slice is valid until visit returns.
func (p *Process) eachObject(ctx context.Context, want func(wait.Kind) bool, visit func(waits []objectWait)) error {
	all, err := p.objectWaits(ctx, want)
	if err != nil {
		return err
	}
	order := rt.Sorted(len(all), func(i int) uint64 { return uint64(all[i].ref.Addr) })
	var group []objectWait
	for n, i := range order {
		if group = append(group, all[i]); n+1 == len(order) || all[order[n+1]].ref.Addr != all[i].ref.Addr {
			visit(group)
			group = group[:0]
		}
	}
	return ctx.Err()
}

// objectWaits lists the waits on objects of the wanted kinds, in order of
// goroutines.
func (p *Process) objectWaits(ctx context.Context, want func(wait.Kind) bool) ([]objectWait, error) {
	gs, err := p.Goroutines(ctx)
	if err != nil {
		return nil, err
	}
	workers := runtime.GOMAXPROCS(0)
	parts := make([][]objectWait, workers)
	r := p.wait()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			var refs []wait.Ref
			for i := w * len(gs) / workers; i < (w+1)*len(gs)/workers; i++ {
				if i%1024 == 0 && ctx.Err() != nil {
					return
				}
				row, ok := r.Row(gs[i].G)
				if !ok || !want(row.Kind) && row.Kind != wait.Sema {
					continue
				}
				refs = r.Refs(gs[i].G, refs[:0])
				for _, ref := range refs {
					if want(ref.Kind()) && !ref.Nil {
						parts[w] = append(parts[w], objectWait{ref, uint32(i)})
					}
				}
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return slices.Concat(parts...), nil
}

// goidsOf are the ids of at most maxGoids of the goroutines, each once.
func (p *Process) goidsOf(waits []objectWait) []uint64 {
	gs, _ := p.Goroutines(context.Background())
	ids := []uint64{}
	for i := range waits {
		if len(ids) == maxGoids {
			break
		}
		if i == 0 || waits[i].g != waits[i-1].g {
			ids = append(ids, gs[waits[i].g].Goid)
		}
	}
	return ids
}

// goroutinesIn counts the goroutines among waits.
func goroutinesIn(waits []objectWait) int {
	n := 0
	for i := range waits {
		if i == 0 || waits[i].g != waits[i-1].g {
			n++
		}
	}
	return n
}

// TimerState says when time acts on something.
type TimerState struct {
	// WhenNS is the nanotime at which it fires, nil if it is stopped or has
	// fired; InNS the time left at the instant of the capture; PeriodNS the
	// interval of a ticker.
	WhenNS   *int64 `json:"when_ns"`
	InNS     *int64 `json:"in_ns,omitempty"`
	PeriodNS *int64 `json:"period_ns,omitempty"`
}

// timerState returns what t says.
func (p *Process) timerState(t *rt.Timer) *TimerState {
	s := &TimerState{PeriodNS: orNil(t.Period)}
	if t.When != 0 {
		s.WhenNS = &t.When
		if t.Fake {
			return s // its clock is that of a bubble
		}
		if d, _, ok := p.Now().Until(t.When); ok {
			s.InNS = &d
		}
	}
	return s
}

// addrOrNil returns a pointer to a, nil for 0.
func addrOrNil(a mem.Addr) *mem.Addr { return orNil(a) }
