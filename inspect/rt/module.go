package rt

import (
	"errors"
	"fmt"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// Module is a module of the program (runtime.moduledata, symtab.go): the
// executable itself, or a plugin or shared library.
type Module struct {
	Addr mem.Addr `rt:"-"`

	// PCHeader is the start of the pclntab.
	PCHeader   mem.Addr     `rt:"pcHeader"`
	FTab       layout.Slice `rt:"ftab"`
	MinPC      mem.Addr     `rt:"minpc"`
	MaxPC      mem.Addr     `rt:"maxpc"`
	Text       mem.Addr     `rt:"text"`
	EText      mem.Addr     `rt:"etext"`
	NoPtrData  mem.Addr     `rt:"noptrdata"`
	ENoPtrData mem.Addr     `rt:"enoptrdata"`
	Data       mem.Addr     `rt:"data"`
	EData      mem.Addr     `rt:"edata"`
	BSS        mem.Addr     `rt:"bss"`
	EBSS       mem.Addr     `rt:"ebss"`
	NoPtrBSS   mem.Addr     `rt:"noptrbss"`
	ENoPtrBSS  mem.Addr     `rt:"enoptrbss"`
	// Types and ETypes bound the type descriptors and their names.
	Types  mem.Addr `rt:"types"`
	ETypes mem.Addr `rt:"etypes"`
	ROData mem.Addr `rt:"rodata"`
	// GoFunc is the base of the funcdata offsets.
	GoFunc      mem.Addr     `rt:"gofunc"`
	TextSectMap layout.Slice `rt:"textsectmap"`
	// GCDataBits and GCBSSBits are the lengths of the pointer masks of data
	// and bss, in bits.
	GCDataBits int32 `rt:"gcdatamask.n"`
	GCBSSBits  int32 `rt:"gcbssmask.n"`
	// GCDataMask and GCBSSMask are the masks themselves.
	GCDataMask mem.Addr `rt:"gcdatamask.bytedata"`
	GCBSSMask  mem.Addr `rt:"gcbssmask.bytedata"`
	Next       mem.Addr `rt:"next"`
}

// maxModules bounds the list of modules.
const maxModules = 1024

// readModules follows the list from runtime.firstmoduledata.
func (r *Runtime) readModules() error {
	if r.Globals.FirstModuleData == 0 {
		return errors.New("runtime.firstmoduledata was not found in the target")
	}
	for a := r.Globals.FirstModuleData; a != 0; {
		if len(r.Modules) >= maxModules {
			return fmt.Errorf("moduledata: more than %d modules, or a loop", maxModules)
		}
		m, err := r.ReadModule(a)
		if err != nil {
			return err
		}
		if m.Text >= m.EText || m.Types > m.ETypes || m.PCHeader == 0 {
			return fmt.Errorf("moduledata at %v does not fit the layouts of %s: text %v–%v, types %v–%v",
				a, r.Layout.Source, m.Text, m.EText, m.Types, m.ETypes)
		}
		r.Modules = append(r.Modules, m)
		a = m.Next
	}
	return nil
}

// ReadModule reads the moduledata at a.
func (r *Runtime) ReadModule(a mem.Addr) (Module, error) {
	var m Module
	err := r.plans.module.Read(r.Mem, a, &m)
	m.Addr = a
	return m, err
}

// InData reports whether a lies in the data or bss of a module: the object
// there is a package-level variable.
func (r *Runtime) InData(a mem.Addr) bool {
	for i := range r.Modules {
		m := &r.Modules[i]
		if a >= m.NoPtrData && a < m.ENoPtrBSS {
			return true
		}
	}
	return false
}

// PointerVariables lists the ranges of a module that hold pointers of
// package-level variables: data and bss.
func (m *Module) PointerVariables() []mem.Range {
	return []mem.Range{
		{Start: m.Data, End: m.EData, Perm: mem.PermRead | mem.PermWrite},
		{Start: m.BSS, End: m.EBSS, Perm: mem.PermRead | mem.PermWrite},
	}
}

// PointerMask is which words of a range hold pointers (runtime.bitvector).
type PointerMask struct {
	mem.Range
	bits []byte
	n    int
}

// Has reports whether the word at a may hold a pointer. Without a mask every
// word may.
func (m *PointerMask) Has(a mem.Addr) bool {
	if m.bits == nil {
		return true
	}
	i := int(a-m.Start) / 8
	return i < m.n && m.bits[i/8]&(1<<(i%8)) != 0
}

// PointerMasks are the PointerVariables of a module with the words in which the
// garbage collector looks for pointers (runtime.markroot, mgcmark.go), or all
// words where the mask cannot be read.
func (r *Runtime) PointerMasks(m *Module) []PointerMask {
	var masks []PointerMask
	bits := [...]int32{m.GCDataBits, m.GCBSSBits}
	at := [...]mem.Addr{m.GCDataMask, m.GCBSSMask}
	for i, v := range m.PointerVariables() {
		x := PointerMask{Range: v}
		if n := bits[i]; n > 0 && at[i] != 0 && v.Start%8 == 0 && fitsMask(n, v.Start, v.End) {
			if b, err := r.Mem.View(at[i], int(n+7)/8); err == nil {
				x.bits, x.n = b, int(n)
			}
		}
		masks = append(masks, x)
	}
	return masks
}

// TextSect is one section of a module's code (runtime.textsect, symtab.go).
type TextSect struct {
	VAddr    uint64   `rt:"vaddr"`
	End      uint64   `rt:"end"`
	BaseAddr mem.Addr `rt:"baseaddr"`
}

// maxTextSects bounds moduledata.textsectmap.
const maxTextSects = 1 << 16

// TextSects reads the module's text sections.
func (r *Runtime) TextSects(m *Module) ([]TextSect, error) {
	n := m.TextSectMap.Len
	if n > maxTextSects {
		return nil, fmt.Errorf("corrupt moduledata: %d text sections", n)
	}
	sects := make([]TextSect, n)
	for i := range sects {
		a := mem.Addr(m.TextSectMap.Ptr) + mem.Addr(uint64(i)*r.plans.textSect.Size())
		if err := r.plans.textSect.Read(r.Mem, a, &sects[i]); err != nil {
			return nil, err
		}
	}
	return sects, nil
}
