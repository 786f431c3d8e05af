package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/delve"
	"rtdbg/inspect/exe"
	"rtdbg/inspect/layout"
	"rtdbg/inspect/locate"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// OpenCore opens a core file with the executable that wrote it. Without one,
// exePath being "", it opens what the core itself holds: always the goroutines
// and what they wait on; functions and frames only where the core has the
// program's read-only data too, as Delve's do, and the kernel's and gdb's do
// not.
func OpenCore(ctx context.Context, exePath, corePath string, o Options) (*Process, error) {
	p := &Process{opts: o, dwarf: noExecutable}
	if err := p.openExecutable(exePath); err != nil {
		return nil, err
	}
	p.info = Info{Exe: exePath, Core: corePath}
	p.openDelve = func(ctx context.Context) (*delve.Session, error) {
		if exePath == "" {
			return nil, errors.New("expressions need the executable, and there is none")
		}
		return delve.OpenCore(ctx, exePath, corePath, delve.Listen(o.Listen))
	}
	if err := p.openCore(ctx, corePath); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if o.Listen == "" {
		return p, nil
	}
	s, err := p.delve(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen %s: %w", o.Listen, err), p.Close())
	}
	p.serves(s)
	return p, nil
}

// openCore opens the core file at path with the executable that p has.
func (p *Process) openCore(ctx context.Context, path string) error {
	c, err := mem.OpenCore(path, p.exe)
	if err != nil {
		return err
	}
	p.Mem, p.core = c, c
	if p.opts.counted != nil {
		p.Mem = p.opts.counted(c)
	}
	p.closers = append(p.closers, c.Close)
	p.closers = append(p.closers, p.closeTables)
	p.info.PID, p.info.Memory = c.PID(), c.Describe()
	if err := p.checkCore(c); err != nil {
		return err
	}
	t := target{arch: c.Arch(), threads: c.Threads()}
	if p.exe != nil {
		if t.bias, err = c.LoadBias(); err != nil {
			return fmt.Errorf("%s: %w", p.name(), err)
		}
	}
	if err := p.open(ctx, t); err != nil {
		return p.explain(err, c)
	}
	p.now = sync.OnceValue(func() Now { return p.coreNow(c) })
	if i := c.Instant(); i != nil {
		p.ofInstant(i)
	}
	return nil
}

// ofInstant takes over what a capture knows of itself.
func (p *Process) ofInstant(i *mem.Instant) {
	p.kernel = i.Kernel
	now := exactNow(i.NanoTime, "the monotonic clock when it was captured")
	if t, ok := p.RT.FakeTime(); ok {
		now = exactNow(t, "runtime.faketime, the clock of a program built with the tag faketime")
	}
	p.now = func() Now { return now }
	p.info.Pause = time.Duration(i.Pause)
	p.info.LeftOut = i.LeftOut
	if i.LeftOut > 0 {
		p.opts.warnf("%s has no heap: %d MB were not copied, and who is reached only through them is not known", p.name(), i.LeftOut>>20)
	}
}

// openExecutable opens the executable, unless there is none.
func (p *Process) openExecutable(path string) error {
	if path == "" {
		return nil
	}
	f, err := exe.Open(path)
	if err != nil {
		return err
	}
	p.adopt(f)
	return nil
}

// adopt makes f the executable, which Close closes, and begins to read its
// layouts: they are needed last, and take the longest.
func (p *Process) adopt(f *exe.File) {
	p.exe = f
	p.dwarf = beside(func() (*layout.Table, error) { return dwarfTable(f) })
	p.closers = append(p.closers, func() error {
		p.dwarf() // so that nothing reads f any more
		return f.Close()
	})
}

// beside begins to compute a result on a goroutine of its own; the function
// that it returns waits for it.
func beside[T any](f func() (T, error)) func() (T, error) {
	var v T
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		v, err = f()
	}()
	return func() (T, error) {
		<-done
		return v, err
	}
}

// checkCore refuses an executable that does not belong to the core and says
// what the core lacks.
func (p *Process) checkCore(c *mem.Core) error {
	check := c.CheckExecutable()
	switch {
	case p.exe == nil:
		p.opts.warnf("%s", withoutExecutable(c))
	case check.Verdict == mem.Mismatch:
		return fmt.Errorf("executable %s does not belong to %s: %s", p.info.Exe, p.name(), check.Reason)
	case check.Verdict == mem.Undecided:
		p.opts.warnf("could not verify that %s belongs to %s: %s", p.info.Exe, p.name(), check.Reason)
	}
	if missing, ranges, ok := c.Truncated(); ok {
		p.opts.warnf("%s is truncated: %d bytes in %d ranges are missing; what needs them is shown as unreadable", p.name(), missing, len(ranges))
	}
	return nil
}

// withoutExecutable says what the executable would be.
func withoutExecutable(c *mem.Core) string {
	s := "no executable: what the core itself holds is read"
	if path := c.ExePath(); path != "" {
		s += "; the process ran " + path
	}
	return s
}

// explain adds to an error of a truncated core that it is truncated.
func (p *Process) explain(err error, c *mem.Core) error {
	if missing, _, ok := c.Truncated(); ok {
		return fmt.Errorf("%s is truncated (%d bytes are missing) and cannot be analysed: %w", p.name(), missing, err)
	}
	return err
}

