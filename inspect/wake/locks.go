package wake

import (
	"cmp"
	"fmt"
	"slices"

	"rtdbg/inspect/code"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/stack"
	"rtdbg/inspect/wait"
)

// rwOwners finds who holds a sync.RWMutex against those who want op of it: a
// reader waits for the pending writer, or for the active one; a pending writer
// for the readers from before it; another writer for the first.
func (a *Analyzer) rwOwners(n int, op wait.Op, o *ownership) {
	if op == wait.Wait {
		a.oldReaders(n, o)
		return
	}
	for _, w := range a.waitersOf(n) {
		if w.op() == wait.Wait {
			fact := "is the writer that waits for the readers before it: those who come later wait for it"
			o.owners, o.sole = []owner{{w.g, Proven, fact}}, true
			return
		}
	}
	a.exclusive(n, writeLock, o)
	if len(o.owners) == 0 && op == wait.Lock {
		// w is locked by a writer that is still on its way.
		o.owners = a.lockedBy(n, readLock, false)
		for i := range o.owners {
			o.owners[i].certainty = Possible
		}
	}
}

// oldReaders finds the readers that a pending writer waits for. All of them
// have to unlock.
func (a *Analyzer) oldReaders(n int, o *ownership) {
	o.owners = a.lockedBy(n, readLock, false)
	if len(o.owners) == 0 {
		// A reader that wants to write waits for itself.
		o.owners = a.lockedBy(n, readLock, true)
	}
	rw, err := a.rt.ReadRWMutex(a.objects[n].addr)
	count, ok := rw.OldReaders, err == nil
	if !ok || count != len(o.owners) {
		certain := 0
		for i := range o.owners {
			if o.owners[i].certainty == Inferred {
				certain++
			}
		}
		if ok && count == certain {
			o.owners = slices.DeleteFunc(o.owners, func(x owner) bool { return x.certainty != Inferred })
			o.sole, o.all = true, true
		}
		return
	}
	for i := range o.owners {
		o.owners[i].certainty = Inferred
	}
	o.sole, o.all = true, true
}

// groupOwers finds the goroutines that still have to call Done: those that
// wg.Go started, and those that deferred it.
func (a *Analyzer) groupOwers(n int, o *ownership) {
	seen := make(map[int32]bool)
	routes := a.paths(n, nil)
	a.eachRef(routes, func(g uint32, r *ref, p route) {
		i := int32(r.g)
		if seen[i] || r.off > p.need {
			return
		}
		if frame := a.wgGo(a.groups[g].shape); frame >= 0 && int(r.outer) == frame && p.hops <= 1 {
			_, shown := a.stacks.Func(a.shapes.list[a.groups[g].shape].stack, frame)
			seen[i] = true
			o.owners = append(o.owners, owner{i, Proven, fmt.Sprintf("frame %d %s calls Done when it goes on", shown, wgGoFunc)})
			return
		}
		if fact, ok := a.deferredOn(int(i), n, routes, lockOps{unlock: code.Done}); ok {
			seen[i] = true
			o.owners = append(o.owners, owner{i, Inferred, fact})
		}
	})
	slices.SortFunc(o.owners, func(x, y owner) int { return cmp.Compare(x.g, y.g) })
	wg, err := a.rt.ReadWaitGroup(a.objects[n].addr)
	if err == nil && len(o.owners) > 0 && wg.Counter <= len(o.owners) {
		o.sole, o.all = true, true
	}
}

// wgGo returns the frame of the function that sync.(*WaitGroup).Go starts
// (since Go 1.25), -1 if the stack has none.
func (a *Analyzer) wgGo(shape uint32) int {
	frames := a.shapes.list[shape].stack.Frames
	for i := len(frames) - 1; i >= 0 && i >= len(frames)-2; i-- {
		if frames[i].Func.Name == wgGoFunc {
			return i
		}
	}
	return -1
}

// wgGoFunc is the function that sync.(*WaitGroup).Go starts.
const wgGoFunc = "sync.(*WaitGroup).Go.func1"

