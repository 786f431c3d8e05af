// Package inspect opens a Go program that hangs, or the core file of one, as a
// Process: one stopped instant whose goroutines say where they are, what they
// wait on and who can wake them.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/code"
	"rtdbg/inspect/cstack"
	"rtdbg/inspect/delve"
	"rtdbg/inspect/exe"
	"rtdbg/inspect/heap"
	"rtdbg/inspect/layout"
	"rtdbg/inspect/locate"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/names"
	"rtdbg/inspect/pcln"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
	"rtdbg/inspect/tracee"
	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// ErrExited says that a process has ended.
var ErrExited = tracee.ErrExited

// Options are how to open a target.
type Options struct {
	// Warn receives one-line warnings, Verbose what -v shows; nil drops
	// them.
	Warn, Verbose func(string)
	// Stop allows Connect to halt a target that runs, and has Attach keep the
	// process stopped, under Delve, instead of capturing it; Close lets it run on.
	Stop bool
	// Guard is a command that runs beside while this process has stopped a target,
	// for the case that this process is killed. Attach adds the process's id, for
	// which the command calls Guard, Connect the server's address, for which it
	// calls GuardServer. nil is none.
	Guard []string
	// Listen is where Attach and OpenCore serve the target to others, as
	// delve.Listen has it; "" nowhere. A process that is served stays stopped
	// until Close, unless one of those others resumes it.
	Listen string
	// Heap says what Attach copies of the heap.
	Heap Heap
	// counted, if not nil, stands between the analysis and a core's bytes:
	// tests count what is read.
	counted func(mem.Memory) mem.Memory
}

func (o Options) warnf(format string, args ...any) {
	if o.Warn != nil {
		o.Warn(fmt.Sprintf(format, args...))
	}
}

func (o Options) verbosef(format string, args ...any) {
	if o.Verbose != nil {
		o.Verbose(fmt.Sprintf(format, args...))
	}
}

// Info describes what a Process has open.
type Info struct {
	// Exe and Core are paths; Core is "" for a live process, Exe "" where
	// it is on another host.
	Exe, Core string
	PID       int
	// Server is the address of the Delve server, "" without one; Listen that at
	// which others can join.
	Server, Listen string
	// Go is the version that built the target, GOOS and GOARCH its platform.
	Go, GOOS, GOARCH string
	// Pause is how long the process stood still while it was captured, and
	// LeftOut how many bytes of its heap were not copied; 0 for what is no
	// capture.
	Pause   time.Duration
	LeftOut uint64
	// Layouts says where the layouts come from, Memory where the bytes do.
	Layouts, Memory string
}

// Process is one stopped instant of a Go program. Its methods may be called
// concurrently. Nothing that it returns outlives it.
type Process struct {
	// RT reads the runtime's structures, Mem bytes.
	RT  *rt.Runtime
	Mem mem.Memory

	info Info
	opts Options
	// core is Mem where that is a core file, else nil.
	core *mem.Core
	// ctables are the unwind tables of a core's images, nil until they are needed.
	ctablesOnce sync.Once
	ctables     *cstack.Tables
	exe         *exe.File
	// dwarf waits for the layouts that the executable's DWARF has.
	dwarf   func() (*layout.Table, error)
	arch    *arch.Arch
	threads map[uint64]arch.Thread // by thread id
	// tids are the ids that threads of a debugger's target have in this PID
	// namespace, by those of their own.
	tids map[int]int
	// kernel is what the kernel said of the threads of a live process before
	// it was stopped, by thread id.
	kernel map[uint64]mem.KernelWait
	pcln   *pcln.Table
	syms   *stack.Symbols
	now    func() Now
	minor  int
	// symbol looks package-level variables up.
	symbol locate.Symbols

	// openDelve opens the debugger session, once, when first needed.
	openDelve func(ctx context.Context) (*delve.Session, error)
	delveMu   sync.Mutex
	session   *delve.Session
	// selection is the goroutine in which one works; untold says that Delve
	// has another one selected.
	selection struct {
		mu     sync.Mutex
		goid   uint64
		untold bool
	}
	// moved says that a command of Delve has let the target run or changed it.
	moved atomic.Bool

	unwinders sync.Pool // of *stack.Unwinder
	gsMu      sync.Mutex
	gs        []*Goroutine
	rawGs     []rt.G
	// unreadable is how many goroutines were left out.
	unreadable int
	// table is nil until the goroutines have been read.
	table   atomic.Pointer[table]
	origins origins

	countMu sync.Mutex
	count   rt.Counts

	codeOnce     sync.Once
	program      *code.Program // nil where its instructions are not understood
	marksOnce    sync.Once
	marks        map[string]mem.Addr // what locate.ByCode found
	resolverOnce sync.Once
	resolver     *wait.Resolver
	heapMu       sync.Mutex
	heap         *heap.Heap
	heapErr      error
	wakeMu       sync.Mutex
	analyzer     *wake.Analyzer

	namesOnce sync.Once
	named     *names.Names // nil where the executable has no DWARF
	statics   sync.Map     // mem.Addr → static

	gorootOnce sync.Once
	gorootDir  string

	// instant is where the target of a debugger stood, nil where it cannot
	// move; interrupt ends reads through the debugger, nil where there are
	// none.
	instant   *instant
	interrupt func()

	// unguard, if not nil, ends the guard of a process that is let go.
	unguard func() error
	closers []func() error
}

