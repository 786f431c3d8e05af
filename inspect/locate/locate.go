// Package locate finds the runtime's package-level variables: by symbol where
// the program has them, by the structure of what they hold where it has been
// stripped. Nothing is disassembled, so it works alike on every architecture.
package locate

import (
	"errors"
	"fmt"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
	"rtdbg/inspect/rt"
)

// Symbols looks up the address of a package-level variable by its full name,
// "runtime.allgs". It is nil, or answers false, for a stripped program.
type Symbols func(name string) (mem.Addr, bool)

// Found says how the globals were found.
type Found struct {
	Globals rt.Globals
	// BySymbol and ByStructure count the variables found in each way;
	// Missing are those that were not found, by name, with the reason.
	BySymbol, ByStructure int
	Missing               map[string]error
}

// Target is what a search needs to know of the target.
type Target struct {
	RT      *rt.Runtime
	Arch    *arch.Arch
	Symbols Symbols
	// Threads are the kernel's ids of the target's threads.
	Threads []int
}

// variable is one global that is looked for.
type variable struct {
	name string
	at   func(*rt.Globals) *mem.Addr
	// find searches for it by structure; nil if that cannot be done.
	find func(*finder) (mem.Addr, error)
	// optional says that rtdbg works without it.
	optional bool
}

// variables are in the order in which they can be found: each search uses what
// those before it found.
func variables() []variable {
	return []variable{
		{"runtime.firstmoduledata", func(g *rt.Globals) *mem.Addr { return &g.FirstModuleData }, (*finder).moduleData, false},
		{"runtime.allgs", func(g *rt.Globals) *mem.Addr { return &g.AllGs }, (*finder).allgs, false},
		{"runtime.allp", func(g *rt.Globals) *mem.Addr { return &g.AllP }, (*finder).allp, false},
		{"runtime.sched", func(g *rt.Globals) *mem.Addr { return &g.Sched }, (*finder).sched, true},
		{"runtime.allm", func(g *rt.Globals) *mem.Addr { return &g.AllM }, (*finder).allm, true},
		{"runtime.semtable", func(g *rt.Globals) *mem.Addr { return &g.SemTable }, (*finder).semtable, true},
		{"runtime.mheap_", func(g *rt.Globals) *mem.Addr { return &g.MHeap }, (*finder).mheap, true},
		{"runtime.memstats", func(g *rt.Globals) *mem.Addr { return &g.MemStats }, (*finder).memstats, true},
		{"runtime.waitReasonStrings", func(g *rt.Globals) *mem.Addr { return &g.WaitReasonStrings }, (*finder).waitReasons, true},
		{"runtime.debug", func(g *rt.Globals) *mem.Addr { return &g.Debug }, nil, true},
		{"runtime.traceback_cache", func(g *rt.Globals) *mem.Addr { return &g.TracebackCache }, nil, true},
		{"runtime.faketime", func(g *rt.Globals) *mem.Addr { return &g.Faketime }, nil, true},
	}
}

// Globals finds the runtime's globals of t.
func Globals(t Target) (Found, error) {
	f := &finder{Target: t}
	var found Found
	for _, v := range variables() {
		at := v.at(&f.g)
		if t.Symbols != nil {
			if a, ok := t.Symbols(v.name); ok {
				*at = a
				found.BySymbol++
				continue
			}
		}
		if v.find == nil {
			continue
		}
		a, err := v.find(f)
		if err == nil && a != 0 {
			*at = a
			found.ByStructure++
			continue
		}
		if !v.optional {
			return found, fmt.Errorf("%s was found neither by symbol nor by structure: %w", v.name, orNotFound(err))
		}
		if found.Missing == nil {
			found.Missing = make(map[string]error)
		}
		found.Missing[v.name] = orNotFound(err)
	}
	found.Globals = f.g
	return found, nil
}

func orNotFound(err error) error {
	if err != nil {
		return err
	}
	return errors.New("nothing in the target's memory has its shape")
}

// finder searches one target.
type finder struct {
	Target
	g rt.Globals
	// data is the program's data and bss, base its address.
	data []byte
	base mem.Addr
	// gs are the goroutines by address, with their number's maximum.
	gs      map[mem.Addr]bool
	maxGoid uint64
	ps      map[mem.Addr]bool
}

// word returns the pointer-sized word at offset i of the data.
func (f *finder) word(i int) mem.Addr { return mem.Addr(f.Arch.Order.Uint64(f.data[i:])) }

// moduleData finds the moduledata: the word in writable memory that holds the
// address of a pclntab and is followed by that of its table of names.
func (f *finder) moduleData() (mem.Addr, error) {
	const maxRange = 1 << 30
	var readable, writable []mem.Range
	for _, r := range present(f.RT.Mem) {
		switch {
		case r.Size() > maxRange || r.Perm&mem.PermRead == 0:
		case r.Perm&mem.PermWrite != 0 && r.Perm&mem.PermExec == 0:
			writable = append(writable, r)
			readable = append(readable, r) // a PIE's pclntab is relocated in RELRO or data
		default:
			readable = append(readable, r)
		}
	}
	headers := pcln.FindHeaders(f.RT.Mem, f.Arch, readable)
	if len(headers) == 0 {
		return 0, errors.New("no pclntab in the target's memory: is it a Go program?")
	}
	isHeader := make(map[mem.Addr]bool, len(headers))
	for _, h := range headers {
		isHeader[h] = true
	}
	for _, r := range append(writable, readable...) {
		if a := f.moduleDataIn(r, isHeader); a != 0 {
			return a, nil
		}
	}
	return 0, errors.New("no moduledata points to the pclntab")
}

// present lists the ranges whose bytes the memory has: a core lacks parts of
// what it maps.
func present(m mem.Memory) []mem.Range {
	if c, ok := m.(interface{ Present() []mem.Range }); ok {
		return c.Present()
	}
	return m.Ranges()
}

// moduleDataIn searches one range for a moduledata.
func (f *finder) moduleDataIn(r mem.Range, isHeader map[mem.Addr]bool) mem.Addr {
	b, err := f.RT.Mem.View(r.Start, int(r.Size()))
	if err != nil {
		return 0
	}
	for i := 0; i+16 <= len(b); i += 8 {
		h := mem.Addr(f.Arch.Order.Uint64(b[i:]))
		if !isHeader[h] {
			continue
		}
		a := r.Start + mem.Addr(i)
		m, err := f.RT.ReadModule(a)
		names := mem.Addr(f.Arch.Order.Uint64(b[i+8:]))
		if err == nil && names > h && names < h+4096 && m.Text < m.EText && m.MinPC >= m.Text && m.MinPC < m.EText && m.NoPtrData < m.ENoPtrBSS {
			return a
		}
	}
	return 0
}

// load reads the program's data and bss, between the bounds that the
// moduledata records.
func (f *finder) load() error {
	if f.data != nil {
		return nil
	}
	m, err := f.RT.ReadModule(f.g.FirstModuleData)
	if err != nil {
		return err
	}
	const maxData = 1 << 32
	if m.NoPtrData >= m.ENoPtrBSS || m.ENoPtrBSS-m.NoPtrData > maxData {
		return fmt.Errorf("moduledata at %v: data from %v to %v", f.g.FirstModuleData, m.NoPtrData, m.ENoPtrBSS)
	}
	f.base = (m.NoPtrData + 7) &^ 7
	f.data, err = f.RT.Mem.View(f.base, int(m.ENoPtrBSS-f.base)&^7)
	return err
}