// fdOwner finds who holds the lock of a file descriptor: who is reading it,
// writing it, or for Close, using it.
func (a *Analyzer) fdOwner(n int, w waiter, o *ownership) {
	var methods []string
	switch a.partOf(w, n) {
	case wait.FDRead:
		methods = []string{"Read", "Pread", "Accept", "RawRead"}
	case wait.FDWrite:
		methods = []string{"Write", "Pwrite", "WaitWrite", "RawWrite", "SendFile"}
	case wait.FDClose:
		methods = []string{""}
	default:
		return
	}
	for _, m := range methods {
		o.owners = append(o.owners, a.inFunction(n, "internal/poll.(*FD)."+m, Proven, "is using the file descriptor")...)
	}
	slices.SortFunc(o.owners, func(x, y owner) int { return cmp.Compare(x.g, y.g) })
	o.sole = len(o.owners) > 0
}

// deferredOn says whether goroutine i has deferred what unlocks object n, to
// which the routes lead, and has not let go of it in the meantime. Where
// nothing locks, as with a WaitGroup, ops.lock is 0.
func (a *Analyzer) deferredOn(i, n int, routes []route, ops lockOps) (fact string, ok bool) {
	if !a.info[i].deferring {
		return "", false
	}
	sh := a.shapes.list[a.info[i].shape]
	a.stacks.Deferred(i, func(d *stack.Deferred) {
		if ok || !a.defers(d, n, routes, ops) || a.letGo(sh, d.Frame, ops) {
			return
		}
		name, shown := a.stacks.Func(sh.stack, d.Frame)
		callee := d.Callee
		if callee == "" {
			callee = d.Name
		}
		fact, ok = fmt.Sprintf("frame %d %s has deferred %s of it", shown, name, callee), true
	})
	return fact, ok
}

// defers reports whether a deferred call unlocks object n: the wrapper of such a
// call by its argument, another function by its code, which must not lock it
// first, and by what it captured: where the code does not show what it works on,
// that must point to what the lock lies in.
func (a *Analyzer) defers(d *stack.Deferred, n int, routes []route, ops lockOps) bool {
	at := a.objects[n].addr
	if d.Wrapper && d.Callee != "" {
		arg, known := d.Argument()
		return d.Ops&ops.unlock != 0 && known && arg == at
	}
	does := a.code.Func(d.Entry).Any()
	if does&(ops.unlock|code.Dynamic) == 0 {
		return false
	}
	if sites, ok := a.code.UnlocksFirst(d.Entry, ops.lock, ops.unlock); ok && !d.Wrapper && does&ops.unlock != 0 {
		switch on := unlocked(d, sites, at); {
		case on != perhaps:
			return on == yes
		case does&ops.lock != 0 && len(sites) == 0:
			return false
		}
	}
	for _, v := range d.Captured {
		if v == at {
			return true
		}
		m, ok := a.nodeOf(v)
		if !ok || d.Wrapper || does&ops.unlock == 0 {
			continue
		}
		if slices.ContainsFunc(routes, func(p route) bool {
			return p.hops == 0 && p.node == m && offset(v, a.nodes[m].extent.Start) <= p.need
		}) {
			return true
		}
	}
	return false
}

// unlocked says whether it is the lock at an address that a deferred function
// unlocks at some places, as far as its code shows what they work on.
func unlocked(d *stack.Deferred, sites []code.Site, at mem.Addr) can {
	known := no
	for i := range sites {
		s := &sites[i]
		word := int(s.Slot/8) - 1
		switch {
		case s.On == at && !s.OnPointer, s.InClosure && word >= 0 && word < len(d.Captured) && d.Captured[word]+mem.Addr(s.Offset) == at:
			return yes
		case !s.InClosure && (s.On == 0 || s.OnPointer), s.InClosure && (word < 0 || word >= len(d.Captured)):
			known = perhaps
		}
	}
	if len(sites) == 0 {
		return perhaps
	}
	return known
}