// Info describes the target.
func (p *Process) Info() Info { return p.info }

// Close lets the target go: a live one runs on unharmed.
func (p *Process) Close() error {
	p.delveMu.Lock()
	defer p.delveMu.Unlock()
	var errs []error
	if p.session != nil {
		errs = append(errs, p.session.Close())
		p.session = nil
	}
	if p.unguard != nil {
		errs = append(errs, p.unguard())
		p.unguard = nil
	}
	for i := len(p.closers) - 1; i >= 0; i-- {
		errs = append(errs, p.closers[i]())
	}
	p.closers = nil
	return errors.Join(errs...)
}

// delve returns the debugger session, opening it when first asked.
func (p *Process) delve(ctx context.Context) (*delve.Session, error) {
	p.delveMu.Lock()
	defer p.delveMu.Unlock()
	if p.session != nil {
		return p.session, nil
	}
	if p.openDelve == nil {
		return nil, errors.New("no debugger session: the target has been closed")
	}
	s, err := p.openDelve(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range s.Warnings() {
		p.opts.verbosef("delve: %s", w)
	}
	p.session = s
	return s, nil
}

// PrepareEval loads what Eval needs, so that the first expression does not wait
// for it: the executable's debug information, which takes a second for 20 MB.
func (p *Process) PrepareEval(ctx context.Context) error {
	_, err := p.delve(ctx)
	return err
}

// Eval evaluates an expression as Delve does, in frame number frame of
// goroutine goid; goid 0 stands for the selected one, or the one at which the
// target stopped.
func (p *Process) Eval(ctx context.Context, expr string, goid int64, frame int) (*delve.Value, error) {
	open := p.delve
	if goid == 0 {
		open = p.here
	}
	s, err := open(ctx)
	if err != nil {
		return nil, err
	}
	return s.Eval(ctx, expr, delve.Scope{Goroutine: goid, Frame: frame}, delve.Load{})
}

// unwinder lends an Unwinder to f.
func (p *Process) unwinder(f func(u *stack.Unwinder)) {
	u, _ := p.unwinders.Get().(*stack.Unwinder)
	if u == nil {
		u = p.syms.NewUnwinder()
	}
	defer p.unwinders.Put(u)
	f(u)
}

// Wait returns the resolver of what goroutines wait on.
func (p *Process) wait() *wait.Resolver {
	p.resolverOnce.Do(func() {
		p.resolver = wait.NewResolver(p.waitInput())
	})
	return p.resolver
}

// spans returns the heap; with an error it may still be usable. Opening that
// was interrupted is begun anew by the next caller.
func (p *Process) spans(ctx context.Context) (*heap.Heap, error) {
	p.heapMu.Lock()
	defer p.heapMu.Unlock()
	if p.heap == nil && p.heapErr == nil {
		h, err := heap.Open(ctx, p.RT)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p.heap, p.heapErr = h, err
	}
	return p.heap, p.heapErr
}
