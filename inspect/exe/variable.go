package exe

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// SymbolAround returns the data symbol around the unrelocated address at: its
// name, address and size in bytes. It scans the symbol table as Symbol does.
func (f *File) SymbolAround(at uint64) (name string, addr, size uint64, ok bool) {
	syms, strs := f.symtab()
	le := binary.LittleEndian
	for ; len(syms) >= symbolSize; syms = syms[symbolSize:] {
		value, n := le.Uint64(syms[8:]), le.Uint64(syms[16:])
		if at < value || at-value >= n || elf.ST_TYPE(syms[4]) != elf.STT_OBJECT || le.Uint16(syms[6:]) == uint16(elf.SHN_UNDEF) {
			continue
		}
		off := uint64(le.Uint32(syms))
		if off >= uint64(len(strs)) {
			continue
		}
		end := bytes.IndexByte(strs[off:], 0)
		// Symbols such as runtime.data begin where a variable does.
		if end > 0 && (!ok || n < size) {
			name, addr, size, ok = string(strs[off:off+uint64(end)]), value, n, true
		}
	}
	return name, addr, size, ok
}
