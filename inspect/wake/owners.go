package wake

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"rtdbg/inspect/code"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/wait"
)

// held is one side of an object: see side.
type held struct {
	object uint32
	side   uint8
}

// owner is a goroutine that is known to hold something.
type owner struct {
	g         int32
	certainty Certainty
	// fact says how it is known.
	fact string
}

// ownership is what is known of those who hold one side of an object.
type ownership struct {
	held
	owners []owner
	// sole says that nobody else ends the waits, all that every one of them
	// has to act.
	sole, all bool
}

// findOwners finds who holds the locks that goroutines wait on.
func (a *Analyzer) findOwners(ctx context.Context) error {
	a.holders, a.holds, a.sole = make(map[held]ownership), make(map[int32][]held), make(map[held]bool)
	a.acted = make(map[held]int)
	found := make([][]ownership, workers())
	err := each(ctx, len(a.objects), func(w, n int) {
		switch a.objects[n].kind {
		case wait.Mutex, wait.RWMutex, wait.WaitGroup, wait.Sema:
			found[w] = a.ownersOf(n, found[w])
		}
	})
	for _, list := range found {
		for _, o := range list {
			a.holders[o.held] = o
			if o.sole {
				a.sole[o.held] = true
			}
			for _, x := range o.owners {
				if x.certainty != Possible {
					a.holds[x.g] = append(a.holds[x.g], o.held)
				}
			}
		}
	}
	return err
}

// ownersOf appends who holds object n, for each side that somebody waits on.
func (a *Analyzer) ownersOf(n int, list []ownership) []ownership {
	ws := a.waitersOf(n)
	done := [sides]bool{}
	for _, w := range ws {
		s := side(w.op())
		if done[s] {
			continue
		}
		done[s] = true
		o := ownership{held: held{uint32(n), s}}
		switch a.objects[n].kind {
		case wait.Mutex:
			a.mutexOwner(n, w, &o)
		case wait.RWMutex:
			a.rwOwners(n, w.op(), &o)
		case wait.WaitGroup:
			a.groupOwers(n, &o)
		case wait.Sema:
			a.fdOwner(n, w, &o)
		}
		if len(o.owners) > 0 {
			list = append(list, o)
		}
	}
	return list
}

// settled reports whether it is known who alone ends the waits on one side of
// an object.
func (a *Analyzer) settled(n uint32, of uint8) bool { return a.sole[held{n, of}] }

// ownerCandidates are the goroutines that are known to hold object n.
func (a *Analyzer) ownerCandidates(n int, op wait.Op) []Candidate {
	var list []Candidate
	for _, o := range a.holders[held{uint32(n), side(op)}].owners {
		list = append(list, Candidate{Members: []int32{o.g}, How: how(a.objects[n].kind, op), Certainty: o.certainty, fact: o.fact,
			ability: ability{can: yes}, ref: ref{exact: true, own: true}})
	}
	return foldOwners(list)
}

