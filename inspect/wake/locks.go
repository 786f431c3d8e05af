package wake

import (
	"cmp"
	"fmt"
	"slices"

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
		if w.op == wait.Wait {
			fact := "is the writer that waits for the readers before it: those who come later wait for it"
			o.owners, o.sole = []owner{{w.g, Proven, fact}}, true
			return
		}
	}
	a.exclusive(n, exclusiveLock, o)
	if len(o.owners) == 0 && op == wait.Lock {
		// w is locked by a writer that is still on its way.
		o.owners = a.lockedBy(n, readLock, false)
		for i := range o.owners {
			o.owners[i].certainty = Possible
		}
	}
}

// rwReaderWait is the offset of RWMutex.readerWait: the number of readers
// that the pending writer waits for (sync/rwmutex.go).
const rwReaderWait = 20

// oldReaders finds the readers that a pending writer waits for. All of them
// have to unlock.
func (a *Analyzer) oldReaders(n int, o *ownership) {
	o.owners = a.lockedBy(n, readLock, false)
	if len(o.owners) == 0 {
		// A reader that wants to write waits for itself.
		o.owners = a.lockedBy(n, readLock, true)
	}
	count, ok := a.word32(a.objects[n].addr + rwReaderWait)
	if !ok || int(count) != len(o.owners) {
		certain := 0
		for i := range o.owners {
			if o.owners[i].certainty == Inferred {
				certain++
			}
		}
		if ok && int(count) == certain {
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
	a.eachRef(n, func(g uint32, r *ref, p route) {
		i := int32(r.g)
		if seen[i] || r.off > p.need || a.waitsOnlyOn(int(i), n) {
			return
		}
		if frame := a.wgGo(a.groups[g].shape); frame >= 0 && int(r.outer) == frame && p.hops <= 1 {
			_, shown := a.stacks.Func(a.shapes.list[a.groups[g].shape].stack, frame)
			seen[i] = true
			o.owners = append(o.owners, owner{i, Proven, fmt.Sprintf("frame %d %s calls Done when it goes on", shown, wgGoFunc)})
			return
		}
		if fact, ok := a.deferredDone(int(i), n); ok {
			seen[i] = true
			o.owners = append(o.owners, owner{i, Inferred, fact})
		}
	})
	slices.SortFunc(o.owners, func(x, y owner) int { return cmp.Compare(x.g, y.g) })
	if left, ok := a.dones(n); ok && len(o.owners) > 0 && int(left) <= len(o.owners) {
		o.sole, o.all = true, true
	}
}

// dones returns how many calls of Done a sync.WaitGroup still waits for: the
// upper half of its state (sync/waitgroup.go; state1 before Go 1.20).
func (a *Analyzer) dones(n int) (uint32, bool) { return a.word32(a.objects[n].addr + 4) }

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

// deferredUnlock says whether goroutine i has deferred the Unlock of object n.
func (a *Analyzer) deferredUnlock(i, n int, ops lockOps) (fact string, ok bool) { return "", false }

// deferredDone says whether goroutine i has deferred the Done of object n.
func (a *Analyzer) deferredDone(i, n int) (fact string, ok bool) { return "", false }
