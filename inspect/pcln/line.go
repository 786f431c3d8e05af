package pcln

import "rtdbg/inspect/mem"

// Line is one logical frame at a PC: a position in a source function, which
// may be inlined into others.
type Line struct {
	// Func is the source function's symbol name.
	Func string
	ID   FuncID
	// File and Line are "?" and 0 when the table does not have them.
	File string
	Line int
	// StartLine is the line of the func keyword, 0 when it is not recorded
	// (before Go 1.20, and for some functions).
	StartLine int
	// Inlined says that the function has no physical frame here.
	Inlined bool
	// PC is the address of the instruction that has this position: for the
	// innermost frame that given to Lines, for the others one that stands
	// for the call.
	PC mem.Addr
}

// Line returns the file and line of the instruction at pc
// (runtime.funcline1): "?", 0 when the table does not have them. With
// inlining it is the position in the innermost function.
func (f *Func) Line(pc mem.Addr) (file string, line int) {
	fileno, ok := f.pcvalue(f.pcfile, pc)
	if !ok || fileno < 0 {
		return "?", 0
	}
	n, ok := f.pcvalue(f.pcln, pc)
	if !ok || n == -1 {
		return "?", 0
	}
	return f.file(uint32(fileno)), int(n)
}

// file mirrors runtime.funcfile.
func (f *Func) file(fileno uint32) string {
	m := f.mod
	at := 4 * (uint64(f.cuOffset) + uint64(fileno))
	if at+4 > uint64(len(m.cutab)) {
		return "?"
	}
	off := m.tab.order.Uint32(m.cutab[at:])
	if off == ^uint32(0) {
		return "?"
	}
	if s := cstring(m.filetab, uint64(off)); s != "" {
		return s
	}
	return "?"
}

// maxInline bounds the depth of inlining at one PC. The compiler's own
// limit, by its budget, is far below.
const maxInline = 1 << 10

// Lines returns the logical frames at pc, innermost first; the last one is f
// itself. pc is the address of an instruction that was executing: for a
// return address the caller passes the address minus one, as
// runtime.(*unwinder).symPC does. It mirrors runtime.inlineUnwinder
// (runtime/symtabinl.go). A broken inline tree ends with f's own frame.
func (f *Func) Lines(pc mem.Addr) []Line {
	var lines []Line
	tree := f.FuncData(FuncDataInlTree)
	if tree == 0 {
		return append(lines, f.own(pc))
	}
	for range maxInline {
		index := f.PCData(PCDataInlTreeIndex, pc)
		if index < 0 {
			break
		}
		call, ok := f.inlinedCall(tree, index)
		if !ok {
			break
		}
		file, line := f.Line(pc)
		lines = append(lines, Line{
			Func: call.name, ID: call.id, File: file, Line: line,
			StartLine: int(call.startLine), Inlined: true, PC: pc,
		})
		pc = f.Entry + mem.Addr(call.parentPC)
	}
	return append(lines, f.own(pc))
}

func (f *Func) own(pc mem.Addr) Line {
	file, line := f.Line(pc)
	return Line{Func: f.Name, ID: f.ID, File: file, Line: line, StartLine: int(f.StartLine), PC: pc}
}

// inlinedCall is runtime.inlinedCall, an entry of FUNCDATA_InlTree.
type inlinedCall struct {
	name                string
	id                  FuncID
	parentPC, startLine int32
}

func (f *Func) inlinedCall(tree mem.Addr, index int32) (inlinedCall, bool) {
	t := f.mod.tab
	fm := t.format
	b, err := t.v.View(tree+mem.Addr(index)*mem.Addr(fm.inlSize), fm.inlSize)
	if err != nil {
		return inlinedCall{}, false
	}
	c := inlinedCall{
		name:     f.mod.nameAt(t.order.Uint32(b[fm.inlName:])),
		id:       fm.funcID(b[fm.inlFuncID]),
		parentPC: int32(t.order.Uint32(b[fm.inlParentPC:])),
	}
	if fm.inlStartLine >= 0 {
		c.startLine = int32(t.order.Uint32(b[fm.inlStartLine:]))
	}
	// A call inlined into f has its call site inside f.
	ok := c.parentPC >= 0 && mem.Addr(c.parentPC) < f.End-f.Entry
	return c, ok
}
