package rt

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"rtdbg/inspect/mem"
)

// ReadG reads the goroutine descriptor at a.
func (r *Runtime) ReadG(a mem.Addr) (G, error) {
	g := G{GRare: r.noRare}
	var rare GRare
	if err := r.readG(a, &g, &rare); err != nil {
		return g, err
	}
	if rare != (GRare{}) {
		g.GRare = &rare
	}
	return g, nil
}

// readG reads the descriptor at a into g, but for g.GRare, and into rare.
func (r *Runtime) readG(a mem.Addr, g *G, rare *GRare) error {
	b, err := r.gBytes(a)
	if err != nil {
		return fmt.Errorf("%s at %v: %w", r.plans.g.Name(), a, err)
	}
	if err := errors.Join(r.plans.g.Decode(g, b), r.plans.gRare.Decode(rare, b)); err != nil {
		return err
	}
	g.Addr = a
	return nil
}

// gBytes returns the bytes of the descriptor at a as far as they are needed.
func (r *Runtime) gBytes(a mem.Addr) ([]byte, error) {
	if a == 0 {
		return nil, &mem.Fault{Addr: a, Len: r.gSize, Err: mem.ErrUnmapped}
	}
	if r.direct != nil {
		if b := r.direct.Direct(a); len(b) >= r.gSize {
			return b, nil
		}
	}
	b := make([]byte, r.gSize)
	return b, r.Mem.ReadAt(b, a)
}

// maxGs bounds runtime.allgs: more goroutines than any address space holds
// with their smallest stacks.
const maxGs = 1 << 31

// AllGs reads runtime.allgs: every goroutine that ever was, dead ones
// included, in order of creation. A descriptor that cannot be read is passed
// to unreadable (which may be nil) and left out. Several workers read, each
// in order of addresses.
func (r *Runtime) AllGs(ctx context.Context, unreadable func(a mem.Addr, err error)) ([]G, error) {
	addrs, err := r.allgs()
	if err != nil {
		return nil, err
	}
	gs := make([]G, len(addrs))
	bad, err := r.readAll(ctx, addrs, gs)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(bad, func(x, y unread) int { return x.index - y.index })
	for _, b := range bad {
		if unreadable != nil {
			unreadable(addrs[b.index], b.err)
		}
	}
	if len(bad) > 0 {
		gs = slices.DeleteFunc(gs, func(g G) bool { return g.Addr == 0 })
	}
	for i := range gs {
		gs[i].Index = uint32(i)
	}
	return gs, nil
}

// unread is a descriptor that could not be read.
type unread struct {
	index int
	err   error
}

// batch is how many goroutines a worker takes at once.
const batch = 4096

// readAll reads the descriptors at addrs into gs, which is as long. The Addr
// of one that could not be read stays 0.
func (r *Runtime) readAll(ctx context.Context, addrs []mem.Addr, gs []G) ([]unread, error) {
	var (
		next atomic.Int64
		mu   sync.Mutex
		bad  []unread
		wg   sync.WaitGroup
	)
	order := InOrder(len(addrs), func(i int) uint64 { return uint64(addrs[i]) })
	for range min(runtime.GOMAXPROCS(0), len(addrs)/batch+1) {
		wg.Go(func() {
			shared := rares{none: r.noRare}
			for ctx.Err() == nil {
				from := int(next.Add(batch)) - batch
				if from >= len(addrs) {
					return
				}
				for at := from; at < min(from+batch, len(addrs)); at++ {
					i := at
					if order != nil {
						i = int(order[at])
					}
					var rare GRare
					if err := r.readG(addrs[i], &gs[i], &rare); err != nil {
						mu.Lock()
						bad = append(bad, unread{i, err})
						mu.Unlock()
						continue
					}
					gs[i].GRare = shared.share(&rare)
				}
			}
		})
	}
	wg.Wait()
	return bad, ctx.Err()
}

// maxRares bounds the distinct values that a worker looks for equals of.
const maxRares = 1 << 12

// rares gives equal GRares one place. Labels, which a goroutine inherits from
// the one that starts it, are what many have in common.
type rares struct {
	none  *GRare
	known map[GRare]*GRare
	block []GRare
}

func (s *rares) share(v *GRare) *GRare {
	if *v == (GRare{}) {
		return s.none
	}
	// A sleep's end and the time of a change of status are one goroutine's own.
	common := v.TrackingStamp == 0 && v.Timer == 0 && v.SleepWhen == 0
	if common {
		if p := s.known[*v]; p != nil {
			return p
		}
	}
	if len(s.block) == 0 {
		s.block = make([]GRare, 64)
	}
	p := &s.block[0]
	s.block = s.block[1:]
	*p = *v
	if common && len(s.known) < maxRares {
		if s.known == nil {
			s.known = make(map[GRare]*GRare)
		}
		s.known[*v] = p
	}
	return p
}

// allgs returns the addresses in runtime.allgs.
func (r *Runtime) allgs() ([]mem.Addr, error) {
	s, err := r.readSliceAt(r.Globals.AllGs)
	if err != nil {
		return nil, fmt.Errorf("runtime.allgs: %w", err)
	}
	addrs, err := r.readPointers(s, maxGs)
	if err != nil {
		return nil, fmt.Errorf("runtime.allgs: %w", err)
	}
	return addrs, nil
}
