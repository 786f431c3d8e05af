package wait

import (
	"fmt"
	"slices"
	"strings"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// RuntimeSemaphore is a semaphore of the runtime's own that goroutines wait on
// with the reason "semacquire".
type RuntimeSemaphore struct {
	// Name is that of the variable, with the field: "runtime.work.startSema".
	Name string
	// Guards says what it keeps apart.
	Guards string
	Class  Class
	// Takers are the functions that acquire it; Holders those on whose stack
	// it is held.
	Takers, Holders []string
}

// runtimeSemaphores are the semaphores of Go 1.18 to 1.27 (proc.go, mgc.go,
// metrics.go, mprof.go, trace.go, trace2.go).
func runtimeSemaphores() []RuntimeSemaphore {
	return []RuntimeSemaphore{
		{"runtime.worldsema", "stopping the world", ByRuntime,
			[]string{"runtime.stopTheWorld", "runtime.gcStart", "runtime.gcMarkDone", "runtime.traceAdvance"}, nil},
		{"runtime.gcsema", "a garbage collection, and what may not happen in one", ByGC,
			[]string{"runtime.stopTheWorldGC", "runtime.gcStart"}, []string{"runtime.stopTheWorldGC"}},
		{"runtime.work.startSema", "the start of a garbage collection", ByGC,
			[]string{"runtime.gcStart"}, []string{"runtime.gcStart"}},
		{"runtime.work.markDoneSema", "the end of a mark phase", ByGC,
			[]string{"runtime.gcMarkDone"}, []string{"runtime.gcMarkDone"}},
		{"runtime.metricsSema", "reading runtime/metrics", ByRuntime,
			[]string{"runtime.metricsLock"}, []string{"runtime.readMetricsLocked", "runtime.readMetrics", "runtime/metrics.runtime_readMetrics", "runtime.godebug_registerMetric"}},
		{"runtime.goroutineProfile.sema", "taking a goroutine profile", ByRuntime,
			[]string{"runtime.goroutineProfileWithLabelsConcurrent"}, []string{"runtime.goroutineProfileWithLabelsConcurrent"}},
		{"runtime.traceShutdownSema", "the end of tracing", ByRuntime,
			[]string{"runtime.StartTrace", "runtime.traceAdvance"}, []string{"runtime.StartTrace"}},
		{"runtime.traceAdvanceSema", "the next generation of the trace", ByRuntime,
			[]string{"runtime.StartTrace", "runtime.traceAdvance"}, []string{"runtime.StartTrace", "runtime.traceAdvance"}},
		{"runtime.trace.doneSema", "reading the trace to the end of a generation", ByRuntime,
			[]string{"runtime.traceAdvance"}, nil},
		{"runtime.trace.shutdownSema", "reading the trace to its end", ByRuntime,
			[]string{"runtime.StopTrace"}, nil},
	}
}

// semaTaker returns the function that acquires a semaphore by the runtime's own
// semacquire, "" if the stack is none of it.
func semaTaker(tr *stack.Trace) string {
	acquires := false
	for i := range min(len(tr.Stack.Frames), maxInner) {
		for _, l := range tr.Stack.Frames[i].Lines() {
			switch l.Func {
			case "runtime.gopark", "runtime.goparkunlock":
			case "runtime.semacquire", "runtime.semacquire1":
				acquires = true
			default:
				if !acquires {
					return ""
				}
				return l.Func
			}
		}
	}
	return ""
}

// takes reports whether function fn may wait for the semaphore.
func (s *RuntimeSemaphore) takes(fn string) bool { return slices.Contains(s.Takers, fn) }

// takesRuntimeSema reports whether function fn acquires one of the semaphores.
func takesRuntimeSema(fn string) bool {
	return slices.ContainsFunc(runtimeSemaphores(), func(s RuntimeSemaphore) bool { return s.takes(fn) })
}

// describeRuntimeSema completes the answer for a semaphore of the runtime.
func (r *Resolver) describeRuntimeSema(s *subject, on *On) {
	sema, ok := r.nameSema(semaTaker(s.trace()), *on.Addr)
	if !ok {
		return
	}
	on.Name, on.Note = sema.Name, "the runtime's own semaphore for "+sema.Guards
	if goid, how, ok := r.HolderOf(sema, *on.Addr); ok {
		on.Note += fmt.Sprintf("; goroutine %d holds it: %s", goid, how)
	}
}

// RuntimeSema returns the semaphore of the runtime that g waits on; ok is false
// if it waits on another thing. Several that it cannot be told apart from are
// one, whose names are separated by " or ".
func (r *Resolver) RuntimeSema(g *rt.G) (s RuntimeSemaphore, at mem.Addr, ok bool) {
	row := r.row(g)
	if row == nil || row.Kind != Sema || g.M != 0 {
		return RuntimeSemaphore{}, 0, false
	}
	sub := subject{G: g, r: r}
	if r.semaRole(&sub, row).Part != RuntimeSema {
		return RuntimeSemaphore{}, 0, false
	}
	at, _ = r.semaphore(&sub)
	s, ok = r.nameSema(semaTaker(sub.trace()), at)
	return s, at, ok
}

// nameSema names the semaphore at a that function taker waits on.
func (r *Resolver) nameSema(taker string, a mem.Addr) (RuntimeSemaphore, bool) {
	var may []RuntimeSemaphore
	for _, s := range runtimeSemaphores() {
		if !s.takes(taker) || !r.mayLie(s.Name, a) {
			continue
		}
		may = append(may, s)
	}
	if len(may) > 1 {
		if known, ok := r.taught(may, a); ok {
			return known, true
		}
	}
	if len(may) == 0 {
		return RuntimeSemaphore{}, false
	}
	one := may[0]
	for _, s := range may[1:] {
		one.Name += " or " + s.Name
		one.Guards += ", or " + s.Guards
		one.Holders = nil
	}
	return one, true
}

// mayLie reports whether the semaphore of that name may lie at a: by its symbol,
// or, in a program without symbols, by the section that its type and value put
// it in.
func (r *Resolver) mayLie(name string, a mem.Addr) bool {
	if a == 0 {
		return true
	}
	variable, field := name, ""
	if pkg, rest, _ := strings.Cut(name, "."); strings.Contains(rest, ".") {
		v, f, _ := strings.Cut(rest, ".")
		variable, field = pkg+"."+v, f
	}
	if r.symbol != nil {
		if at, ok := r.symbol(variable); ok {
			return r.inVariable(variable, field, at, a)
		}
		if _, ok := r.symbol("runtime.worldsema"); ok {
			return false // this version does not have it
		}
	}
	// worldsema and its like are 1 from the start and hold no pointers; the
	// others are fields of structures that do.
	for i := range r.rt.Modules {
		if m := &r.rt.Modules[i]; a >= m.NoPtrData && a < m.ENoPtrData {
			return field == ""
		}
	}
	return field != ""
}

// inVariable reports whether a is the variable at lo, or the field of it.
func (r *Resolver) inVariable(name, field string, lo, a mem.Addr) bool {
	if field == "" {
		return a == lo
	}
	v, ok := r.rt.Layout.Variable(name)
	if !ok {
		return a >= lo && a < lo+maxTraceVariable
	}
	if off, size, err := r.rt.Layout.Offset(v.Type, field); err == nil {
		return a >= lo+mem.Addr(off) && a < lo+mem.Addr(off+size)
	}
	return a >= lo && a < lo+mem.Addr(v.Size)
}

// maxTraceVariable bounds runtime.trace, the only one of the variables whose
// size the tables do not have, in bytes.
const maxTraceVariable = 1 << 16

// taught picks the semaphore at a by others that wait on it and whose function
// takes but one.
func (r *Resolver) taught(may []RuntimeSemaphore, a mem.Addr) (RuntimeSemaphore, bool) {
	index, err := r.sema.get(r.readSemaTable)
	if err != nil {
		return RuntimeSemaphore{}, false
	}
	for i := range index.places {
		if index.places[i].sema != a {
			continue
		}
		g, err := r.rt.ReadG(index.places[i].g)
		if err != nil {
			continue
		}
		tr := r.stacks.Trace(&g)
		taker := semaTaker(&tr)
		left := slices.DeleteFunc(slices.Clone(may), func(s RuntimeSemaphore) bool { return !s.takes(taker) })
		if len(left) == 1 {
			return left[0], true
		}
	}
	return RuntimeSemaphore{}, false
}

// semaHolder is a goroutine that holds a semaphore of the runtime.
type semaHolder struct {
	goid uint64
	// how says by what that is known.
	how string
}

// HolderOf returns the goroutine that holds the semaphore s at a of the runtime
// and by what that is known; ok is false if none was found. It looks at the
// goroutines on threads and at those that wait on another semaphore.
func (r *Resolver) HolderOf(s RuntimeSemaphore, a mem.Addr) (goid uint64, how string, ok bool) {
	h, ok := r.holderOnThread(&s)
	if !ok {
		h, ok = r.holderParked(&s, a)
	}
	return h.goid, h.how, ok
}

// holderOnThread looks for a holder among the goroutines on threads. That which
// has stopped the world is named by its thread, which may not be preempted
// (stopTheWorld, proc.go).
func (r *Resolver) holderOnThread(s *RuntimeSemaphore) (semaHolder, bool) {
	ms, _ := r.rt.AllMs()
	for i := range ms {
		if ms[i].CurG == 0 {
			continue
		}
		g, err := r.rt.ReadG(ms[i].CurG)
		if err != nil || g.Goid == 0 {
			continue
		}
		if s.Name == "runtime.worldsema" {
			if why, err := r.rt.ReadString(ms[i].PreemptOff); err == nil && why != "" {
				return semaHolder{g.Goid, fmt.Sprintf("its thread may not be preempted: %q", why)}, true
			}
			continue
		}
		if fn := r.holds(&g, s); fn != "" {
			return semaHolder{g.Goid, "it executes in " + fn}, true
		}
	}
	return semaHolder{}, false
}

// holderParked looks for a holder among those that wait on other semaphores.
func (r *Resolver) holderParked(s *RuntimeSemaphore, a mem.Addr) (semaHolder, bool) {
	index, _ := r.sema.get(r.readSemaTable)
	if index == nil || len(s.Holders) == 0 {
		return semaHolder{}, false
	}
	for i := range index.places {
		p := &index.places[i]
		if p.sema == a || !r.rt.InModules(p.sema) {
			continue
		}
		g, err := r.rt.ReadG(p.g)
		if err != nil {
			continue
		}
		if fn := r.holds(&g, s); fn != "" {
			return semaHolder{g.Goid, fmt.Sprintf("it waits in %s on another semaphore", fn)}, true
		}
	}
	return semaHolder{}, false
}

// holds returns the function on the stack of g that says that it holds s, "" if
// there is none. Who waits on s does not hold it.
func (r *Resolver) holds(g *rt.G, s *RuntimeSemaphore) string {
	tr := r.stacks.Trace(g)
	for _, fn := range s.Holders {
		if calls(&tr, fn) {
			return fn
		}
	}
	return ""
}
