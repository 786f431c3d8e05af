package exe

import (
	"cmp"
	"debug/dwarf"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
)

// DebugInfo answers for single places of a program from its DWARF: which
// variables a function has at a PC, what a type consists of. A compile unit is
// read when it is first asked for. It may be used concurrently. All addresses
// are unrelocated.
type DebugInfo struct {
	path     string
	data     *dwarf.Data
	sections map[string][]byte

	mu       sync.Mutex
	units    []*unit
	ranges   []unitRange // of all units, in ascending order
	types    map[dwarf.Offset]*Type
	funcs    map[dwarf.Offset]*function
	runtime  map[uint64]dwarf.Offset // types by the offsets of their descriptors
	captured map[uint64][]Captured
}

// unit is a compile unit.
type unit struct {
	name   string
	offset dwarf.Offset
	// base is the address that offsets in location lists are relative to;
	// addrs is where its addresses begin in .debug_addr.
	base  uint64
	addrs int64
	// The tables are filled when they are first needed.
	indexed bool
	funcs   []funcEntry // in ascending order of low
	vars    map[string]varEntry
}

// unitRange is code of a unit.
type unitRange struct {
	low, high uint64
	unit      *unit
}

// funcEntry is a function in a unit.
type funcEntry struct {
	low, high uint64
	offset    dwarf.Offset
}

// varEntry is a package-level variable in a unit.
type varEntry struct {
	addr uint64
	typ  dwarf.Offset
}

// placeSections are those that say where code and variables are: those of
// DWARF 4, as cmd/link writes it up to Go 1.24, and those of DWARF 5.
var placeSections = []string{"debug_ranges", "debug_rnglists", "debug_loc", "debug_loclists"}

// DebugInfo returns the file's DebugInfo, which is read on the first call.
// Without DWARF the error wraps ErrNoDWARF.
func (f *File) DebugInfo() (*DebugInfo, error) { return f.debugInfo() }

func (f *File) readDebugInfo() (d *DebugInfo, err error) {
	content, err := f.dwarfContent()
	if err != nil {
		return nil, err
	}
	ef, err := f.debugELF()
	if err != nil {
		return nil, err
	}
	defer recoverTo(&err, f.Path)
	sections := map[string][]byte{"debug_addr": content["debug_addr"]}
	for _, name := range placeSections {
		if sections[name], _, err = f.debugSection(ef, name); err != nil {
			return nil, err
		}
	}
	data, err := newDWARF(content, nil, sections["debug_ranges"])
	if err != nil {
		return nil, fmt.Errorf("%s: DWARF: %w", f.Path, err)
	}
	if b := sections["debug_rnglists"]; len(b) > 0 {
		if err := data.AddSection(".debug_rnglists", b); err != nil {
			return nil, fmt.Errorf("%s: DWARF: %w", f.Path, err)
		}
	}
	d = &DebugInfo{path: f.Path, data: data, sections: sections, types: make(map[dwarf.Offset]*Type),
		funcs: make(map[dwarf.Offset]*function), captured: make(map[uint64][]Captured)}
	d.readUnits(content["debug_info"])
	return d, nil
}

// readUnits lists the compile units with their code, by their headers (DWARF 5,
// 7.5.1): debug/dwarf would read all the entries between them.
func (d *DebugInfo) readUnits(info []byte) {
	r := d.data.Reader()
	for at := 0; at+unitHeader5 <= len(info); {
		size := binary.LittleEndian.Uint32(info[at:])
		version := binary.LittleEndian.Uint16(info[at+4:])
		if size >= 0xfffffff0 || int(size) > len(info)-at-4 {
			return // 64-bit DWARF, which Go does not write, or corrupt
		}
		header := unitHeader4
		if version >= 5 {
			header = unitHeader5
		}
		r.Seek(dwarf.Offset(at + header))
		if e, err := r.Next(); err == nil && e != nil && e.Tag == dwarf.TagCompileUnit {
			d.addUnit(e)
		}
		at += 4 + int(size)
	}
	slices.SortFunc(d.ranges, func(x, y unitRange) int { return cmp.Compare(x.low, y.low) })
}

