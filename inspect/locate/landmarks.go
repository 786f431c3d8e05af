package locate

import (
	"slices"
	"strings"

	"rtdbg/inspect/code"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
	"rtdbg/inspect/rt"
)

// landmark is a place in a variable that the code of all the functions names, and
// nothing else that all of them name.
type landmark struct {
	functions []string
	// field is the place, "" for a variable that is no structure.
	field string
}

// marked is a variable that is found by what the code of the runtime names. A
// function may have changed, and share something else with the others: so there
// are two landmarks for each variable, in different functions, which must agree.
type marked struct {
	name string
	// structures are the names that its type has had.
	structures []string
	landmarks  [2]landmark
}

// shapeless are the variables that have no shape by which they could be
// recognised: those that are numbers, and structures that hold nothing but numbers
// most of the time; of the garbage collector, and the settings of GODEBUG. That the functions name nothing
// else in common was read off the code of every minor since Go 1.18, for amd64
// and arm64, plain, position-independent and with the race detector. All are
// linked into every program.
func shapeless() []marked {
	in := func(field string, functions ...string) landmark { return landmark{functions, field} }
	return []marked{
		{"runtime.gcphase", nil, [2]landmark{
			in("", "runtime.queuefinalizer", "runtime.stackpoolfree"),
			in("", "runtime.(*gcWork).balance", "runtime.stackfree")}},
		{"runtime.gcBlackenEnabled", nil, [2]landmark{
			in("", "runtime.gcAssistAlloc1", "runtime.gcParkAssist"),
			in("", "runtime.checkIdleGCNoP", "runtime.gcParkAssist")}},
		{"runtime.work", []string{"runtime.workType", "runtime.work"}, [2]landmark{
			in("full", "runtime.putfull"),
			in("bytesMarked", "runtime.(*gcWork).dispose", "runtime.gcResetMarkState")}},
		{"runtime.gcController", []string{"runtime.gcControllerState"}, [2]landmark{
			in("heapLive", "runtime.gcPaceSweeper", "runtime.gcResetMarkState"),
			in("bgScanCredit", "runtime.gcAssistAlloc", "runtime.gcParkAssist")}},
		{"runtime.sweep", []string{"runtime.sweepdata"}, [2]landmark{
			in("active.state", "runtime.(*mcentral).cacheSpan", "runtime.bgsweep"),
			in("active.state", "runtime.finishsweep_m", "runtime.gcPaceSweeper")}},
		{"runtime.gcCleanups", []string{"runtime.cleanupQueue"}, [2]landmark{
			in("full", "runtime.(*activeSweep).end", "runtime.freeSpecial"),
			in("full", "runtime.findRunnable", "runtime.freeSpecial")}},
		{"runtime.debug", []string{"runtime.debug"}, [2]landmark{
			in("asyncpreemptoff", "runtime.preemptone", "runtime.sigtrampgo"),
			in("invalidptr", "runtime.adjustpointers", "runtime.findObject")}},
		// Before the first collection it has no shape either.
		{"runtime.memstats", []string{"runtime.mstats"}, [2]landmark{
			in("other_sys", "runtime.recordspan", "runtime.persistentalloc1"),
			in("gcMiscSys", "runtime.(*mheap).init", "runtime.(*spanSet).push")}},
	}
}

// ByCode finds the variables without a shape of a program without symbols, by name:
// by what the code of its runtime names. What it does not find, or finds in two
// places, is missing.
func ByCode(r *rt.Runtime, functions *pcln.Table, program *code.Program) map[string]mem.Addr {
	m := &reader{r: r, functions: functions, program: program, refs: make(map[string][]mem.Addr)}
	found := make(map[string]mem.Addr)
	for _, v := range shapeless() {
		if a, ok := m.variable(&v); ok {
			found[v.name] = a
		}
	}
	m.dropUnfit(found)
	if a, ok := m.allfin(found["runtime.gcphase"]); ok {
		found["runtime.allfin"] = a
	}
	return found
}

// reader reads what the functions of the runtime name.
type reader struct {
	r         *rt.Runtime
	functions *pcln.Table
	program   *code.Program
	refs      map[string][]mem.Addr
}

