package inspect

import (
	"cmp"
	"context"
	"math"
	"slices"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
	"rtdbg/inspect/wait"
)

// Origin is the parked goroutines that one function started to run one function:
// what grows when something leaks. The runtime's own are in none.
type Origin struct {
	// CreatedBy is the function with the go statement, "" for the main
	// goroutine; Start is the function that they run.
	CreatedBy string `json:"created_by"`
	Start     string `json:"start"`
	Count     int    `json:"count"`
	// WaitReasons are why they are parked, in order of the alphabet.
	WaitReasons []string `json:"wait_reasons"`
	// Kinds are those of the objects that they wait on, in order of the
	// alphabet, Objects how many different ones there are.
	Kinds   []wait.Kind `json:"kinds"`
	Objects int         `json:"objects"`
	// Oldest and Newest are the smallest and the largest goid.
	Oldest uint64 `json:"oldest"`
	Newest uint64 `json:"newest"`
	// MaxWaitNS is the longest wait that is known, ns.
	MaxWaitNS *int64 `json:"max_wait_ns"`
	// Ended is how many goroutines at least were started between the oldest and
	// the newest and have ended since: the ids that are missing, less those that
	// Ps hold in advance.
	Ended int `json:"ended"`
	// InOrder says that collections have found them parked in the order of their
	// ids, at three moments or more.
	InOrder bool `json:"in_order"`
	// Parents counts those whose creator is a goroutine that is left; nil where
	// the runtime does not keep that (before Go 1.21).
	Parents *int `json:"parents"`
	// Alone counts those whose creator has ended and has left nobody else; nil
	// where Parents is.
	Alone *int `json:"alone"`
	// Place is where the program stands in the oldest.
	Place string `json:"place"`

	oldest  *Goroutine
	members []member
	objects []mem.Addr
}

// member is a goroutine of an Origin: its id, the nanotime since which a collection
// has found it parked, MaxInt64 if none has yet, and the id of its creator, 0 if it is
// not known.
type member struct {
	goid   uint64
	since  int64
	parent uint64
}

// OriginOptions say which goroutines are one Origin.
type OriginOptions struct {
	// Leaked leaves out those that something can wake.
	Leaked bool
	// Places parts those that stand in different places, or wait for different
	// reasons.
	Places bool
}

// originKey is what the goroutines of one Origin have in common.
type originKey struct {
	createdBy, start string
	place            string
	reason           uint8
}

// originPart is what goroutines share of which the key need be made only once.
type originPart struct {
	goPC, startPC mem.Addr
	stack         *stack.Stack
	reason        uint8
}

// Origins groups the parked goroutines by origin, the largest group first.
func (p *Process) Origins(ctx context.Context, o OriginOptions) ([]Origin, error) {
	gs, err := p.Goroutines(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.eachStack(ctx, nil); err != nil {
		return nil, err
	}
	take := func(i int) bool { return true }
	if o.Leaked {
		leaks, err := p.Leaks(ctx)
		if err != nil {
			return nil, err
		}
		leaked := make([]bool, len(gs))
		for _, i := range leaks.list {
			leaked[i] = true
		}
		take = func(i int) bool { return leaked[i] }
	}
	sections, err := rt.InSections(ctx, len(gs), func(from, to int) *originSection {
		s := &originSection{p: p, o: o, at: make(map[originKey]*Origin), parts: make(map[originPart]*Origin)}
		for i := from; i < to; i++ {
			if i%1024 == 0 && ctx.Err() != nil {
				break
			}
			if take(i) {
				s.add(gs[i])
			}
		}
		return s
	})
	if err != nil {
		return nil, err
	}
	all := sections[0]
	for _, s := range sections[1:] {
		all.join(s)
	}
	ps, err := p.RT.AllPs()
	if err != nil {
		return nil, err
	}
	living, batches := p.living(), uint64(rt.GoidBatch*len(ps))
	list := make([]Origin, 0, len(all.at))
	for _, origin := range all.at {
		origin.finish(p.Now(), living, batches)
		list = append(list, *origin)
	}
	slices.SortFunc(list, func(a, b Origin) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Oldest, b.Oldest))
	})
	return list, nil
}

// living are the goroutines that are not dead: their ids, and those of their creators,
// each as often as it has made one; both sorted.
type living struct{ ids, parents []uint64 }

func (p *Process) living() (l living) {
	for _, g := range p.gs {
		if !g.Dead() {
			l.ids, l.parents = append(l.ids, g.Goid), append(l.parents, g.ParentGoid)
		}
	}
	slices.Sort(l.ids)
	slices.Sort(l.parents)
	return l
}

// parentage counts the members whose creator lives, and those whose creator does not
// and has left nobody else.
func (l living) parentage(members []member) (parents, alone int) {
	for _, m := range members {
		if _, lives := slices.BinarySearch(l.ids, m.parent); lives {
			parents++
			continue
		}
		if i, _ := slices.BinarySearch(l.parents, m.parent); i+1 == len(l.parents) || l.parents[i+1] != m.parent {
			alone++
		}
	}
	return parents, alone
}

