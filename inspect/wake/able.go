package wake

import (
	"fmt"
	"path"
	"strings"

	"rtdbg/inspect/code"
	"rtdbg/inspect/wait"
)

// can is whether somebody can act.
type can uint8

const (
	// no: none of the code that it goes on with does such a thing.
	no can = iota
	// perhaps: code that is not known is called, or code acts that was not
	// seen to have the object.
	perhaps
	// yes: there is such an operation ahead.
	yes
)

// ability is what the code on a stack can do to an object that some of its
// frames lead to.
type ability struct {
	can can
	// frame is the physical frame that goes on to act, depth in how many
	// calls: 0 in its own code.
	frame, depth int
	ops          code.Ops
}

// abilityKey is what an ability depends on.
type abilityKey struct {
	shape        uint32
	inner, outer uint16
	ops          code.Ops
}

// opsFor are the operations that end the wait of those who want op of an
// object.
func opsFor(kind wait.Kind, op wait.Op) code.Ops {
	switch kind {
	case wait.Chan:
		if op == wait.Send {
			return code.Recv | code.SelectRecv
		}
		return code.Send | code.SelectSend | code.Close | code.Cancel
	case wait.Mutex:
		return code.Unlock
	case wait.RWMutex:
		if op == wait.RLock {
			return code.WUnlock
		}
		return code.WUnlock | code.RUnlock
	case wait.WaitGroup:
		return code.Done
	case wait.Cond:
		return code.Signal | code.Broadcast
	case wait.Coro:
		return code.CoroSwitch
	}
	return code.Release | code.PollClose
}

// opWords names an operation as Waker.How does.
func opWords(ops code.Ops) string {
	for _, x := range [...]struct {
		ops  code.Ops
		word string
	}{
		{code.Send | code.SelectSend, "send"}, {code.Recv | code.SelectRecv, "recv"}, {code.Close, "close"}, {code.Cancel, "close"},
		{code.Unlock | code.WUnlock | code.RUnlock, "unlock"}, {code.Done, "done"}, {code.Signal | code.Broadcast, "signal"},
		{code.CoroSwitch, "resume"}, {code.Release, "release"}, {code.PollClose, "close"}, {code.PollDeadline, "set a deadline for"},
	} {
		if ops&x.ops != 0 {
			return x.word
		}
	}
	return "release"
}

// opPhrase is an operation as something that somebody does to an object.
func opPhrase(ops code.Ops) string {
	switch word := opWords(ops); word {
	case "send":
		return "send to it"
	case "recv":
		return "receive from it"
	case "done":
		return "call Done on it"
	default:
		return word + " it"
	}
}

// able says whether the members of group g can act on object n for those who
// want op of it, and how.
func (a *Analyzer) able(g uint32, n int, op wait.Op) ability {
	if a.code == nil {
		return ability{can: perhaps}
	}
	r := &a.members(g)[0]
	k := abilityKey{a.groups[g].shape, r.inner, r.outer, opsFor(a.objects[n].kind, op)}
	if v, ok := a.abilities.Load(k); ok {
		return v.(ability)
	}
	v, _ := a.abilities.LoadOrStore(k, a.ability(k))
	return v.(ability)
}

// better orders abilities: certain ones first, then by how near they are.
func (x ability) better(y ability) bool {
	return x.can > y.can || x.can == y.can && x.can == yes && x.depth < y.depth
}

// ability looks for the operations in the frames that hold the pointer and in
// those that they have called. What a frame further out does it can do only to
// what it is given back.
func (a *Analyzer) ability(k abilityKey) ability {
	sh := a.shapes.list[k.shape]
	best, code := ability{}, 0
	for i := range sh.stack.Frames {
		if !sh.code[i] {
			continue
		}
		code++
		ab := a.inFrame(sh, i, k.ops)
		switch {
		case i > int(k.outer):
			ab.can = min(ab.can, perhaps)
		case i < int(k.inner):
			ab.depth++
		}
		if ab.better(best) {
			best = ab
		}
	}
	if code == 0 {
		return ability{can: perhaps}
	}
	return best
}

// laterDepth is added to the depth of what is done later, or by goroutines
// that are yet to be started.
const laterDepth = 3

// inFrame says what the code of frame i can do from where it goes on.
func (a *Analyzer) inFrame(sh *shape, i int, ops code.Ops) ability {
	r := a.code.After(sh.stack.Frames[i].PC)
	ab := ability{frame: i, ops: ops}
	switch {
	case r.Own&ops != 0:
		ab.can, ab.ops = yes, r.Own&ops
	case (r.Called|r.Later|r.Spawned)&ops != 0:
		ab.can, ab.depth = yes, 1
		if site, ok := r.Site(ops, ""); ok {
			ab.depth, ab.ops = site.Depth, site.Ops
			if site.How != code.Directly {
				ab.depth += laterDepth
			}
		}
	case r.Unread, r.Std&ops != 0, r.Any()&code.Dynamic != 0:
		ab.can = perhaps
	}
	return ab
}

// abilityWords says what the code can do and where.
func (a *Analyzer) abilityWords(sh *shape, ab *ability) string {
	name, shown := a.stacks.Func(sh.stack, ab.frame)
	r := a.code.After(sh.stack.Frames[ab.frame].PC)
	site, ok := r.Site(ab.ops, "")
	if !ok {
		return fmt.Sprintf("can %s in frame %d %s", opPhrase(ab.ops), shown, name)
	}
	words := fmt.Sprintf("can %s at %s:%d", opPhrase(site.Ops), path.Base(site.File), site.Line)
	if site.Depth > 0 {
		words += " in " + site.Func
	}
	switch {
	case site.How == code.Elsewhere:
		words += ", by a goroutine that it starts"
	case site.How == code.Afterwards:
		words += ", by a function that it makes"
	case site.Depth > 1:
		words += ", through " + strings.Join(site.Via, ", ")
	}
	return words
}
