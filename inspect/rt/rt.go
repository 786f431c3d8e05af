// Package rt reads the Go runtime's structures as typed views: goroutines,
// threads, processors, the scheduler, channels, semaphores, timers, poll
// descriptors. Each view declares only the fields that rtdbg reads, by the
// runtime's names; where they lie is layout's business. It does not know who
// wakes whom.
package rt

import (
	"errors"
	"fmt"
	"strings"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// Globals are the addresses of the runtime's package-level variables that
// rtdbg reads; 0 for one that was not found.
type Globals struct {
	AllGs, AllP, AllM, Sched, SemTable, MHeap, MemStats mem.Addr
	FirstModuleData, WaitReasonStrings                  mem.Addr
	Faketime, Debug, TracebackCache                     mem.Addr
}

// Runtime reads one stopped instant of one target's runtime.
type Runtime struct {
	Mem     mem.Memory
	Arch    *arch.Arch
	Layout  *layout.Table
	Globals Globals
	// Modules are the target's moduledata, the program itself first.
	Modules []Module

	plans       plans
	typeNames   typeNames
	statuses    []Status
	pstatuses   []PStatus
	waitReasons []string
	// noRare is the zero value, which most goroutines share.
	noRare *GRare
	// direct is Mem, nil if its bytes are not at hand; gSize is how many
	// bytes of a goroutine descriptor are read.
	direct mem.Direct
	gSize  int
}

// plans are the compiled decoders of the views, one per structure.
type plans struct {
	g        *layout.Plan[G]
	gRare    *layout.Plan[GRare]
	m        *layout.Plan[M]
	p        *layout.Plan[P]
	sched    *layout.Plan[Sched]
	hchan    *layout.Plan[Hchan]
	sudog    *layout.Plan[Sudog]
	semaRoot *layout.Plan[semaRoot]
	notify   *layout.Plan[NotifyList]
	timer    *layout.Plan[Timer]
	pollDesc *layout.Plan[PollDesc]
	module   *layout.Plan[Module]
	textSect *layout.Plan[TextSect]
	deferred *layout.Plan[deferRecord]
	memStats *layout.Plan[MemStats]
	coro     *layout.Plan[Coro]
	bubble   *layout.Plan[Bubble]
	hmap     *layout.Plan[hmap]
	waiting  waitPlans
	sync     syncPlans
	context  contextPlans
	net      netPlans
	exec     execPlans
}

// New compiles the views for the target's layouts. The Runtime reads structures
// at given addresses; Locate tells it where the package-level variables are.
func New(m mem.Memory, a *arch.Arch, t *layout.Table) (*Runtime, error) {
	r := &Runtime{Mem: m, Arch: a, Layout: t, noRare: new(GRare)}
	if err := r.compile(); err != nil {
		return nil, fmt.Errorf("layouts of %s (%s): %w", t.Go, t.Source, err)
	}
	r.direct = mem.DirectOf(m)
	off, n := r.plans.g.Window()
	rareOff, rareN := r.plans.gRare.Window()
	r.gSize = int(max(off+n, rareOff+rareN))
	r.compileStatuses()
	if !t.Assumed {
		r.waitReasons = t.WaitReasons
	}
	return r, nil
}

// Locate gives the Runtime the addresses of the package-level variables and
// checks that addresses and layouts fit the target: allgs[0] must be goroutine
// 1, each P must carry its own index.
func (r *Runtime) Locate(g Globals) error {
	r.Globals = g
	if err := r.readModules(); err != nil {
		return err
	}
	r.waitReasons = r.readWaitReasons()
	return r.verify()
}

// compile binds every view to the layout table.
func (r *Runtime) compile() error {
	t, p := r.Layout, &r.plans
	return errors.Join(
		bind(&p.g, t, "runtime.g"),
		bind(&p.gRare, t, "runtime.g"),
		bind(&p.m, t, "runtime.m"),
		bind(&p.p, t, "runtime.p"),
		bind(&p.sched, t, "runtime.schedt"),
		bind(&p.hchan, t, "runtime.hchan"),
		bind(&p.sudog, t, "runtime.sudog"),
		bind(&p.semaRoot, t, "runtime.semaRoot"),
		bind(&p.notify, t, "runtime.notifyList"),
		bind(&p.timer, t, "runtime.timer"),
		bind(&p.pollDesc, t, "runtime.pollDesc"),
		bind(&p.module, t, "runtime.moduledata"),
		bind(&p.textSect, t, "runtime.textsect"),
		bind(&p.deferred, t, "runtime._defer"),
		bind(&p.memStats, t, "runtime.mstats"),
		bindOptional(&p.coro, t, "runtime.coro"),
		bindOptional(&p.bubble, t, bubbleStruct(t)),
		bindOptional(&p.hmap, t, "runtime.hmap"),
		p.waiting.compile(t),
		p.sync.compile(t),
		p.context.compile(t),
		p.net.compile(t),
		p.exec.compile(t),
	)
}

func bind[T any](plan **layout.Plan[T], t *layout.Table, name string) error {
	p, err := layout.Bind[T](t, name)
	*plan = p
	return err
}

// bindOptional is bind for a structure that a program may lack: one that does
// not import the package, or a Go version before it.
func bindOptional[T any](plan **layout.Plan[T], t *layout.Table, name string) error {
	if t.Structs[name] == nil {
		return nil
	}
	return bind(plan, t, name)
}

// compileStatuses turns the table's constants into lookups by number.
func (r *Runtime) compileStatuses() {
	for _, c := range statusConsts {
		if n, ok := r.constant(c.name); ok && n >= 0 && n < 64 {
			r.statuses = grow(r.statuses, int(n))
			r.statuses[n] = c.status
		}
	}
	for _, c := range pStatusConsts {
		if n, ok := r.constant(c.name); ok && n >= 0 && n < 64 {
			r.pstatuses = grow(r.pstatuses, int(n))
			r.pstatuses[n] = c.status
		}
	}
}

func grow[T any](s []T, n int) []T {
	for len(s) <= n {
		var zero T
		s = append(s, zero)
	}
	return s
}

// constant looks a constant up under any of its names, separated by "|".
func (r *Runtime) constant(names string) (int64, bool) {
	for name := range strings.SplitSeq(names, "|") {
		if n, ok := r.Layout.Consts[name]; ok {
			return n, true
		}
	}
	return 0, false
}

// readWords reads n pointer-sized words at a.
func (r *Runtime) readWords(a mem.Addr, n int) ([]uint64, error) {
	if a == 0 {
		return nil, &mem.Fault{Addr: 0, Len: n * r.Arch.PtrSize, Err: mem.ErrUnmapped}
	}
	b := make([]byte, n*r.Arch.PtrSize)
	if err := r.Mem.ReadAt(b, a); err != nil {
		return nil, err
	}
	w := make([]uint64, n)
	for i := range w {
		w[i] = r.word(b[i*r.Arch.PtrSize:])
	}
	return w, nil
}

// ReadWord reads the pointer-sized word at a.
func (r *Runtime) ReadWord(a mem.Addr) (uint64, error) {
	w, err := r.readWords(a, 1)
	if err != nil {
		return 0, err
	}
	return w[0], nil
}

// word decodes the pointer-sized word at the start of b.
func (r *Runtime) word(b []byte) uint64 {
	if r.Arch.PtrSize == 4 {
		return uint64(r.Arch.Order.Uint32(b))
	}
	return r.Arch.Order.Uint64(b)
}

// readPointers reads the elements of a slice of pointers; a length above
// limit, or above the capacity, is refused as corrupt.
func (r *Runtime) readPointers(s layout.Slice, limit uint64) ([]mem.Addr, error) {
	b, err := r.pointerBytes(s, limit)
	if err != nil || len(b) == 0 {
		return nil, err
	}
	addrs := make([]mem.Addr, s.Len)
	for i := range addrs {
		addrs[i] = mem.Addr(r.word(b[i*r.Arch.PtrSize:]))
	}
	return addrs, nil
}

// pointerBytes returns the bytes of a slice of pointers, as readPointers reads
// it.
func (r *Runtime) pointerBytes(s layout.Slice, limit uint64) ([]byte, error) {
	if s.Len > s.Cap || s.Len > limit {
		return nil, fmt.Errorf("corrupt slice: length %d, capacity %d", s.Len, s.Cap)
	}
	if s.Len == 0 {
		return nil, nil
	}
	return r.Mem.View(mem.Addr(s.Ptr), int(s.Len)*r.Arch.PtrSize)
}

// maxString bounds a string that is read whole, in bytes.
const maxString = 1 << 20

// ReadString reads the bytes of a string header.
func (r *Runtime) ReadString(s layout.String) (string, error) {
	if s.Len > maxString {
		return "", fmt.Errorf("corrupt string: %d bytes at %v", s.Len, mem.Addr(s.Ptr))
	}
	if s.Len == 0 {
		return "", nil
	}
	b := make([]byte, s.Len)
	if err := r.Mem.ReadAt(b, mem.Addr(s.Ptr)); err != nil {
		return "", err
	}
	return string(b), nil
}

// readWaitReasons reads runtime.waitReasonStrings from the target: the numbers
// differ between versions, and the program's own strings are the truth. Where
// the variable is unknown or unreadable the table's copy serves, unless the
// table is another version's. Where only the text of the strings is missing, as
// in a core without the executable, the table's copy must have their lengths.
func (r *Runtime) readWaitReasons() []string {
	table := r.Layout.WaitReasons
	fallback := table
	if r.Layout.Assumed {
		fallback = nil
	}
	n := len(table)
	if v, ok := r.Layout.Variable("runtime.waitReasonStrings"); ok && v.Size > 0 {
		n = int(v.Size) / (2 * r.Arch.PtrSize)
	}
	if r.Globals.WaitReasonStrings == 0 || n == 0 || n > maxWaitReasons {
		return fallback
	}
	w, err := r.readWords(r.Globals.WaitReasonStrings, 2*n)
	if err != nil {
		return fallback
	}
	const longest = 100
	reasons := make([]string, 0, n)
	for i := range n {
		size := w[2*i+1]
		s, err := r.ReadString(layout.String{Ptr: w[2*i], Len: size})
		switch {
		case size > longest && r.Layout.Assumed:
			return reasons // this version has fewer of them
		case size > longest, err != nil && (i >= len(table) || uint64(len(table[i])) != size):
			return fallback
		case err != nil:
			s = table[i]
		}
		reasons = append(reasons, s)
	}
	return reasons
}

// maxWaitReasons is the number of values of the runtime's waitReason type, a
// byte.
const maxWaitReasons = 256

// WaitReasons returns the wait reasons of this runtime, by number.
func (r *Runtime) WaitReasons() []string { return r.waitReasons }

// ReadPointerSlice reads the elements of the slice of pointers whose header
// lies at a; more than limit elements are refused as corrupt.
func (r *Runtime) ReadPointerSlice(a mem.Addr, limit uint64) ([]mem.Addr, error) {
	s, err := r.readSliceAt(a)
	if err != nil {
		return nil, err
	}
	return r.readPointers(s, limit)
}
