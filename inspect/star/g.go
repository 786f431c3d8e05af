package star

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
	"rtdbg/inspect/wait"
)

func gClass() *class[*inspect.Goroutine] {
	type G = *inspect.Goroutine
	return (&class[G]{
		name:   "G",
		doc:    "a goroutine (runtime.g)",
		str:    gString,
		key:    func(g G) uint64 { return uint64(g.Addr) },
		ref:    func(g G) any { return g.Goid },
		report: func(in *Interp, g G) render.Report { return (&goroutines{in, []G{g}}).report() },
		attrs: []attr[G]{
			{"goid", "the goroutine's id", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(natural(g.Goid)) }},
			{"addr", "address of the runtime.g", address, func(_ *Interp, g G) (starlark.Value, error) { return ok(addr(g.Addr)) }},
			{"status", "idle, runnable, running, syscall, waiting, dead, copystack, preempted, leaked", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(text(g.Status())) }},
			{"wait_reason", "why it is parked, \"\" unless it is waiting or leaked", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(text(g.WaitReason())) }},
			{"wait_ns", "ns since the first garbage collection that found it parked, None if unknown", duration, func(_ *Interp, g G) (starlark.Value, error) { return ok(optional(g.WaitNS(), integer)) }},
			{"waits_on", "what it waits on: one WaitsOn for each case of a select", plain, func(in *Interp, g G) (starlark.Value, error) { return ok(in.classes.waitsOn.list(in, g.WaitsOn())) }},
			{"frames", "its Frames, innermost first; an error that cut them short is the last element", plain, gFrames},
			{"at", "the Frame that tells where it is in the program, or None", plain, func(in *Interp, g G) (starlark.Value, error) {
				f, found := g.Place()
				if !found {
					return starlark.None, nil
				}
				return in.classes.frame.of(in, frame{&f}), nil
			}},
			{"created_by", "the function whose go statement made it, \"\" for the first one", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(text(g.CreatedBy())) }},
			{"start", "the function that it runs", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(text(g.Start())) }},
			{"parent_goid", "the id of the goroutine that made it, None if unknown (Go 1.21)", plain, func(_ *Interp, g G) (starlark.Value, error) {
				if g.ParentGoid == 0 {
					return starlark.None, nil
				}
				return natural(g.ParentGoid), nil
			}},
			{"labels", "its profiler labels, a dict", plain, gLabels},
			{"system", "it is the runtime's own", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(starlark.Bool(g.System())) }},
			{"dead", "the descriptor holds no goroutine at present", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(starlark.Bool(g.Dead())) }},
			{"m", "the M that runs it, or None", plain, func(in *Interp, g G) (starlark.Value, error) { return in.mAt(g.M) }},
			{"lockedm", "the M that it is locked to, or None", plain, func(in *Interp, g G) (starlark.Value, error) { return in.mAt(g.LockedM) }},
			{"waiting", "its Sudogs, in lock order", plain, gSudogs},
			{"stack_lo", "lowest address of its stack", address, func(_ *Interp, g G) (starlark.Value, error) { return ok(addr(g.StackLo)) }},
			{"stack_hi", "address behind its stack", address, func(_ *Interp, g G) (starlark.Value, error) { return ok(addr(g.StackHi)) }},
			{"sched_pc", "where it continues, stale while it runs", address, func(_ *Interp, g G) (starlark.Value, error) { return ok(addr(g.SchedPC)) }},
			{"sched_sp", "its stack pointer, stale while it runs", address, func(_ *Interp, g G) (starlark.Value, error) { return ok(addr(g.SchedSP)) }},
			{"gopc", "address behind the go statement that made it", address, func(_ *Interp, g G) (starlark.Value, error) { return ok(addr(g.GoPC)) }},
			{"startpc", "address of the function that it runs", address, func(_ *Interp, g G) (starlark.Value, error) { return ok(addr(g.StartPC)) }},
			{"waitsince", "nanotime of the first garbage collection that found it parked, 0 before", plain, func(_ *Interp, g G) (starlark.Value, error) { return ok(integer(g.WaitSince)) }},
			{"schedlink", "the next G of the list that it stands in, or None", plain, func(in *Interp, g G) (starlark.Value, error) { return in.gAt(g.SchedLink) }},
			{"bubble", "address of its synctest bubble, None without one", address, func(_ *Interp, g G) (starlark.Value, error) { return ok(addrOrNone(g.Bubble)) }},
		},
	}).finish()
}

