package wait

import (
	"fmt"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// runtimeLists are the lists, linked through g.schedlink, in which the runtime
// keeps goroutines that wait for the garbage collector, by wait reason: fields
// of runtime.work (mgc.go).
var runtimeLists = []struct{ reason, head string }{
	{"GC assist wait", "assistQueue.q.head"},
	{"wait for GC cycle", "sweepWaiters.list.head"},
	{"GC weak to strong wait", "strongFromWeak.q.head"},
}

// runtimeVariables are the variables that hold the one goroutine which waits
// with a reason (mgcsweep.go, mgcscavenge.go, mfinal.go, proc.go). field is "" for
// a variable that is a pointer.
var runtimeVariables = []struct{ reason, variable, field string }{
	{"GC sweep wait", "runtime.sweep", "g"},
	{"GC scavenge wait", "runtime.scavenger", "g"},
	{"GC scavenge wait", "runtime.scavenge", "g"}, // Go 1.18
	{"finalizer wait", "runtime.fing", ""},
	{"force gc (idle)", "runtime.forcegc", "g"},
	{"GOMAXPROCS updater (idle)", "runtime.updateMaxProcsG", "g"},
	{"trace reader (blocked)", "runtime.trace", "reader"},
}

// parked says where the runtime keeps g, which waits with the reason, as a
// phrase to append; "" where that was not found: a program without symbols.
func (r *Resolver) parked(g *rt.G, reason string) string {
	for _, v := range runtimeVariables {
		if v.reason != reason {
			continue
		}
		if a, ok := r.runtimeField(v.variable, v.field); ok {
			if w, err := r.rt.ReadWord(a); err == nil && mem.Addr(w) == g.Addr {
				return "; " + dotted(v.variable, v.field) + " is it"
			}
		}
	}
	for _, l := range runtimeLists {
		if l.reason != reason {
			continue
		}
		lists, _ := r.lists.get(r.readLists)
		place, ok := lists[reason][g.Addr]
		if !ok {
			return ""
		}
		s := fmt.Sprintf("; place %d of %d in runtime.work.%s", place+1, len(lists[reason]), l.head)
		if debt, ok := r.assistDebt(g); ok && reason == "GC assist wait" {
			s += fmt.Sprintf(", it owes the work of %d bytes", debt)
		}
		return s
	}
	return ""
}

func dotted(variable, field string) string {
	if field == "" {
		return variable
	}
	return variable + "." + field
}

// runtimeField returns the address of a field of a package-level variable.
func (r *Resolver) runtimeField(variable, field string) (mem.Addr, bool) {
	if r.symbol == nil {
		return 0, false
	}
	a, ok := r.symbol(variable)
	if !ok || field == "" {
		return a, ok
	}
	v, ok := r.rt.Layout.Variable(variable)
	if !ok {
		return 0, false
	}
	off, _, err := r.rt.Layout.Offset(v.Type, field)
	return a + mem.Addr(off), err == nil
}

// readLists reads the runtime's lists.
func (r *Resolver) readLists() (map[string]map[mem.Addr]int, error) {
	lists := make(map[string]map[mem.Addr]int)
	for _, l := range runtimeLists {
		at, ok := r.runtimeField("runtime.work", l.head)
		if !ok {
			continue
		}
		head, err := r.rt.ReadWord(at)
		if err != nil {
			continue
		}
		// What could be read before an error is shown.
		gs, _ := r.rt.GList(mem.Addr(head), maxRunQueue)
		lists[l.reason] = make(map[mem.Addr]int, len(gs))
		for i, g := range gs {
			lists[l.reason][g] = i
		}
	}
	return lists, nil
}

// assistDebt returns how many bytes g has allocated for which it has not yet
// done its share of marking (g.gcAssistBytes, runtime2.go).
func (r *Resolver) assistDebt(g *rt.G) (bytes int64, ok bool) {
	off, size, err := r.rt.Layout.Offset("runtime.g", "gcAssistBytes")
	if err != nil || size != 8 {
		return 0, false
	}
	w, err := r.rt.ReadWord(g.Addr + mem.Addr(off))
	return -int64(w), err == nil && int64(w) < 0
}
