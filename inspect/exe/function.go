package exe

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
)

// debugDir is where distributions put what they strip of their files, by build
// id (gdb's debug-file-directory).
const debugDir = "/usr/lib/debug/.build-id"

// OpenDebugFile opens the file of this host that has the symbols that were
// stripped of f: that with the same build id.
func (f *File) OpenDebugFile() (*File, error) {
	id := f.ids.GNU
	if len(id) < 3 {
		return nil, fmt.Errorf("%s has no build id by which to find its symbols", f.Path)
	}
	d, err := OpenImage(filepath.Join(debugDir, id[:2], id[2:]+".debug"))
	if err != nil {
		return nil, err
	}
	if d.ids.GNU != id {
		d.Close()
		return nil, fmt.Errorf("%s has build id %s, want %s", d.Path, d.ids.GNU, id)
	}
	return d, nil
}

// FunctionAt returns the name of the function at unrelocated address addr, by the
// symbol table or else by the dynamic one. A symbol without a size, as assembly
// has, counts only if it is at entry, where the caller knows a function to begin
// that covers addr. Of several names it is the one with the fewest leading
// underscores.
func (f *File) FunctionAt(addr, entry uint64) (name string, ok bool) {
	for _, table := range []string{".symtab", ".dynsym"} {
		if name, ok = f.functionIn(table, addr, entry); ok {
			return name, true
		}
	}
	return "", false
}

func (f *File) functionIn(table string, addr, entry uint64) (best string, ok bool) {
	le := binary.LittleEndian
	syms, strs := f.symbols(table)
	start := uint64(0)
	for ; len(syms) >= symbolSize; syms = syms[symbolSize:] {
		value, size := le.Uint64(syms[8:]), le.Uint64(syms[16:])
		if addr-value >= size && (size != 0 || value != entry) || le.Uint16(syms[6:]) == uint16(elf.SHN_UNDEF) {
			continue
		}
		switch elf.ST_TYPE(syms[4]) {
		case elf.STT_FUNC, elf.STT_GNU_IFUNC:
		case elf.STT_NOTYPE:
			if size != 0 || value != entry {
				continue
			}
		default:
			continue
		}
		name := cString(strs, uint64(le.Uint32(syms)))
		if name == "" || ok && (value < start || value == start && underscores(name) >= underscores(best)) {
			continue
		}
		best, start, ok = name, value, true
	}
	return best, ok
}

func underscores(name string) int { return len(name) - len(strings.TrimLeft(name, "_")) }
