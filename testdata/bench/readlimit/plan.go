package main

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
)

// offsets are where the fields of runtime.g lie.
type offsets struct{ size, stackHi, schedSP int64 }

// image reads a core by address.
type image struct {
	f     *os.File
	progs []elf.ProgHeader // PT_LOAD
	last  int              // the one that answered last
}

// plan lists the bytes to read, in the order of allgs.
func plan(exe, core string, r *Result) ([]span, error) {
	o, allgs, err := program(exe)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", exe, err)
	}
	img, err := openImage(core)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", core, err)
	}
	defer img.f.Close()
	header, err := img.read(allgs, 16)
	if err != nil {
		return nil, fmt.Errorf("allgs: %w", err)
	}
	array, n := binary.LittleEndian.Uint64(header), binary.LittleEndian.Uint64(header[8:])
	if n > 1<<27 {
		return nil, fmt.Errorf("allgs has %d entries", n)
	}
	ptrs, err := img.read(array, int64(n)*8)
	if err != nil {
		return nil, fmt.Errorf("allgs: %w", err)
	}
	spans := make([]span, 0, 2*n)
	for ; len(ptrs) > 0; ptrs = ptrs[8:] {
		g := binary.LittleEndian.Uint64(ptrs)
		off, ok := img.offset(g, o.size)
		if !ok {
			continue
		}
		r.Goroutines++
		r.GBytes += o.size
		spans = append(spans, span{off, o.size})
		fields := make([]byte, o.size)
		if _, err := img.f.ReadAt(fields, off); err != nil {
			return nil, fmt.Errorf("g %#x: %w", g, err)
		}
		hi := binary.LittleEndian.Uint64(fields[o.stackHi:])
		sp := binary.LittleEndian.Uint64(fields[o.schedSP:])
		if sp == 0 || sp >= hi || hi-sp > 1<<30 {
			continue
		}
		if off, ok := img.offset(sp, int64(hi-sp)); ok {
			r.StackBytes += int64(hi - sp)
			spans = append(spans, span{off, int64(hi - sp)})
		}
	}
	return spans, nil
}

// program finds in an executable with symbols and DWARF what is needed to walk
// its allgs.
func program(path string) (offsets, uint64, error) {
	var o offsets
	f, err := elf.Open(path)
	if err != nil {
		return o, 0, err
	}
	defer f.Close()
	if f.Type != elf.ET_EXEC || f.ByteOrder != binary.LittleEndian {
		return o, 0, fmt.Errorf("is %v %v, want a little-endian executable at a fixed address", f.Type, f.ByteOrder)
	}
	syms, err := f.Symbols()
	if err != nil {
		return o, 0, err
	}
	var allgs uint64
	for _, s := range syms {
		if s.Name == "runtime.allgs" {
			allgs = s.Value
		}
	}
	if allgs == 0 {
		return o, 0, fmt.Errorf("no symbol runtime.allgs")
	}
	d, err := f.DWARF()
	if err != nil {
		return o, 0, err
	}
	g, err := structType(d, "runtime.g")
	if err != nil {
		return o, 0, err
	}
	o.size = g.ByteSize
	if o.stackHi, err = field(g, "stack.hi"); err == nil {
		o.schedSP, err = field(g, "sched.sp")
	}
	return o, allgs, err
}

func structType(d *dwarf.Data, name string) (*dwarf.StructType, error) {
	for r := d.Reader(); ; {
		e, err := r.Next()
		if err != nil {
			return nil, err
		}
		if e == nil {
			return nil, fmt.Errorf("no type %s", name)
		}
		if e.Tag != dwarf.TagStructType || e.Val(dwarf.AttrName) != name {
			continue
		}
		t, err := d.Type(e.Offset)
		if err != nil {
			return nil, err
		}
		if s, ok := t.(*dwarf.StructType); ok {
			return s, nil
		}
	}
}

// field returns the offset of a field, given by its path.
func field(s *dwarf.StructType, path string) (int64, error) {
	name, rest, nested := strings.Cut(path, ".")
	for _, f := range s.Field {
		if f.Name != name {
			continue
		}
		if !nested {
			return f.ByteOffset, nil
		}
		t := f.Type
		if named, ok := t.(*dwarf.TypedefType); ok {
			t = named.Type
		}
		inner, ok := t.(*dwarf.StructType)
		if !ok {
			return 0, fmt.Errorf("%s.%s is no structure", s.StructName, name)
		}
		off, err := field(inner, rest)
		return f.ByteOffset + off, err
	}
	return 0, fmt.Errorf("%s has no field %s", s.StructName, path)
}

func openImage(path string) (*image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	e, err := elf.NewFile(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	img := &image{f: f}
	for _, p := range e.Progs {
		if p.Type == elf.PT_LOAD && p.Filesz > 0 {
			img.progs = append(img.progs, p.ProgHeader)
		}
	}
	return img, nil
}

// offset returns where n bytes at addr lie in the file; ok is false if they do
// not lie there in one piece.
func (img *image) offset(addr uint64, n int64) (off int64, ok bool) {
	for i := range img.progs {
		at := (img.last + i) % len(img.progs)
		p := &img.progs[at]
		if addr >= p.Vaddr && addr+uint64(n) <= p.Vaddr+p.Filesz {
			img.last = at
			return int64(p.Off + addr - p.Vaddr), true
		}
	}
	return 0, false
}

func (img *image) read(addr uint64, n int64) ([]byte, error) {
	off, ok := img.offset(addr, n)
	if !ok {
		return nil, fmt.Errorf("%#x: not in the core", addr)
	}
	b := make([]byte, n)
	_, err := img.f.ReadAt(b, off)
	return b, err
}
