// Package pcln reads the Go linker's function tables (the pclntab) from
// target memory: functions, files, lines, inlining, frame sizes and the
// per-function data of the garbage collector. It knows no goroutines.
//
// All tables are taken for hostile: every offset is checked, every walk is
// bounded, and what does not decode is unknown rather than guessed.
package pcln

import (
	"encoding/binary"
	"fmt"
	"iter"
	"sort"
	"sync/atomic"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
)

// Module is what Table needs of one runtime.moduledata. All addresses are
// the target's.
type Module struct {
	// PCHeader is the address of the pclntab, moduledata.pcHeader.
	PCHeader mem.Addr
	// Text and EText bound the module's code. Function entries are offsets
	// from Text. It has to come from moduledata: the header's textStart is
	// zero since Go 1.26 and unrelocated before that in some link modes.
	Text, EText mem.Addr
	// MinPC and MaxPC bound the PCs that the function table covers; when
	// both are 0 they are taken from the table.
	MinPC, MaxPC mem.Addr
	// GoFunc is moduledata.gofunc, the base of FUNCDATA. When it is 0,
	// FuncData returns 0 and nothing appears inlined.
	GoFunc mem.Addr
	// RoData is moduledata.rodata, the base of the pointer masks of stack
	// objects. The package only hands it on.
	RoData mem.Addr
	// TextSects is moduledata.textsectmap; it matters when it has more
	// than one element.
	TextSects []TextSect
}

// TextSect is runtime.textsect: code at offsets [VAddr, End) from
// Module.Text lies at BaseAddr.
type TextSect struct {
	VAddr, End uint64
	BaseAddr   mem.Addr
}

// Table is the function tables of a target's modules. It is safe for use by
// several goroutines at once.
type Table struct {
	v       mem.Viewer
	arch    *arch.Arch
	order   binary.ByteOrder
	minor   int
	format  *format
	modules []*module
}

// module is one module's tables, as views of target memory.
type module struct {
	Module
	tab   *Table
	nfunc int

	funcname, cutab, filetab, pctab []byte
	// pcln starts with the ftab: nfunc pairs of (entry offset, _func
	// offset in pcln) and the end offset of the last function.
	pcln []byte

	funcs []atomic.Pointer[Func] // by ftab index, decoded on demand
}

// New reads the tables of mods for a target of Go 1.minor. It fails when the
// version is not supported or a module's tables cannot be read or do not fit
// the version.
func New(v mem.Viewer, a *arch.Arch, minor int, mods []Module) (*Table, error) {
	f, err := formatOf(minor)
	if err != nil {
		return nil, err
	}
	t := &Table{v: v, arch: a, order: a.Order, minor: minor, format: f}
	for _, m := range mods {
		mod, err := t.load(m)
		if err != nil {
			return nil, err
		}
		t.modules = append(t.modules, mod)
	}
	return t, nil
}

// Minor returns the target's Go minor version, 26 for Go 1.26.
func (t *Table) Minor() int { return t.minor }

// Modules returns the modules as given to New, MinPC and MaxPC filled in.
func (t *Table) Modules() []Module {
	mods := make([]Module, len(t.modules))
	for i, m := range t.modules {
		mods[i] = m.Module
	}
	return mods
}

func (t *Table) load(desc Module) (*module, error) {
	b, err := t.v.View(desc.PCHeader, headerSize(t.arch))
	if err != nil {
		return nil, fmt.Errorf("pcln: header: %w", err)
	}
	h, err := parseHeader(b, t.arch)
	if err != nil {
		return nil, fmt.Errorf("%w at %v", err, desc.PCHeader)
	}
	if h.magic != t.format.magic {
		return nil, fmt.Errorf("pcln: magic %#x at %v is not of go1.%d", h.magic, desc.PCHeader, t.minor)
	}
	size, err := t.tableSize(desc.PCHeader, h)
	if err != nil {
		return nil, err
	}
	b, err = t.v.View(desc.PCHeader, size)
	if err != nil {
		return nil, fmt.Errorf("pcln: tables: %w", err)
	}
	m := &module{
		Module:   desc,
		tab:      t,
		nfunc:    h.nfunc,
		funcname: b[h.funcname:h.cu],
		cutab:    b[h.cu:h.filetab],
		filetab:  b[h.filetab:h.pctab],
		pctab:    b[h.pctab:h.pcln],
		pcln:     b[h.pcln:],
		funcs:    make([]atomic.Pointer[Func], h.nfunc),
	}
	return m, m.verify()
}

// verify checks what the runtime itself insists on when it starts
// (runtime.moduledataverify1, symtab.go): the functions are in the order of
// their entries, and the bounds of the code are the first and the last of
// them. Tables that were damaged since are not believed.
func (m *module) verify() error {
	for i := range m.nfunc {
		if m.entryOff(i) > m.entryOff(i+1) {
			return fmt.Errorf("pcln: function table at %v: function %d starts at %#x, the next at %#x", m.PCHeader, i, m.entryOff(i), m.entryOff(i+1))
		}
	}
	first, last := m.textAddr(m.entryOff(0)), m.textAddr(m.entryOff(m.nfunc))
	if m.MinPC == 0 && m.MaxPC == 0 {
		m.MinPC, m.MaxPC = first, last
	}
	if m.MinPC != first || m.MaxPC != last {
		return fmt.Errorf("pcln: function table at %v covers %v–%v, the code is %v–%v", m.PCHeader, first, last, m.MinPC, m.MaxPC)
	}
	return nil
}

