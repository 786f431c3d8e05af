package wake

import (
	"fmt"
	"path"

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
func (a *Analyzer) lockedIn(k lockedKey, i, n int) (fact string, c Certainty, ok bool) {
	var unsure *locked
	sites := a.lockedSites(k)
	for j := range sites {
		switch l := &sites[j]; a.lockedThere(l, i, n) {
		case yes:
			return a.lockedFact(k.shape, l), Inferred, true
		case perhaps:
			if unsure == nil && l.unlocks {
				unsure = l
			}
		}
	}
	if unsure == nil {
		return "", "", false
	}
	return a.lockedFact(k.shape, unsure), Possible, true
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
		if !sh.own[i] {
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
// still has it. A word that leads to another lock that is locked says no.
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
	return perhaps
}

func (a *Analyzer) lockedFact(shape uint32, l *locked) string {
	name, shown := a.stacks.Func(a.shapes.list[shape].stack, l.frame)
	return fmt.Sprintf("frame %d %s refers to it, has locked at %s:%d and not unlocked yet", shown, name, path.Base(l.site.File), l.site.Line)
}
