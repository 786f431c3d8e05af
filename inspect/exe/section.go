package exe

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
)

// Section is a section header with its name.
type Section struct {
	Name  string
	Type  elf.SectionType
	Flags elf.SectionFlag
	// Addr is the section's unrelocated address, 0 if it is not loaded.
	Addr uint64
	// Off and Size are its place in the file, in bytes. An SHT_NOBITS
	// section (.bss) has no bytes there.
	Off, Size uint64
	Link      uint32
	Entsize   uint64
	align     uint64
}

// parseSections reads the section headers. A file may well have none
// (sstrip, some packers), and broken ones say as much as none: the runtime
// needs segments only.
func parseSections(b []byte, h *Header) ([]Section, error) {
	if h.shoff == 0 || h.sentsiz == 0 {
		return nil, fmt.Errorf("no section headers")
	}
	if h.sentsiz != sectionSize {
		return nil, fmt.Errorf("section headers of %d bytes, want %d", h.sentsiz, sectionSize)
	}
	le := binary.LittleEndian
	num, strndx := uint64(h.shnum), uint64(h.shstrndx)
	first, ok := slice(b, h.shoff, sectionSize)
	if !ok {
		return nil, fmt.Errorf("section headers beyond the end of the file")
	}
	if num == 0 { // more than 65,279 sections
		num = le.Uint64(first[32:])
	}
	if strndx == uint64(elf.SHN_XINDEX) {
		strndx = uint64(le.Uint32(first[40:]))
	}
	if num > uint64(len(b))/sectionSize {
		return nil, fmt.Errorf("%d section headers in %d bytes", num, len(b))
	}
	table, ok := slice(b, h.shoff, num*sectionSize)
	if !ok {
		return nil, fmt.Errorf("section headers beyond the end of the file")
	}
	secs := make([]Section, num)
	names := make([]uint32, num)
	for i := range secs {
		s := table[i*sectionSize:]
		names[i] = le.Uint32(s)
		secs[i] = Section{
			Type: elf.SectionType(le.Uint32(s[4:])), Flags: elf.SectionFlag(le.Uint64(s[8:])),
			Addr: le.Uint64(s[16:]), Off: le.Uint64(s[24:]), Size: le.Uint64(s[32:]),
			Link: le.Uint32(s[40:]), align: le.Uint64(s[48:]), Entsize: le.Uint64(s[56:]),
		}
	}
	if strndx >= num {
		return nil, fmt.Errorf("section names in section %d of %d", strndx, num)
	}
	strs, ok := slice(b, secs[strndx].Off, secs[strndx].Size)
	if !ok {
		return nil, fmt.Errorf("section names beyond the end of the file")
	}
	for i := range secs {
		secs[i].Name = cString(strs, uint64(names[i]))
	}
	return secs, nil
}

// cString returns the NUL-terminated string at off, "" if there is none.
func cString(b []byte, off uint64) string {
	if off >= uint64(len(b)) {
		return ""
	}
	b = b[off:]
	end := bytes.IndexByte(b, 0)
	if end < 0 {
		return ""
	}
	return string(b[:end])
}

// Section returns the first section called name.
func (f *File) Section(name string) (Section, bool) {
	for _, s := range f.sections {
		if s.Name == name {
			return s, true
		}
	}
	return Section{}, false
}

// SectionBytes returns the section's bytes in the file, as a slice of the
// mapping. It fails for sections without bytes (SHT_NOBITS), for compressed
// ones, and when the file is cut off.
func (f *File) SectionBytes(s Section) ([]byte, error) {
	switch {
	case s.Type == elf.SHT_NOBITS:
		return nil, fmt.Errorf("section %s of %s has no bytes in the file", s.Name, f.Path)
	case s.Flags&elf.SHF_COMPRESSED != 0:
		return nil, fmt.Errorf("section %s of %s is compressed", s.Name, f.Path)
	}
	b, ok := slice(f.mapped.Bytes, s.Off, s.Size)
	if !ok {
		return nil, fmt.Errorf("section %s of %s lies beyond the end of the file", s.Name, f.Path)
	}
	return b, nil
}
