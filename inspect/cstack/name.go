package cstack

import (
	"rtdbg/inspect/exe"
	"rtdbg/inspect/mem"
)

// Place says what lies at a PC.
type Place struct {
	// Image is the path of the image, "" if none is known; Offset is the PC in
	// it, as its own symbols have addresses, or in the file where no more of the
	// image is known.
	Image  string
	Offset uint64
	// Functions are the function at the PC and before it those that were inlined
	// there, innermost first; at least one. Func is a symbol, or the name in the
	// source, "" if none covers the PC; File and Line are known where the
	// executable has DWARF.
	Functions []exe.Place
}

type placeKey struct {
	pc    mem.Addr
	exact bool
}

// debugFile is a file with the symbols of a stripped one, nil if there is none.
type debugFile struct{ file *exe.File }

// Place says where f is.
func (t *Tables) Place(f *Frame) Place {
	key := placeKey{f.PC, f.Exact}
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := t.places[key]
	if !ok {
		p = t.place(f)
		t.places[key] = p
	}
	return p
}

func (t *Tables) place(f *Frame) Place {
	p := Place{Functions: []exe.Place{{}}}
	img := t.image(f.within())
	if img == nil {
		for _, r := range t.mem.Ranges() {
			if r.File != "" && r.Contains(f.PC) {
				p.Image, p.Offset = r.File, r.Off+uint64(f.PC-r.Start)
			}
		}
		return p
	}
	p.Image, p.Offset = img.Path, uint64(f.PC)-img.Bias
	if img.File == nil {
		return p
	}
	at := uint64(f.within()) - img.Bias
	if list := img.File.SourceAt(at); len(list) > 0 {
		p.Functions = list
	}
	if outermost := &p.Functions[len(p.Functions)-1]; outermost.Func == "" {
		outermost.Func = t.symbol(img, f)
	}
	return p
}

// SignalCalled names the code without a name to which a signal handler returns, as
// gdb does.
const SignalCalled = "<signal handler called>"

// symbol returns the symbol of the function that f is in, "" if there is none.
func (t *Tables) symbol(img *mem.Loaded, f *Frame) string {
	// Functions of assembly may have no size: the table has it.
	entry := ^uint64(0)
	e, err := t.fde(f.within())
	if err == nil {
		entry = e.begin - img.Bias
	}
	at := uint64(f.within()) - img.Bias
	name, ok := img.File.FunctionAt(at, entry)
	if !ok {
		name, ok = t.debugOf(img.File).FunctionAt(at, entry)
	}
	if !ok && err == nil && e.signal {
		return SignalCalled
	}
	return name
}

// debugOf returns the file that has what was stripped of f, f itself if there is
// none.
func (t *Tables) debugOf(f *exe.File) *exe.File {
	if f.HasSymbols() {
		return f
	}
	d, ok := t.debug[f.Path]
	if !ok {
		d = new(debugFile)
		if file, err := f.OpenDebugFile(); err == nil {
			d.file = file
		}
		t.debug[f.Path] = d
	}
	if d.file == nil {
		return f
	}
	return d.file
}

// Close closes the files with symbols that were opened.
func (t *Tables) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range t.debug {
		if d.file != nil {
			d.file.Close()
		}
	}
	t.debug = make(map[string]*debugFile)
	return nil
}