// names are the words that the code of a function names: nil where there is no
// such function, or not all of it can be read.
func (m *reader) names(function string) []mem.Addr {
	refs, ok := m.refs[function]
	if !ok {
		if f := m.functions.FuncByName(function); f != nil {
			refs, _ = m.program.Refs(f)
		}
		m.refs[function] = refs
	}
	return refs
}

// variable returns the address on which both landmarks agree.
func (m *reader) variable(v *marked) (mem.Addr, bool) {
	var at [2]mem.Addr
	for i, l := range v.landmarks {
		off, ok := m.offset(v, l.field)
		shared := m.shared(l.functions)
		if !ok || len(shared) != 1 || uint64(shared[0]) < off {
			return 0, false
		}
		at[i] = shared[0] - mem.Addr(off)
	}
	return at[0], at[0] == at[1]
}

// offset is that of a field of v.
func (m *reader) offset(v *marked, field string) (uint64, bool) {
	if field == "" {
		return 0, true
	}
	for _, s := range v.structures {
		if m.r.Layout.Structs[s] == nil {
			continue
		}
		off, _, err := m.r.Layout.Offset(s, field)
		return off, err == nil
	}
	return 0, false
}

// shared are the words that all of the functions name.
func (m *reader) shared(functions []string) []mem.Addr {
	words := slices.Clone(m.names(functions[0]))
	for _, f := range functions[1:] {
		refs := m.names(f)
		words = slices.DeleteFunc(words, func(a mem.Addr) bool { return !slices.Contains(refs, a) })
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// dropUnfit drops the variables whose values contradict what they are thought to
// be, or one another: goroutines assist while it marks and at no other time
// (gcStart, gcMarkDone), and the sweeper is a goroutine that gcenable started.
func (m *reader) dropUnfit(found map[string]mem.Addr) {
	gc := m.r.GC(func(name string) (mem.Addr, bool) { a, ok := found[name]; return a, ok })
	phase, err := gc.Phase()
	on, berr := gc.Blackens()
	if err != nil || berr != nil || on && phase != "mark" {
		delete(found, "runtime.gcphase")
		delete(found, "runtime.gcBlackenEnabled")
	}
	if s, err := gc.Sweep(); err == nil && s.G != 0 && !m.startedByGCEnable(s.G) {
		delete(found, "runtime.sweep")
	}
}

// startedByGCEnable reports whether a is a goroutine that runs bgsweep, or the
// function that the compiler makes of that go statement.
func (m *reader) startedByGCEnable(a mem.Addr) bool {
	g, err := m.r.ReadG(a)
	if err != nil {
		return false
	}
	f := m.functions.Func(g.StartPC)
	return f != nil && (f.Name == "runtime.bgsweep" || strings.HasPrefix(f.Name, "runtime.gcenable."))
}

// allfin finds the list of the blocks of finalizers. Who adds a finalizer looks at
// the phase first, then at the lock, the queue, the free blocks, and if there are
// none at the list, which the collector marks from (runtime.markroot). Lock and queue
// must be what who takes from the queue looks at, and the blocks of the queue and the
// free ones must be on the list.
func (m *reader) allfin(gcphase mem.Addr) (mem.Addr, bool) {
	adds := slices.Compact(slices.Clone(m.names("runtime.queuefinalizer")))
	takes := m.names("runtime.runFinalizers") // since Go 1.25
	if takes == nil {
		takes = m.names("runtime.runfinq")
	}
	takes = slices.Compact(slices.Clone(takes))
	if gcphase == 0 || len(adds) < 4 || adds[0] != gcphase {
		return 0, false
	}
	lock, queue, free := adds[1], adds[2], adds[3]
	took := false
	for i := 1; i < len(takes); i++ {
		took = took || takes[i-1] == lock && takes[i] == queue
	}
	marks := m.names("runtime.markroot")
	for i := 4; took && i < len(adds); i++ {
		if slices.Contains(marks, adds[i]) {
			return adds[i], adds[i-1] == free && m.lists(adds[i], queue) && m.lists(adds[i], free)
		}
	}
	return 0, false
}

// lists reports whether the first block of one list of finalizers, if there is any,
// is on the list of all.
func (m *reader) lists(all, list mem.Addr) bool {
	head, err := m.r.ReadWord(all)
	block, berr := m.r.ReadWord(list)
	return err == nil && berr == nil && (block == 0 || m.r.HasFinBlock(mem.Addr(head), mem.Addr(block)))
}
