package rt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/progress"
)

// ReadG reads the goroutine descriptor at a.
func (r *Runtime) ReadG(a mem.Addr) (G, error) {
	g := G{GRare: r.noRare}
	var rare GRare
	if err := r.readG(a, &g, &rare, gSource{}); err != nil {
		return g, err
	}
	if rare != (GRare{}) {
		g.GRare = &rare
	}
	return g, nil
}

// gSource is what one who reads many descriptors, in order of addresses, keeps
// from one to the next.
type gSource struct {
	ahead *mem.Ahead // nil where the memory is not read ahead
	buf   []byte
}

// readG reads the descriptor at a into g, but for g.GRare, and into rare.
func (r *Runtime) readG(a mem.Addr, g *G, rare *GRare, from gSource) error {
	b, err := r.gBytes(a, from)
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
func (r *Runtime) gBytes(a mem.Addr, from gSource) ([]byte, error) {
	if a == 0 {
		return nil, &mem.Fault{Addr: a, Len: r.gSize, Err: mem.ErrUnmapped}
	}
	if b := from.ahead.Bytes(a, r.gSize); len(b) >= r.gSize {
		return b, nil
	}
	if r.direct != nil {
		if b := r.direct.Direct(a); len(b) >= r.gSize {
			return b, nil
		}
	}
	b := from.buf
	if b == nil {
		b = make([]byte, r.gSize)
	}
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
	all, err := r.allgs()
	if err != nil {
		return nil, err
	}
	gs := make([]G, all.len())
	bad, err := r.readAll(ctx, all, gs)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(bad, func(x, y unread) int { return x.index - y.index })
	for _, b := range bad {
		if unreadable != nil {
			unreadable(all.at(b.index), b.err)
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

// readAll reads all descriptors into gs, which is as long as there are. The
// Addr of one that could not be read stays 0.
func (r *Runtime) readAll(ctx context.Context, all pointers, gs []G) ([]unread, error) {
	var mu sync.Mutex
	var bad []unread
	order := InOrder(len(gs), func(i int) uint64 { return uint64(all.at(i)) })
	phase := progress.Begin(ctx, "goroutines", len(gs))
	defer phase.End()
	err := InBatches(ctx, len(gs), batch, func(_ int, next func() (from, to int)) {
		shared, source := rares{none: r.noRare}, gSource{mem.NewAhead(r.Mem), make([]byte, r.gSize)}
		for from, to := next(); from < to; from, to = next() {
			for i := from; i < to; i++ {
				n := Nth(order, i)
				var rare GRare
				if err := r.readG(all.at(n), &gs[n], &rare, source); err != nil {
					mu.Lock()
					bad = append(bad, unread{n, err})
					mu.Unlock()
					continue
				}
				gs[n].GRare = shared.share(&rare)
			}
			phase.Add(to - from)
		}
	})
	return bad, err
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

// pointers is a slice of pointers in the target.
type pointers struct {
	b []byte
	r *Runtime
}

func (p pointers) len() int { return len(p.b) / p.r.Arch.PtrSize }

func (p pointers) at(i int) mem.Addr { return mem.Addr(p.r.word(p.b[i*p.r.Arch.PtrSize:])) }

// allgs returns the addresses in runtime.allgs.
func (r *Runtime) allgs() (pointers, error) {
	s, err := r.readSliceAt(r.Globals.AllGs)
	if err != nil {
		return pointers{}, fmt.Errorf("runtime.allgs: %w", err)
	}
	b, err := r.pointerBytes(s, maxGs)
	if err != nil {
		return pointers{}, fmt.Errorf("runtime.allgs: %w", err)
	}
	return pointers{b, r}, nil
}