// tableSize returns the distance from the header at base to the end of the
// last _func, which no field records. Offsets of functions that lie outside
// anything plausible are ignored here and fail when the function is decoded.
func (t *Table) tableSize(base mem.Addr, h header) (int, error) {
	ftabSize := (2*h.nfunc + 1) * 4
	ftab, err := t.v.View(base+mem.Addr(h.pcln), ftabSize)
	if err != nil {
		return 0, fmt.Errorf("pcln: function table: %w", err)
	}
	last := 0
	for i := range h.nfunc {
		off := int(t.order.Uint32(ftab[8*i+4:]))
		if off > last && off < maxTableSize {
			last = off
		}
	}
	end := max(last, ftabSize)
	if last >= ftabSize {
		end = last + t.format.funcSize
		if b, err := t.v.View(base+mem.Addr(h.pcln+last), t.format.funcSize); err == nil {
			npcdata := int(t.order.Uint32(b[28:]))
			if npcdata < 1<<16 {
				end += 4 * (npcdata + int(b[t.format.funcSize-1]))
			}
		}
	}
	return h.pcln + end, nil
}

// entryOff returns ftab[i].entryoff for i in [0, nfunc].
func (m *module) entryOff(i int) uint32 { return m.tab.order.Uint32(m.pcln[8*i:]) }

// textAddr mirrors moduledata.textAddr.
func (m *module) textAddr(off uint32) mem.Addr {
	if n := len(m.TextSects); n > 1 {
		o := uint64(off)
		for i, s := range m.TextSects {
			if o >= s.VAddr && o < s.End || i == n-1 && o == s.End {
				return s.BaseAddr + mem.Addr(o-s.VAddr)
			}
		}
	}
	return m.Text + mem.Addr(off)
}

// textOff mirrors moduledata.textOff.
func (m *module) textOff(pc mem.Addr) (uint32, bool) {
	n := len(m.TextSects)
	if n <= 1 {
		return uint32(pc - m.Text), pc >= m.Text && uint64(pc-m.Text) < 1<<32
	}
	for i, s := range m.TextSects {
		if s.BaseAddr > pc {
			return 0, false
		}
		size := mem.Addr(s.End - s.VAddr)
		if i == n-1 {
			size++ // the end address is in the function table
		}
		if pc-s.BaseAddr < size {
			return uint32(uint64(pc-s.BaseAddr) + s.VAddr), true
		}
	}
	return 0, false
}

// Func returns the function whose code contains pc, or nil. It mirrors
// runtime.findfunc and does not allocate for a function seen before.
func (t *Table) Func(pc mem.Addr) *Func {
	for _, m := range t.modules {
		if pc < m.MinPC || pc >= m.MaxPC {
			continue
		}
		off, ok := m.textOff(pc)
		if !ok || off < m.entryOff(0) {
			return nil
		}
		// The last function that starts at or before off.
		i := sort.Search(m.nfunc, func(i int) bool { return m.entryOff(i+1) > off })
		if i == m.nfunc {
			return nil
		}
		return m.funcAt(i)
	}
	return nil
}

// FuncByName returns the first function in the table called name, in the
// linker's spelling, or nil. It compares all names in the table: keep the
// result rather than asking again.
func (t *Table) FuncByName(name string) *Func {
	for _, m := range t.modules {
		for i := range m.nfunc {
			_, b := m.raw(i)
			if b != nil && m.hasName(t.order.Uint32(b[4:]), name) {
				return m.funcAt(i)
			}
		}
	}
	return nil
}

// All iterates over all functions, in the order of their entry in each
// module. Functions that do not decode are left out.
func (t *Table) All() iter.Seq[*Func] {
	return func(yield func(*Func) bool) {
		for _, m := range t.modules {
			for i := range m.nfunc {
				if f := m.funcAt(i); f != nil && !yield(f) {
					return
				}
			}
		}
	}
}

// raw returns the i'th _func's offset in m.pcln and its bytes up to the
// variable part, or nil.
func (m *module) raw(i int) (int, []byte) {
	off := int(m.tab.order.Uint32(m.pcln[8*i+4:]))
	size := m.tab.format.funcSize
	if off > len(m.pcln)-size {
		return 0, nil
	}
	return off, m.pcln[off : off+size]
}

// hasName reports whether the function name at off is name.
func (m *module) hasName(off uint32, name string) bool {
	if uint64(off)+uint64(len(name)) >= uint64(len(m.funcname)) {
		return false
	}
	end := int(off) + len(name)
	return m.funcname[end] == 0 && string(m.funcname[off:end]) == name
}