// target is what a source of bytes knows about itself.
type target struct {
	arch    *arch.Arch
	bias    uint64
	threads []arch.Thread
	// tids are the ids of threads.
	tids []int
	// symbols looks variables up where there is no executable.
	symbols locate.Symbols
	// goVersion is the version as the debugger has it, "" if it has none.
	goVersion string
}

// open builds the rooms on top of the memory.
func (p *Process) open(ctx context.Context, t target) error {
	p.arch = t.arch
	p.adoptThreads(t.threads)
	t.tids = idsOf(t.threads)
	f, err := p.fitLayouts(ctx, t)
	if err != nil {
		return err
	}
	p.RT, p.minor, p.symbol = f.rt, f.minor, p.symbols(t, f.table)
	p.info.Go, p.info.GOOS, p.info.GOARCH = f.table.Go, f.table.GOOS, f.table.GOARCH
	p.info.Layouts = f.table.Source
	if f.doubt != nil {
		p.opts.warnf("%s: %v", p.name(), f.doubt)
	}
	if f.threads != nil {
		p.adoptThreads(f.threads)
		p.opts.warnf("%s: the ids of its threads are those of another PID namespace: each is told by its g instead", p.name())
	}
	p.report(f.found)
	return p.openStacks()
}

func (p *Process) adoptThreads(threads []arch.Thread) {
	p.threads = make(map[uint64]arch.Thread, len(threads))
	for _, th := range threads {
		p.threads[uint64(th.TID)] = th
	}
}

func idsOf(threads []arch.Thread) []int {
	var tids []int
	for _, th := range threads {
		tids = append(tids, th.TID)
	}
	return tids
}

// name names the target in errors.
func (p *Process) name() string {
	switch {
	case p.info.Core != "":
		return "core " + p.info.Core
	case p.info.Server != "":
		return "Delve server " + p.info.Server
	}
	return fmt.Sprintf("process %d", p.info.PID)
}

// report tells what was found and how.
func (p *Process) report(found locate.Found) {
	p.opts.verbosef("memory: %s", p.info.Memory)
	p.opts.verbosef("layouts: %s", p.info.Layouts)
	p.opts.verbosef("runtime variables: %d by symbol, %d by structure", found.BySymbol, found.ByStructure)
	var missing []string
	for name, err := range found.Missing {
		p.opts.verbosef("%s: %v", name, err)
		switch name {
		case "runtime.memstats", "runtime.semtable", "runtime.waitReasonStrings":
			// Before the first collection, without waiters, or with the
			// table's own copy at hand these hold nothing that is missed.
		default:
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		p.opts.warnf("not found in the target: %s; answers that need it are left out", strings.Join(missing, ", "))
	}
}

// symbols returns the lookup of package-level variables: the executable's
// symbol table, its DWARF (table, which may be nil), or the debugger.
func (p *Process) symbols(t target, table *layout.Table) locate.Symbols {
	if t.symbols != nil {
		return t.symbols
	}
	return func(name string) (mem.Addr, bool) {
		if p.exe == nil {
			return 0, false
		}
		if a, _, ok := p.exe.Symbol(name); ok {
			return mem.Addr(a + t.bias), true
		}
		if table != nil {
			if v, ok := table.Variable(name); ok && v.Addr != 0 {
				return v.Addr + mem.Addr(t.bias), true
			}
		}
		return 0, false
	}
}

// openStacks reads the function tables.
func (p *Process) openStacks() error {
	var mods []pcln.Module
	for i := range p.RT.Modules {
		m := &p.RT.Modules[i]
		sects, err := p.RT.TextSects(m)
		if err != nil && !errors.Is(err, mem.ErrMissing) {
			return fmt.Errorf("%s: text sections: %w", p.name(), err)
		}
		mods = append(mods, pcln.Module{PCHeader: m.PCHeader, Text: m.Text, EText: m.EText, MinPC: m.MinPC, MaxPC: m.MaxPC,
			GoFunc: m.GoFunc, RoData: m.ROData, TextSects: textSects(sects)})
	}
	var err error
	if p.pcln, err = pcln.New(p.Mem, p.arch, p.minor, mods); err != nil {
		p.opts.warnf("%s: no functions, lines and frames are known, nor what the stacks refer to: %v", p.name(), p.noFunctions(err))
		if p.pcln, err = pcln.New(p.Mem, p.arch, p.minor, nil); err != nil {
			return fmt.Errorf("%s: %w", p.name(), err)
		}
	}
	if p.syms, err = stack.New(p.Mem, p.arch, p.pcln); err != nil {
		return fmt.Errorf("%s: %w", p.name(), err)
	}
	return nil
}

// noFunctions says why there are no function tables.
func (p *Process) noFunctions(err error) error {
	if p.exe == nil && errors.Is(err, mem.ErrMissing) {
		return errors.New("they are in the executable and not in this core")
	}
	return err
}

func textSects(sects []rt.TextSect) []pcln.TextSect {
	list := make([]pcln.TextSect, len(sects))
	for i, s := range sects {
		list[i] = pcln.TextSect{VAddr: s.VAddr, End: s.End, BaseAddr: s.BaseAddr}
	}
	return list
}
