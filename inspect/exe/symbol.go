package exe

import (
	"debug/elf"
	"encoding/binary"
)

// HasSymbols reports whether the file has a symbol table; one linked with -s
// or stripped has none.
func (f *File) HasSymbols() bool {
	syms, _ := f.symtab()
	return len(syms) > symbolSize // the first entry is the null symbol
}

// Symbol looks name up in the symbol table and returns the symbol's
// unrelocated address and its size in bytes. It reports false when there is
// no such symbol, or several at different addresses (static C symbols).
// Thread-local symbols are passed over: their value is not an address.
// It scans the table, a few milliseconds per 100,000 symbols.
func (f *File) Symbol(name string) (addr, size uint64, ok bool) {
	syms, strs := f.symtab()
	le := binary.LittleEndian
	for ; len(syms) >= symbolSize; syms = syms[symbolSize:] {
		if !stringAt(strs, le.Uint32(syms), name) || le.Uint16(syms[6:]) == uint16(elf.SHN_UNDEF) {
			continue
		}
		switch elf.ST_TYPE(syms[4]) {
		case elf.STT_TLS, elf.STT_SECTION, elf.STT_FILE:
			continue
		}
		value := le.Uint64(syms[8:])
		if ok && value != addr {
			return 0, 0, false
		}
		addr, size, ok = value, le.Uint64(syms[16:]), true
	}
	return addr, size, ok
}

// stringAt reports whether the NUL-terminated string at off is name.
func stringAt(strs []byte, off uint32, name string) bool {
	end := uint64(off) + uint64(len(name))
	return end < uint64(len(strs)) && strs[end] == 0 && string(strs[off:end]) == name
}

// symtab returns the symbol table and its strings, nil without them.
func (f *File) symtab() (syms, strs []byte) { return f.symbols(".symtab") }

// symbols returns the symbol table in the section called name and its strings,
// nil without them.
func (f *File) symbols(name string) (syms, strs []byte) {
	s, ok := f.Section(name)
	if !ok || s.Entsize != symbolSize || uint64(s.Link) >= uint64(len(f.sections)) {
		return nil, nil
	}
	syms, err := f.SectionBytes(s)
	if err != nil {
		return nil, nil
	}
	strs, err = f.SectionBytes(f.sections[s.Link])
	if err != nil {
		return nil, nil
	}
	return syms, strs
}
