package inspect

import (
	"strings"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// RuntimeLock is a mutex of the runtime itself (runtime.mutex), for which
// threads wait.
type RuntimeLock struct {
	// Name is its variable, "runtime.sched.lock"; "" where it is not known.
	Name string `json:"name"`
	// In is the function of the runtime that locks it.
	In string `json:"in"`
	// Certainty is "proven" where the lock's own list of waiters has the
	// thread, as since Go 1.24, "inferred" where it is the only one known that
	// anybody waits for, "" without a name.
	Certainty string `json:"certainty,omitempty"`
}

// String is what is waited for, in words.
func (l *RuntimeLock) String() string {
	switch {
	case l.Name == "" && l.In == "":
		return "a lock of the runtime"
	case l.Name == "":
		return "a lock of the runtime, in " + l.In
	case l.In == "":
		return l.Name
	}
	return l.Name + ", in " + l.In
}

// knownLocks are the runtime's mutexes that are looked at, by the variable that
// holds them and the field.
var knownLocks = []struct{ variable, structure, field string }{
	{"runtime.sched", "runtime.schedt", "lock"},
	{"runtime.mheap_", "runtime.mheap", "lock"},
	{"runtime.allpLock", "", ""},
	{"runtime.allglock", "", ""},
	{"runtime.deadlock", "", ""},
	{"runtime.debuglock", "", ""},
	{"runtime.finlock", "", ""},
	{"runtime.sched", "runtime.schedt", "sudoglock"},
	{"runtime.sched", "runtime.schedt", "deferlock"},
	{"runtime.sched", "runtime.schedt", "sysmonlock"},
	{"runtime.sweep", "runtime.sweepdata", "lock"},
	{"runtime.forcegc", "runtime.forcegcstate", "lock"},
	{"runtime.pollcache", "runtime.pollCache", "lock"},
	{"runtime.trace", "runtime.trace", "lock"},
	{"runtime.work", "runtime.workType", "assistQueue.lock"},
	{"runtime.work", "runtime.workType", "sweepWaiters.lock"},
	{"runtime.work", "runtime.workType", "wbufSpans.lock"},
}

// waitsForLock returns the mutex of the runtime that a thread waits for, nil
// for none. ms are all threads, on the functions on its stack.
func (p *Process) waitsForLock(m *rt.M, ms []rt.M, on []string) *RuntimeLock {
	l := &RuntimeLock{}
	locks := false
	for _, f := range on {
		switch f {
		case "runtime.lock2":
			locks = true
			continue
		case "runtime.lock", "runtime.lockWithRank":
			continue
		}
		if locks {
			l.In = f
			break
		}
	}
	if !locks {
		return nil
	}
	contended := ""
	n := 0
	for _, k := range knownLocks {
		a, ok := p.lockAt(k.variable, k.structure, k.field)
		if !ok {
			continue
		}
		waiters, some, err := p.RT.MutexWaiters(a, ms)
		if err != nil {
			continue
		}
		name := strings.TrimSuffix(k.variable+"."+k.field, ".")
		for _, w := range waiters {
			if w == m.Addr {
				l.Name, l.Certainty = name, "proven"
				return l
			}
		}
		if some && waiters == nil {
			contended, n = name, n+1
		}
	}
	if n == 1 {
		l.Name, l.Certainty = contended, "inferred"
	}
	return l
}

// lockAt returns the address of a mutex: that of a field of a variable, or of
// the variable itself.
func (p *Process) lockAt(variable, structure, field string) (mem.Addr, bool) {
	a, ok := p.global(variable)
	switch variable {
	case "runtime.sched":
		a, ok = p.RT.Globals.Sched, p.RT.Globals.Sched != 0
	case "runtime.mheap_":
		a, ok = p.RT.Globals.MHeap, p.RT.Globals.MHeap != 0
	}
	if !ok || structure == "" {
		return a, ok
	}
	off, _, err := p.RT.Layout.Offset(structure, field)
	return a + mem.Addr(off), err == nil
}