// foldOwners makes one candidate of those that are known by the same fact.
func foldOwners(list []Candidate) []Candidate {
	kept := list[:0]
	for _, c := range list {
		if n := len(kept); n > 0 && kept[n-1].fact == c.fact && kept[n-1].Certainty == c.Certainty {
			kept[n-1].Members = append(kept[n-1].Members, c.Members...)
			slices.Sort(kept[n-1].Members)
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

// mutexOwner finds the owner of a sync.Mutex, or of that in a sync.Once.
func (a *Analyzer) mutexOwner(n int, w waiter, o *ownership) {
	at := a.objects[n].addr
	if a.partOf(w, n) == wait.OnceMutex {
		o.owners = a.inFunction(n, "sync.(*Once).doSlow", Proven, "executes the function of the Once")
		if len(o.owners) == 0 {
			o.owners = a.recursive(n, "sync.(*Once).doSlow")
		}
		o.sole = len(o.owners) == 1
		return
	}
	if m, err := a.rt.ReadMutex(at); err == nil && !m.Locked {
		o.owners = a.takers(n, m.Starving)
		return
	}
	a.exclusive(n, mutexLock, o)
}

// lockOps are the operations on one kind of lock.
type lockOps struct{ lock, unlock code.Ops }

// The kinds of lock: a mutex, an RWMutex for writing and one for reading.
var (
	mutexLock = lockOps{code.Lock, code.Unlock}
	writeLock = lockOps{code.WLock, code.WUnlock}
	readLock  = lockOps{code.RLock, code.RUnlock}
)

// exclusive fills in the one owner of a lock from what stacks and code show.
func (a *Analyzer) exclusive(n int, ops lockOps, o *ownership) {
	o.owners = a.lockedBy(n, ops, false)
	sure := inferred(o.owners)
	if len(sure) == 0 {
		// One that waits for itself.
		sure = inferred(a.lockedBy(n, ops, true))
	}
	if len(sure) == 1 {
		o.owners, o.sole = sure, true
		return
	}
	// Code that has locked something is not enough to say that it was this
	// lock, and that nobody else can unlock it.
	only := len(o.owners) == 1
	for i := range o.owners {
		o.owners[i].certainty = Possible
		if only {
			o.owners[i].certainty = Inferred
		}
	}
}

// inferred are those of a list that are known to hold the very lock.
func inferred(list []owner) []owner {
	return slices.DeleteFunc(slices.Clone(list), func(x owner) bool { return x.certainty != Inferred })
}

// lockedBy finds the goroutines that hold object n by what they have deferred
// or locked (certainty inferred) or, where it is not known which lock that was,
// by the code in their frames (possible): those that wait on it themselves or
// all others. They are in order of goroutines.
func (a *Analyzer) lockedBy(n int, ops lockOps, waiting bool) []owner {
	var list []owner
	seen := make(map[int32]int)
	routes := a.paths(n, nil)
	a.eachRef(routes, func(g uint32, r *ref, p route) {
		i := int32(r.g)
		at, known := seen[i]
		if known && list[at].certainty == Inferred || a.retakes(r, n, p) != waiting || r.off > p.need || a.givenUp(int(i), n) {
			return
		}
		x := owner{g: i, certainty: Inferred}
		ok := false
		if !known {
			x.fact, ok = a.deferredOn(int(i), n, routes, ops.unlock)
		}
		if !ok {
			x.fact, x.certainty, ok = a.lockedIn(lockedKey{a.groups[g].shape, r.inner, r.outer, ops}, int(i), n)
		}
		switch {
		case !ok:
		case known:
			list[at] = x
		default:
			seen[i] = len(list)
			list = append(list, x)
		}
	})
	slices.SortFunc(list, func(x, y owner) int { return cmp.Compare(x.g, y.g) })
	return list
}

// maxOwnerRefs bounds the references that are looked at for one lock.
const maxOwnerRefs = 1 << 16

// eachRef calls visit for the references to the nodes of routes, the nearest
// first.
func (a *Analyzer) eachRef(routes []route, visit func(g uint32, r *ref, p route)) {
	count := 0
	for _, p := range routes {
		first, to := a.groupsOf(p.node)
		for g := first; g < to; g++ {
			members := a.members(g)
			for j := range members {
				if count++; count > maxOwnerRefs {
					return
				}
				visit(g, &members[j], p)
			}
		}
	}
}

// waitsOnlyOn reports whether object n is all that goroutine i waits on.
func (a *Analyzer) waitsOnlyOn(i, n int) bool {
	ws := a.waitsOf(i)
	return len(ws) > 0 && onlyWaits(ws, int32(n))
}

// givenUp reports whether goroutine i waits on a sync.Cond whose lock L is
// object n: Wait has unlocked it.
func (a *Analyzer) givenUp(i, n int) bool {
	ws := a.waitsOf(i)
	if len(ws) != 1 || ws[0].Kind() != wait.Cond || ws[0].Addr == 0 {
		return false
	}
	// Cond.L is an interface, the second word its value (sync/cond.go).
	l, err := a.rt.ReadWord(ws[0].Addr + 8)
	return err == nil && mem.Addr(l) == a.objects[n].addr
}

// takers are the goroutines that were woken to take a mutex that is free.
func (a *Analyzer) takers(n int, starving bool) []owner {
	var list []owner
	fact := "was woken to take the mutex, which is free"
	if starving {
		fact = "was handed the mutex, which is starving"
	}
	a.eachRef(a.paths(n, nil), func(_ uint32, r *ref, p route) {
		if !a.waitsOnlyOn(int(r.g), n) && a.retakes(r, n, p) {
			list = append(list, owner{int32(r.g), Inferred, fact})
		}
	})
	slices.SortFunc(list, func(x, y owner) int { return cmp.Compare(x.g, y.g) })
	return slices.CompactFunc(list, func(x, y owner) bool { return x.g == y.g })
}

// retakes reports whether the goroutine of r, which refers to the lock n, has
// been woken and is about to take it, or waits for it.
func (a *Analyzer) retakes(r *ref, n int, p route) bool {
	i := int(r.g)
	if a.waitsOnlyOn(i, n) {
		return true
	}
	sh := a.shapes.list[a.info[i].shape]
	if p.hops > 0 || a.info[i].nwaits != 0 || !sh.locking {
		return false
	}
	switch a.objects[n].kind {
	case wait.Mutex:
		// It may be about to take another one: it is this one that
		// (*Mutex).lockSlow has, which is in front of the program's frames.
		return r.off == p.need && int(r.inner) < len(sh.own) && !sh.own[r.inner]
	case wait.RWMutex:
		return true
	}
	return false
}

// inFunction finds the goroutines that refer to object n and have fn on their
// stack, other than those that wait on it.
func (a *Analyzer) inFunction(n int, fn string, c Certainty, fact string) []owner {
	var list []owner
	a.eachRef(a.paths(n, nil), func(g uint32, r *ref, p route) {
		if p.hops > 0 || a.waitsOnlyOn(int(r.g), n) {
			return
		}
		sh := a.shapes.list[a.groups[g].shape]
		for i := range sh.stack.Frames {
			if strings.HasPrefix(sh.stack.Frames[i].Func.Name, fn) {
				name, shown := a.stacks.Func(sh.stack, i)
				list = append(list, owner{int32(r.g), c, fmt.Sprintf("frame %d %s %s", shown, name, fact)})
				return
			}
		}
	})
	slices.SortFunc(list, func(x, y owner) int { return cmp.Compare(x.g, y.g) })
	return slices.CompactFunc(list, func(x, y owner) bool { return x.g == y.g })
}

// recursive finds the goroutine that waits on object n in a call of fn within
// another one.
func (a *Analyzer) recursive(n int, fn string) []owner {
	for _, w := range a.waitersOf(n) {
		sh := a.shapes.list[a.info[w.g].shape]
		times := 0
		for i := range sh.stack.Frames {
			if sh.stack.Frames[i].Func.Name != fn {
				continue
			}
			if times++; times > 1 {
				name, shown := a.stacks.Func(sh.stack, i)
				return []owner{{w.g, Inferred, fmt.Sprintf("frame %d %s executes the function of a Once, which has called it again", shown, name)}}
			}
		}
	}
	return nil
}

// partOf returns the part of object n in which a waiter waits.
func (a *Analyzer) partOf(w waiter, n int) wait.Part {
	for _, x := range a.waitsOf(int(w.g)) {
		if x.obj == int32(n) {
			return x.Part
		}
	}
	return wait.Whole
}