// state is what stands in the brackets of a goroutine's header.
func state(g *inspect.Goroutine) string {
	s := string(g.Status())
	if r := g.WaitReason(); r != "" {
		if s == "leaked" {
			r += " (leaked)"
		}
		s = r
	}
	if d, how, ok := g.Waited(); ok {
		s += ", " + lasting(d, how)
	}
	if g.LockedM != 0 {
		s += ", locked to thread"
	}
	return s
}

func gString(_ *Interp, g *inspect.Goroutine) string {
	s := fmt.Sprintf("goroutine %d [%s]", g.Goid, state(g))
	if f, ok := g.Place(); ok {
		s += " at " + frame{&f}.String()
	}
	return s
}

func gFrames(in *Interp, g *inspect.Goroutine) (starlark.Value, error) {
	all, err := g.Frames()
	frames := make([]frame, len(all))
	for i := range all {
		frames[i] = frame{&all[i]}
	}
	return partial(in.classes.frame.list(in, frames), err)
}

func gLabels(_ *Interp, g *inspect.Goroutine) (starlark.Value, error) {
	labels, err := g.Labels()
	if err != nil {
		return nil, err
	}
	d := starlark.NewDict(len(labels))
	for _, k := range sortedKeys(labels) {
		if err := d.SetKey(starlark.String(k), starlark.String(labels[k])); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func gSudogs(in *Interp, g *inspect.Goroutine) (starlark.Value, error) {
	list, err := in.p.RT.WaitingSudogs(g.G)
	return partial(in.classes.sudog.list(in, pointers(list)), err)
}

// goroutines is a list of goroutines whose elements are made when they are
// asked for: there can be a million.
type goroutines struct {
	in *Interp
	gs []*inspect.Goroutine
}

var _ starlark.Sliceable = (*goroutines)(nil)

func (l *goroutines) String() string             { return fmt.Sprintf("<%d goroutines>", len(l.gs)) }
func (l *goroutines) Type() string               { return "goroutines" }
func (l *goroutines) Freeze()                    {}
func (l *goroutines) Truth() starlark.Bool       { return len(l.gs) > 0 }
func (l *goroutines) Hash() (uint32, error)      { return 0, fmt.Errorf("unhashable: goroutines") }
func (l *goroutines) Len() int                   { return len(l.gs) }
func (l *goroutines) Index(i int) starlark.Value { return l.in.classes.g.of(l.in, l.gs[i]) }
func (l *goroutines) Iterate() starlark.Iterator { return &goroutineIterator{l, 0} }
func (l *goroutines) Slice(i, j, step int) starlark.Value {
	var gs []*inspect.Goroutine
	for ; step > 0 && i < j || step < 0 && i > j; i += step {
		gs = append(gs, l.gs[i])
	}
	return &goroutines{l.in, gs}
}

type goroutineIterator struct {
	l *goroutines
	i int
}

func (it *goroutineIterator) Next(v *starlark.Value) bool {
	if it.i >= len(it.l.gs) {
		return false
	}
	*v = it.l.Index(it.i)
	it.i++
	return true
}

func (it *goroutineIterator) Done() {}

// report shows each goroutine with its stack.
func (l *goroutines) report() render.Report {
	return render.Report{
		Sections: []render.Section{render.Lines(l.lines)},
		Records:  l.records,
		Encoded:  l.encoded,
	}
}

// partSize is how many goroutines are shown or encoded at once.
const partSize = 512

// encoded yields the records of some goroutines at a time.
func (l *goroutines) encoded(yield func([]byte, error) bool) {
	if err := l.read(); err != nil {
		yield(nil, err)
		return
	}
	var frames frameCache
	var used sync.Pool // of *[]byte
	encode := func(from, to int) []byte {
		var b []byte
		if last, ok := used.Get().(*[]byte); ok {
			b = (*last)[:0]
		}
		for _, g := range l.gs[from:to] {
			b = append(frames.appendGoroutine(b, l.in.p, g), '\n')
		}
		return b
	}
	for b, err := range ordered(l.in.ctx, len(l.gs), partSize, encode) {
		if !yield(b, err) {
			return
		}
		used.Put(&b)
	}
}

// read reads the stacks of all goroutines if there are many to be shown.
func (l *goroutines) read() error {
	if len(l.gs) <= partSize {
		return nil
	}
	return l.in.p.ReadStacks(l.in.ctx)
}

func (l *goroutines) records(yield func(any, error) bool) {
	for _, g := range l.gs {
		if err := l.in.ctx.Err(); err != nil {
			yield(nil, err)
			return
		}
		if !yield(goroutineRecord(g.Record()), nil) {
			return
		}
	}
}

func (l *goroutines) lines(yield func(string, error) bool) {
	if err := l.read(); err != nil {
		yield("", err)
		return
	}
	blocks := func(from, to int) (lines []string) {
		for i, g := range l.gs[from:to] {
			if from+i > 0 {
				lines = append(lines, "")
			}
			lines = append(lines, l.in.block(g)...)
		}
		return lines
	}
	for lines, err := range ordered(l.in.ctx, len(l.gs), partSize, blocks) {
		if err != nil {
			yield("", err)
			return
		}
		for _, line := range lines {
			if !yield(line, nil) {
				return
			}
		}
	}
}

// block is a goroutine with all that people want to see of it.
func (in *Interp) block(g *inspect.Goroutine) []string {
	head := fmt.Sprintf("goroutine %d [%s]", g.Goid, state(g))
	if g.Dead() {
		return []string{head}
	}
	if on := g.WaitsOn(); len(on) > 0 {
		head += " " + in.waitSentence(on)
	}
	lines := []string{head}
	if labels, err := g.Labels(); err != nil {
		lines = append(lines, "    labels "+render.Unreadable(err))
	} else if len(labels) > 0 {
		var b strings.Builder
		for _, k := range sortedKeys(labels) {
			fmt.Fprintf(&b, " %s=%s", k, labels[k])
		}
		lines = append(lines, "    labels"+b.String())
	}
	lines = append(lines, frameLines(g)...)
	if by := g.CreatedBy(); by != "" {
		line := "    created by " + by
		if g.ParentGoid != 0 {
			line += fmt.Sprintf(" in goroutine %d", g.ParentGoid)
		}
		lines = append(lines, line)
	}
	return lines
}

// waitSentence says what a goroutine waits on.
func (in *Interp) waitSentence(on []wait.On) string {
	if len(on) == 1 {
		return in.onPhrase(&on[0])
	}
	var parts []string
	for i := range on {
		if i == maxCases {
			parts = append(parts, fmt.Sprintf("and %d more", len(on)-maxCases))
			break
		}
		part := strings.TrimPrefix(in.onPhrase(&on[i]), "waits ")
		if on[i].Line != nil {
			part += fmt.Sprintf(" at line %d", *on[i].Line)
		}
		parts = append(parts, part)
	}
	return "waits in a select " + strings.Join(parts, ", ")
}

// maxCases is how many cases of a select are shown.
const maxCases = 6

func goroutineBuiltins() []Builtin {
	goid := Param{Name: "goid_or_addr", Default: "None", Doc: "a goroutine id, or the address of a runtime.g; None for the selected one (goto)"}
	return []Builtin{
		{
			Name: "gs", Params: []Param{{Name: "all", Default: "False", Doc: "dead ones too"}},
			Doc: "Every goroutine, in order of creation.", Example: "[g.goid for g in gs() if g.status == \"waiting\"]",
			call: func(in *Interp, a args) (starlark.Value, error) {
				all, err := in.p.Goroutines(in.ctx)
				if err != nil {
					return nil, err
				}
				if !a.truth(0) {
					all = slices.DeleteFunc(slices.Clone(all), (*inspect.Goroutine).Dead)
				}
				return &goroutines{in, all}, nil
			},
		},
		{
			Name: "g", Params: []Param{goid}, Doc: "The goroutine with the given id or address.", Example: "g(1).wait_reason",
			call: func(in *Interp, a args) (starlark.Value, error) {
				g, err := in.goroutineOrSelected(a, 0)
				if err != nil {
					return nil, err
				}
				return in.classes.g.of(in, g), nil
			},
		},
		{
			Name: "stack", Params: []Param{{Name: "g", Default: "None", Doc: "a G, a goroutine id, or the address of a runtime.g; None for the selected one (goto)"}},
			Doc: "The Frames of a goroutine, innermost first.", Example: "[f.func for f in stack(1)]",
			call: func(in *Interp, a args) (starlark.Value, error) {
				g, err := in.goroutineOrSelected(a, 0)
				if err != nil {
					return nil, err
				}
				return gFrames(in, g)
			},
		},
	}
}
