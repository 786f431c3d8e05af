package wake

import (
	"fmt"
	"slices"

	"rtdbg/inspect/wait"
)

// group is the candidates of one object that have the same stack and refer to
// the object from the same frame.
type group struct {
	// refs are the first of them, in order of goroutines, one more than an
	// answer shows, so that a goroutine can be left out of its own answer.
	refs []stackRef
	// count is all of them.
	count int
	// peer says that they wait on the object themselves.
	peer bool
}

// groupKey is what the candidates of one group share. Peers, that wait on the
// object in the same way themselves but have other ways to be woken, are all
// one group, and the least likely.
type groupKey struct {
	shape any
	frame int
	exact bool
	peer  bool
}

// groups returns the candidates of o, by group. It is computed once: many
// goroutines wait on one object.
func (a *Analyzer) groups(o *object) []group {
	o.groupOnce.Do(func() {
		index := make(map[groupKey]int)
		for _, r := range o.refs {
			if !a.canWake(r.g, o) {
				continue
			}
			k := groupKey{peer: true}
			if !a.waitsOn(r.g, o) {
				k = groupKey{shape: a.stacks.Shape(r.g), frame: r.frame, exact: r.exact}
			}
			at, ok := index[k]
			if !ok {
				at = len(o.groups)
				index[k] = at
				o.groups = append(o.groups, group{peer: k.peer})
			}
			gr := &o.groups[at]
			gr.count++
			if len(gr.refs) <= MaxGoids {
				gr.refs = append(gr.refs, r)
			}
			o.able = append(o.able, member{g: r.g, group: at})
		}
	})
	return o.groups
}

// waitsOn reports whether goroutine i waits on o.
func (a *Analyzer) waitsOn(i int, o *object) bool {
	return slices.ContainsFunc(a.on[i], func(on wait.On) bool { return on.Addr != nil && *on.Addr == o.addr })
}

// member is a candidate and the number of its group.
type member struct{ g, group int }

// groupOf returns the number of the group that goroutine i is in, -1 if it is
// no candidate. The members are in order of goroutines.
func (o *object) groupOf(i int) int {
	at, ok := slices.BinarySearchFunc(o.able, i, func(m member, g int) int { return m.g - g })
	if !ok {
		return -1
	}
	return o.able[at].group
}

// hasCandidate reports whether a goroutine other than i can act on o.
func (a *Analyzer) hasCandidate(o *object, i int) bool {
	a.groups(o)
	return len(o.able) > 1 || len(o.able) == 1 && o.able[0].g != i
}

// waker describes the group as a waker of goroutine i, which is left out of it
// if it is a member itself; the zero Waker if nobody is left.
func (gr *group) waker(a *Analyzer, o *object, i int, member bool) Waker {
	w := Waker{By: Goroutine, Object: &o.addr, Certainty: Possible, Count: gr.count}
	if member {
		w.Count--
	}
	for _, r := range gr.refs {
		if r.g == i || len(w.Goids) == MaxGoids {
			continue
		}
		if w.Evidence == nil {
			w.Goid, w.Evidence = a.gs[r.g].Goid, a.evidence(r, o)
			if gr.peer {
				w.Evidence = []string{fmt.Sprintf("waits on %s %v itself, but not only: woken otherwise it could", o.kind, o.addr)}
				w.peer = true
			}
		}
		w.Goids = append(w.Goids, a.gs[r.g].Goid)
	}
	switch w.Count {
	case 0:
		return Waker{}
	case 1:
		w.Count, w.Goids = 0, nil
	}
	return w
}
