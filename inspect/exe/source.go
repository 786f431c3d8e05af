package exe

import (
	"debug/dwarf"
	"fmt"
	"sort"
)

// Place is a position in a source function, as DWARF has it.
type Place struct {
	// Func is the function's name in the source, "" if DWARF does not say.
	Func string
	File string
	Line int
}

// maxFunctionEntries bounds the entries that are read of one function.
const maxFunctionEntries = 1 << 16

// SourceAt returns the positions of the instruction at unrelocated address addr,
// innermost first: that in the function which was inlined last, and then where each
// was inlined, down to the function that was not. Without DWARF there are none. It
// reads the lines of one compile unit and the entries of one function.
func (f *File) SourceAt(addr uint64) []Place {
	d, err := f.debugInfo()
	if err != nil {
		return nil
	}
	lines, err := f.lines()
	if err != nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	u := d.unitAt(addr)
	if u == nil {
		return nil
	}
	places, err := d.sourceAt(lines, u, addr)
	if err != nil {
		return nil
	}
	return places
}

// readLines reads the DWARF that has the table of lines.
func (f *File) readLines() (d *dwarf.Data, err error) {
	content, err := f.dwarfContent()
	if err != nil {
		return nil, err
	}
	line, err := f.DebugSection("debug_line")
	if err != nil {
		return nil, err
	}
	defer recoverTo(&err, f.Path)
	if d, err = newDWARF(content, line, nil); err != nil {
		return nil, fmt.Errorf("%s: DWARF: %w", f.Path, err)
	}
	return d, nil
}

func (d *DebugInfo) sourceAt(lines *dwarf.Data, u *unit, addr uint64) (places []Place, err error) {
	defer recoverTo(&err, d.path)
	r := lines.Reader()
	r.Seek(u.offset)
	entry, err := r.Next()
	if err != nil || entry == nil {
		return nil, fmt.Errorf("%s: compile unit at %#x: %v", d.path, u.offset, err)
	}
	lr, err := lines.LineReader(entry)
	if err != nil || lr == nil {
		return nil, fmt.Errorf("%s: lines of the compile unit at %#x: %v", d.path, u.offset, err)
	}
	var at dwarf.LineEntry
	if err := lr.SeekPC(addr, &at); err != nil {
		return nil, err
	}
	here := Place{Line: at.Line}
	if at.File != nil {
		here.File = at.File.Name
	}
	calls, err := d.inlinedAt(u, addr)
	if err != nil {
		return []Place{here}, nil // what was inlined is not known
	}
	for i := len(calls) - 1; i >= 0; i-- {
		here.Func, _ = d.declared(calls[i])
		places = append(places, here)
		here = callPlace(calls[i], lr.Files())
	}
	return places, nil
}

// callPlace is where an inlined function was called.
func callPlace(e *dwarf.Entry, files []*dwarf.LineFile) (p Place) {
	line, _ := e.Val(dwarf.AttrCallLine).(int64)
	file, _ := e.Val(dwarf.AttrCallFile).(int64)
	if file >= 0 && file < int64(len(files)) && files[file] != nil {
		p.File, p.Line = files[file].Name, int(line)
	}
	return p
}

// inlinedAt returns the entry of the function at addr, and those of the functions
// inlined there, outermost first.
func (d *DebugInfo) inlinedAt(u *unit, addr uint64) ([]*dwarf.Entry, error) {
	if err := d.index(u); err != nil {
		return nil, err
	}
	i := sort.Search(len(u.funcs), func(i int) bool { return u.funcs[i].low > addr }) - 1
	if i < 0 || addr >= u.funcs[i].high {
		return nil, fmt.Errorf("%s: DWARF has no function at %#x", d.path, addr)
	}
	r := d.data.Reader()
	r.Seek(u.funcs[i].offset)
	e, err := r.Next()
	if err != nil || e == nil {
		return nil, fmt.Errorf("%s: function at %#x: %v", d.path, addr, err)
	}
	calls := []*dwarf.Entry{e}
	if !e.Children {
		return calls, nil
	}
	for depth, n := 1, 0; depth > 0; n++ {
		if e, err = r.Next(); err != nil {
			return nil, err
		}
		if e == nil || n > maxFunctionEntries {
			return nil, fmt.Errorf("%s: function at %#x has no end", d.path, addr)
		}
		if e.Tag == dwarf.TagInlinedSubroutine && d.covers(e, addr) {
			calls = append(calls, e)
		}
		switch {
		case e.Tag == 0:
			depth--
		case e.Children:
			depth++
		}
	}
	return calls, nil
}

func (d *DebugInfo) covers(e *dwarf.Entry, addr uint64) bool {
	ranges, err := d.data.Ranges(e)
	if err != nil {
		return false
	}
	for _, x := range ranges {
		if addr >= x[0] && addr < x[1] {
			return true
		}
	}
	return false
}