// originSection is the origins of a range of the goroutines.
type originSection struct {
	p  *Process
	o  OriginOptions
	at map[originKey]*Origin
	// parts finds most goroutines' Origin without a look at functions; nil is
	// that of the runtime's own.
	parts map[originPart]*Origin
	refs  []wait.Ref
}

// add counts a goroutine, if it is parked.
func (s *originSection) add(g *Goroutine) {
	status := g.Status()
	if status != rt.Waiting && status != rt.Leaked {
		return
	}
	t := g.Trace()
	part := originPart{g.GoPC, g.StartPC, t.Stack, g.G.WaitReason}
	o, known := s.parts[part]
	if !known {
		o = s.origin(g)
		s.parts[part] = o
	}
	if o == nil {
		return
	}
	o.Count++
	if o.oldest == nil || g.Goid < o.oldest.Goid {
		o.oldest = g
	}
	since := int64(math.MaxInt64)
	if g.WaitSince != 0 {
		since = g.WaitSince
	}
	o.members = append(o.members, member{g.Goid, since, g.ParentGoid})
	s.refs = s.p.wait().RefsOf(g.G, t, s.refs[:0])
	for _, r := range s.refs {
		if k := r.Kind(); !slices.Contains(o.Kinds, k) {
			o.Kinds = append(o.Kinds, k)
		}
		if r.Addr != 0 {
			o.objects = append(o.objects, r.Addr)
		}
	}
}

// origin returns the Origin of a goroutine, nil for one of the runtime's own.
func (s *originSection) origin(g *Goroutine) *Origin {
	if g.System() {
		return nil
	}
	k := originKey{createdBy: g.CreatedBy(), start: g.Start()}
	if s.o.Places {
		k.place, k.reason = g.place(), g.G.WaitReason
	}
	o := s.at[k]
	if o == nil {
		o = &Origin{CreatedBy: s.p.printed(k.createdBy), Start: s.p.printed(k.start), Kinds: []wait.Kind{}}
		s.at[k] = o
	}
	o.WaitReasons = append(o.WaitReasons, g.WaitReason())
	return o
}

// join adds the origins of another range.
func (s *originSection) join(other *originSection) {
	for k, o := range other.at {
		mine := s.at[k]
		if mine == nil {
			s.at[k] = o
			continue
		}
		if o.oldest.Goid < mine.oldest.Goid {
			mine.oldest = o.oldest
		}
		mine.members = append(mine.members, o.members...)
		mine.Count += o.Count
		mine.Kinds = append(mine.Kinds, o.Kinds...)
		mine.WaitReasons = append(mine.WaitReasons, o.WaitReasons...)
		mine.objects = append(mine.objects, o.objects...)
	}
}

// finish completes an Origin when all its goroutines are in it. batches is how many ids
// Ps may hold.
func (o *Origin) finish(now Now, all living, batches uint64) {
	o.Place = o.oldest.place()
	slices.Sort(o.WaitReasons)
	o.WaitReasons = slices.Compact(o.WaitReasons)
	slices.Sort(o.Kinds)
	o.Kinds = slices.Compact(o.Kinds)
	slices.Sort(o.objects)
	o.Objects = len(slices.Compact(o.objects))
	slices.SortFunc(o.members, func(a, b member) int { return cmp.Compare(a.goid, b.goid) })
	o.Oldest, o.Newest = o.members[0].goid, o.members[len(o.members)-1].goid
	from, _ := slices.BinarySearch(all.ids, o.Oldest)
	to, _ := slices.BinarySearch(all.ids, o.Newest)
	missing := o.Newest - o.Oldest - uint64(to-from)
	o.Ended = int(missing - min(missing, batches))
	o.InOrder = inOrder(o.members, batches)
	if !slices.ContainsFunc(o.members, func(m member) bool { return m.parent == 0 }) {
		parents, alone := all.parentage(o.members)
		o.Parents, o.Alone = &parents, &alone
	}
	longest := slices.MinFunc(o.members, func(a, b member) int { return cmp.Compare(a.since, b.since) }).since
	o.members, o.objects = nil, nil
	if longest == math.MaxInt64 {
		return
	}
	if d, _, ok := now.Since(longest); ok {
		o.MaxWaitNS = &d
	}
}

// inOrder reports whether members, which are sorted by their ids, were found parked
// in that order, at three moments or more. Within the batches that Ps hold ids do not
// tell who was started first.
func inOrder(members []member, batches uint64) bool {
	moments := map[int64]bool{}
	earlier, latest := 0, int64(math.MinInt64)
	for _, m := range members {
		if len(moments) < 3 {
			moments[m.since] = true
		}
		for ; members[earlier].goid+batches < m.goid; earlier++ {
			latest = max(latest, members[earlier].since)
		}
		if latest > m.since {
			return false
		}
	}
	return len(moments) == 3 && members[len(members)-1].goid-members[0].goid > batches
}
