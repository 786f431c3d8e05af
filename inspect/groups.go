package inspect

import (
	"context"

	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// groupKey is what goroutines of one group share.
type groupKey struct {
	shape   any
	state   string
	verdict wake.Verdict
	kind    wait.Kind
}

// section is the groups of a range of the goroutines, in order of their first
// ones.
type section struct {
	groups []Group
	keys   []groupKey
	// firsts are the numbers of the first goroutine of each group.
	firsts []int
	// goroutines counts those that are not dead, stuck those of them for which
	// nobody was found.
	goroutines, stuck int
}

// groups puts all goroutines into groups, in no particular order.
func (p *Process) groups(ctx context.Context) (*Diagnosis, error) {
	gs, err := p.Goroutines(ctx)
	if err != nil {
		return nil, err
	}
	a, err := p.analysis(ctx)
	if err != nil {
		return nil, err
	}
	d := &Diagnosis{Threads: len(p.threads), Deadlocks: []Deadlock{}, Roots: []Root{}, groupOf: make([]int32, len(gs))}
	sections, err := rt.InSections(ctx, len(gs), func(from, to int) section { return p.section(ctx, a, from, to, d.groupOf) })
	if err != nil {
		return nil, err
	}
	index := make(map[groupKey]int32)
	for i, s := range sections {
		d.Goroutines += s.goroutines
		d.Stuck += s.stuck
		place := make([]int32, len(s.groups))
		for j, k := range s.keys {
			at, known := index[k]
			if !known {
				at = int32(len(d.Groups))
				index[k] = at
				d.Groups = append(d.Groups, p.newGroup(gs[s.firsts[j]], a.Answer(s.firsts[j])))
			}
			place[j] = at
			d.Groups[at].merge(&s.groups[j])
		}
		from, to := rt.Section(len(gs), len(sections), i)
		for g := from; g < to; g++ {
			if at := d.groupOf[g]; at >= 0 {
				d.groupOf[g] = place[at]
			}
		}
	}
	return d, nil
}

// section groups the goroutines from number from on, up to number to, and puts
// the number of the group of each into groupOf, -1 for dead ones.
func (p *Process) section(ctx context.Context, a *wake.Analyzer, from, to int, groupOf []int32) section {
	var s section
	index := make(map[groupKey]int)
	var last groupKey
	at := -1
	for i := from; i < to; i++ {
		if i%1024 == 0 && ctx.Err() != nil {
			return s
		}
		g := p.gs[i]
		groupOf[i] = -1
		if g.Dead() {
			continue
		}
		s.goroutines++
		v := a.Verdict(i)
		if stuck(v) && !wake.ByDesign(g.G, g.WaitReason()) {
			s.stuck++
		}
		k := groupKey{shape: g.Trace().Stack, state: g.state(), verdict: v, kind: a.Kind(i)}
		if at < 0 || k != last {
			known := false
			if at, known = index[k]; !known {
				at = len(s.groups)
				index[k] = at
				s.groups, s.keys, s.firsts = append(s.groups, Group{}), append(s.keys, k), append(s.firsts, i)
			}
			last = k
		}
		groupOf[i] = int32(at)
		s.groups[at].add(g)
	}
	return s
}

func (p *Process) newGroup(g *Goroutine, ans wake.Answer) Group {
	gr := Group{State: g.state(), Verdict: ans.Verdict, CreatedBy: g.CreatedBy(), WaitsOn: g.WaitsOn(),
		Wakers: ans.Wakers, More: ans.More, Note: ans.Note, system: g.System()}
	if gr.WaitsOn == nil {
		gr.WaitsOn = []wait.On{}
	}
	if f, ok := g.Place(); ok {
		gr.Function, gr.File, gr.Line = p.printed(f.Func), f.File, f.Line.Line
	}
	gr.Idle = gr.system || ans.Verdict == wake.External || wake.ByDesign(g.G, gr.State)
	return gr
}

func (gr *Group) add(g *Goroutine) {
	gr.Count++
	if len(gr.Goids) < wake.MaxGoids {
		gr.Goids = append(gr.Goids, g.Goid)
	}
	if ns, how, ok := g.Waited(); ok && (gr.WaitNS == nil || ns > *gr.WaitNS) {
		if gr.WaitNS == nil {
			gr.WaitNS = new(int64)
		}
		*gr.WaitNS, gr.WaitAccuracy = ns, how
	}
}

// merge adds the goroutines of a part of the same group, which come behind its
// own.
func (gr *Group) merge(part *Group) {
	gr.Count += part.Count
	gr.Goids = append(gr.Goids, part.Goids[:min(len(part.Goids), wake.MaxGoids-len(gr.Goids))]...)
	if part.WaitNS != nil && (gr.WaitNS == nil || *part.WaitNS > *gr.WaitNS) {
		gr.WaitNS, gr.WaitAccuracy = part.WaitNS, part.WaitAccuracy
	}
}
