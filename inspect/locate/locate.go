// Package locate finds the runtime's package-level variables: by symbol where
// the program has them, by the structure of what they hold where it has been
// stripped. That is not disassembled, so it works alike on every architecture;
// only what has no shape, as numbers have none, is found by the code that names
// it (ByCode).
package locate

import (
	"errors"
	"fmt"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
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
	// Headers gives what Headers found in the target: several searches share
	// it. nil searches anew.
	Headers func() []mem.Addr
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
	if f.Headers == nil {
		f.Headers = func() []mem.Addr { return Headers(t.RT.Mem, t.Arch) }
	}
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
	// gs are the goroutines in order of addresses, with their number's maximum.
	gs      []mem.Addr
	maxGoid uint64
	ps      map[mem.Addr]bool
}

// word returns the pointer-sized word at offset i of the data.
func (f *finder) word(i int) mem.Addr { return mem.Addr(f.Arch.Order.Uint64(f.data[i:])) }

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
