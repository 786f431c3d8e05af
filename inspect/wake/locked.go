package wake

import (
	"fmt"
	"path"
	"slices"

	"rtdbg/inspect/code"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/wait"
)

// lockedKey is a part of a stack and a kind of lock.
type lockedKey struct {
	shape        uint32
	inner, outer uint16
	ops          lockOps
}

// locked is a place at which the function of a frame has locked something and
// from which it came to where it is without as many unlocks.
type locked struct {
	frame int
	site  code.Site
	// unlocks says that the function will unlock one.
	unlocks bool
}

// lockedIn looks for the place at which goroutine i has locked object n: the
// innermost known one among the frames that lead to it (inferred), or one of
// which is not known what it locked but whose function will unlock (possible).
// hops is how many objects lie between.
func (a *Analyzer) lockedIn(k lockedKey, i, n, hops int) (fact string, c Certainty, ok bool) {
	var unsure *locked
	sites := a.lockedSites(k)
	for j := range sites {
		switch l := &sites[j]; a.lockedThere(l, i, n) {
		case yes:
			return a.lockedFact(k.shape, l, "refers"), Inferred, true
		case perhaps:
			if unsure == nil && l.unlocks {
				unsure = l
			}
		}
	}
	if unsure == nil {
		return "", "", false
	}
	if hops > 0 {
		return a.lockedFact(k.shape, unsure, "leads"), Possible, true
	}
	return a.lockedFact(k.shape, unsure, "refers"), Possible, true
}

// lockedSites lists what the frames of a part of a stack have locked, the
// innermost frame and the last place first.
func (a *Analyzer) lockedSites(k lockedKey) []locked {
	if a.code == nil {
		return nil
	}
	if v, ok := a.lockeds.Load(k); ok {
		return v.([]locked)
	}
	sh := a.shapes.list[k.shape]
	var list []locked
	for i := int(k.inner); i <= int(k.outer) && i < len(sh.stack.Frames); i++ {
		pc := sh.stack.Frames[i].PC
		if !sh.own[i] || a.givenAway(sh, i, k.ops) {
			continue
		}
		sites := a.code.Locked(pc, k.ops.lock, k.ops.unlock)
		unlocks := len(sites) > 0 && a.code.After(pc).Any()&k.ops.unlock != 0
		for j := len(sites) - 1; j >= 0; j-- {
			list = append(list, locked{i, sites[j], unlocks})
		}
	}
	a.lockeds.Store(k, list)
	return list
}

// lockedThere says whether it was object n that goroutine i locked at a place:
// what the operand of the Lock pointed to is compared, as far as the frame
// still has it. A word that leads to another lock says no if that is locked, or
// if the word is in use still and had no other value since.
func (a *Analyzer) lockedThere(l *locked, i, n int) can {
	var at mem.Addr
	switch s := &l.site; {
	case s.InFrame:
		sp, ok := a.stacks.SP(i, l.frame)
		if !ok {
			return perhaps
		}
		w, err := a.rt.ReadWord(sp + mem.Addr(s.Slot))
		if err != nil || w == 0 {
			return perhaps
		}
		at = mem.Addr(w) + mem.Addr(s.Offset)
	case s.On != 0 && s.OnPointer:
		w, err := a.rt.ReadWord(s.On)
		if err != nil || w == 0 {
			return perhaps
		}
		at = mem.Addr(w)
	case s.On != 0:
		at = s.On
	default:
		return perhaps
	}
	if at == a.objects[n].addr {
		return yes
	}
	if m, err := a.rt.ReadMutex(at); a.objects[n].kind == wait.Mutex && err == nil && m.Locked || l.site.On != 0 {
		return no
	}
	if l.site.InFrame && !l.site.Again && a.inUse(i, l.frame, at-mem.Addr(l.site.Offset)) {
		return no
	}
	return perhaps
}

// inUse reports whether a frame of goroutine i holds a pointer that its code has
// yet to use.
func (a *Analyzer) inUse(i, frame int, p mem.Addr) bool {
	return slices.ContainsFunc(a.slotsOf(i), func(s slotRef) bool {
		return s.value() == p && s.word&slotExact != 0 && int(s.inner) <= frame && frame <= int(s.outer)
	})
}

// givenAway reports whether functions that a frame has called have let go of the
// lock that it has taken, as one does that unlocks while it waits.
func (a *Analyzer) givenAway(sh *shape, frame int, ops lockOps) bool {
	for i := range frame {
		if sh.own[i] && a.code.Released(sh.stack.Frames[i].PC, ops.lock, ops.unlock).Given {
			return true
		}
	}
	return false
}

// letGoKey is a frame of a stack and a kind of lock.
type letGoKey struct {
	shape, frame uint32
	ops          lockOps
}

// letGo reports whether the function of a frame, which will unlock when it
// returns, has let go of the lock for the time being, or those that it has
// called have.
func (a *Analyzer) letGo(sh *shape, frame int, ops lockOps) bool {
	if a.code == nil || ops.lock == 0 {
		return false
	}
	k := letGoKey{sh.num, uint32(frame), ops}
	if v, ok := a.letGos.Load(k); ok {
		return v.(bool)
	}
	is := a.code.Released(sh.stack.Frames[frame].PC, ops.lock, ops.unlock).Own || a.givenAway(sh, frame, ops)
	a.letGos.Store(k, is)
	return is
}

func (a *Analyzer) lockedFact(shape uint32, l *locked, leads string) string {
	name, shown := a.stacks.Func(a.shapes.list[shape].stack, l.frame)
	return fmt.Sprintf("frame %d %s %s to it, has locked at %s:%d and not unlocked yet", shown, name, leads, path.Base(l.site.File), l.site.Line)
}
