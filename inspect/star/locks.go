package star

import (
	"fmt"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/wait"
)

func waitedLockClass() *class[*inspect.LockRecord] {
	type L = *inspect.LockRecord
	return (&class[L]{
		name: "WaitedLock",
		doc:  "a lock, WaitGroup or Cond and who waits for it",
		str: func(_ *Interp, l L) string {
			return fmt.Sprintf("%s %v: %s", orWord(l.Type, kindWord(l.Kind)), l.Addr, lockState(l))
		},
		key: func(l L) uint64 { return uint64(l.Addr) },
		attrs: []attr[L]{
			{"kind", "mutex, rwmutex, waitgroup, cond, sema", plain, func(_ *Interp, l L) (starlark.Value, error) { return ok(text(l.Kind)) }},
			{"addr", "its address, None if it was not found", address, func(_ *Interp, l L) (starlark.Value, error) { return ok(addrOrNone(l.Addr)) }},
			{"type", "its Go type", plain, func(_ *Interp, l L) (starlark.Value, error) { return ok(text(l.Type)) }},
			{"waiting", "number of goroutines that wait", plain, func(_ *Interp, l L) (starlark.Value, error) { return ok(integer(l.Waiting)) }},
			{"state", "what the lock says of itself, in words", plain, func(_ *Interp, l L) (starlark.Value, error) { return ok(text(lockState(l))) }},
			{"locked", "it is held, None if that is unreadable", plain, func(_ *Interp, l L) (starlark.Value, error) {
				return ok(optional(l.State, func(s wait.LockState) starlark.Value { return starlark.Bool(s.Locked) }))
			}},
			{"counter", "number of calls of Done that a WaitGroup lacks, None for other kinds", plain, func(_ *Interp, l L) (starlark.Value, error) {
				if l.Kind != wait.WaitGroup || l.State == nil {
					return starlark.None, nil
				}
				return ok(integer(l.State.Counter))
			}},
			{"goids", "ids of at most 100 of those that wait, that which is woken first at the head", plain, func(_ *Interp, l L) (starlark.Value, error) { return ok(goids(l.Goids)) }},
			{"owner", "the Waker that is to unlock it, None if it is not known", plain, func(in *Interp, l L) (starlark.Value, error) {
				if l.Owner == nil {
					return starlark.None, nil
				}
				return in.classes.waker.of(in, *l.Owner), nil
			}},
			{"note", "what is unreadable", plain, func(_ *Interp, l L) (starlark.Value, error) { return ok(text(l.Note)) }},
		},
	}).finish()
}

// lockState is the state of a lock in words.
func lockState(l *inspect.LockRecord) string {
	if l.State == nil {
		return orWord(l.Note, "unknown")
	}
	s := l.State.String()
	if l.Note != "" {
		s += "; " + l.Note
	}
	return s
}

func locksBuiltins() []Builtin {
	return []Builtin{{
		Name:    "locks",
		Doc:     "The locks, WaitGroups and Conds on which goroutines wait, that with the most waiters first.",
		Example: "[l.state for l in locks()]",
		call: func(in *Interp, _ args) (starlark.Value, error) {
			list, err := in.p.Locks(in.ctx)
			if err != nil {
				return nil, err
			}
			waiting := 0
			for i := range list {
				waiting += list[i].Waiting
			}
			return &listing[inspect.LockRecord]{
				in: in, class: in.classes.waitedLock, name: "locks", v: list,
				head:    []string{fmt.Sprintf("%s on %s", count(waiting, "goroutine"), count(len(list), "lock"))},
				columns: []string{">WAITING", "LOCK", "STATE", "OWNER", "GOROUTINES (next first)"},
				row:     lockRow,
			}, nil
		},
	}}
}

func lockRow(l *inspect.LockRecord) []string {
	name := orWord(l.Type, kindWord(l.Kind))
	if l.Addr != 0 {
		name += " " + l.Addr.String()
	}
	return []string{fmt.Sprint(l.Waiting), name, lockState(l), lockOwner(l), joinIDs(l.Goids, shownIDs, l.Waiting)}
}

// lockOwner names who is to end the waits.
func lockOwner(l *inspect.LockRecord) string {
	if l.Owner == nil {
		return "-"
	}
	s := fmt.Sprintf("%d %s", l.Owner.Goid, l.Owner.Certainty)
	if l.Owner.Count > 1 {
		s = fmt.Sprintf("%d or %d others, %s", l.Owner.Goid, l.Owner.Count-1, l.Owner.Certainty)
	}
	return s
}