// The sizes of the headers of compile units in 32-bit DWARF of version 4 and 5,
// in bytes.
const (
	unitHeader4 = 11
	unitHeader5 = 12
)

func (d *DebugInfo) addUnit(e *dwarf.Entry) {
	u := &unit{offset: e.Offset}
	u.name, _ = e.Val(dwarf.AttrName).(string)
	u.base, _ = e.Val(dwarf.AttrLowpc).(uint64)
	u.addrs, _ = e.Val(dwarf.AttrAddrBase).(int64)
	d.units = append(d.units, u)
	ranges, err := d.data.Ranges(e)
	if err != nil {
		return // the unit is then found by none of its addresses
	}
	for _, x := range ranges {
		d.ranges = append(d.ranges, unitRange{x[0], x[1], u})
	}
}

// unitAt returns the unit whose code is at pc, nil if there is none.
func (d *DebugInfo) unitAt(pc uint64) *unit {
	i := sort.Search(len(d.ranges), func(i int) bool { return d.ranges[i].low > pc }) - 1
	if i < 0 || pc >= d.ranges[i].high {
		return nil
	}
	return d.ranges[i].unit
}

// maxEntries bounds the entries that are read of one unit.
const maxEntries = 1 << 24

// index reads the top level of a unit.
func (d *DebugInfo) index(u *unit) error {
	if u.indexed {
		return nil
	}
	u.indexed, u.vars = true, make(map[string]varEntry)
	r := d.data.Reader()
	r.Seek(u.offset)
	e, err := r.Next()
	if err != nil || e == nil || !e.Children {
		return err
	}
	// The entries below the top level are passed over by their depth:
	// cmd/compile writes no sibling attributes.
	for depth, n := 1, 0; depth > 0; n++ {
		if e, err = r.Next(); err != nil {
			return err
		}
		if e == nil || n > maxEntries {
			return nil
		}
		switch {
		case e.Tag == 0:
			depth--
			continue
		case depth == 1 && e.Tag == dwarf.TagSubprogram:
			if low, high, ok := span(e); ok {
				u.funcs = append(u.funcs, funcEntry{low, high, e.Offset})
			}
		case depth == 1 && e.Tag == dwarf.TagVariable:
			d.indexVariable(u, e)
		}
		if e.Children {
			depth++
		}
	}
	slices.SortFunc(u.funcs, func(x, y funcEntry) int { return cmp.Compare(x.low, y.low) })
	return nil
}

func (d *DebugInfo) indexVariable(u *unit, e *dwarf.Entry) {
	name, _ := e.Val(dwarf.AttrName).(string)
	typ, ok := e.Val(dwarf.AttrType).(dwarf.Offset)
	expr, _ := e.Val(dwarf.AttrLocation).([]byte)
	if addr, static := d.staticAddress(u, expr); ok && static {
		u.vars[name] = varEntry{addr, typ}
	}
}

// span is the code of an entry that has one piece.
func span(e *dwarf.Entry) (low, high uint64, ok bool) {
	low, ok = e.Val(dwarf.AttrLowpc).(uint64)
	if !ok {
		return 0, 0, false
	}
	switch v := e.Val(dwarf.AttrHighpc).(type) {
	case uint64:
		high = v
	case int64:
		high = low + uint64(v)
	}
	return low, high, high > low
}

// StaticType returns the type of the package-level variable with this name, as
// the symbol table has it, that lies at addr.
func (d *DebugInfo) StaticType(name string, addr uint64) (t *Type, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer recoverTo(&err, d.path)
	slash := strings.LastIndexByte(name, '/') + 1
	pkg, _, _ := strings.Cut(name[slash:], ".")
	// The linker escapes dots in the last element of a path.
	path := strings.ReplaceAll(name[:slash]+pkg, "%2e", ".")
	for _, u := range d.units {
		if u.name != path && u.name != name[:slash]+pkg {
			continue
		}
		if err := d.index(u); err != nil {
			return nil, err
		}
		if v, ok := u.vars[name]; ok && v.addr == addr {
			return d.typeAt(v.typ)
		}
	}
	return nil, fmt.Errorf("%s: DWARF has no variable %s", d.path, name)
}
