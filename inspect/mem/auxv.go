package mem

import (
	"encoding/binary"
	"fmt"

	"rtdbg/inspect/exe"
)

// AuxTag is the type of an entry of the auxiliary vector (getauxval(3)).
type AuxTag uint64

// The entries that rtdbg uses.
const (
	AuxPhdr     AuxTag = 3  // address of the executable's program headers
	AuxPhent    AuxTag = 4  // size of one of them in bytes
	AuxPhnum    AuxTag = 5  // their number
	AuxPageSize AuxTag = 6  // page size in bytes
	AuxBase     AuxTag = 7  // where the dynamic linker is loaded, 0 without one
	AuxEntry    AuxTag = 9  // the executable's entry point, relocated
	AuxExecFn   AuxTag = 31 // address of the path that execve was given
	AuxVDSO     AuxTag = 33 // address of the vDSO's ELF header
)

// auxv is a process's auxiliary vector.
type auxv []auxEntry

type auxEntry struct {
	tag AuxTag
	val uint64
}

// parseAuxv parses NT_AUXV or /proc/PID/auxv. It ends at AT_NULL.
func parseAuxv(b []byte) auxv {
	var v auxv
	for ; len(b) >= 16; b = b[16:] {
		tag := AuxTag(binary.LittleEndian.Uint64(b))
		if tag == 0 {
			break
		}
		v = append(v, auxEntry{tag, binary.LittleEndian.Uint64(b[8:])})
	}
	return v
}

func (v auxv) lookup(tag AuxTag) (uint64, bool) {
	for _, e := range v {
		if e.tag == tag {
			return e.val, true
		}
	}
	return 0, false
}

// defaultPageSize stands in where the auxiliary vector is missing. It is the
// smallest page size of the supported architectures, so that what is aligned
// to real pages is aligned to it.
const defaultPageSize = 4096

func (v auxv) pageSize() uint64 {
	if p, ok := v.lookup(AuxPageSize); ok && p >= defaultPageSize && p <= 1<<20 && p&(p-1) == 0 {
		return p
	}
	return defaultPageSize
}

// biasFrom computes the load bias of f, what has to be added to an address of
// the file to get the address in the process: from its relocated entry point
// or the place of its program headers, 0 meaning that this is not known.
func biasFrom(f *exe.File, entry, phdr uint64, pageSize uint64) (uint64, error) {
	if !f.PIE() {
		return 0, nil
	}
	var bias uint64
	switch vaddr, ok := phdrVaddr(f); {
	case entry != 0:
		bias = entry - f.Entry()
	case phdr != 0 && ok:
		bias = phdr - vaddr
	default:
		return 0, fmt.Errorf("load address of %s is not known: it is position-independent, and there is neither an auxiliary vector nor a list of mapped files", f.Path)
	}
	if bias%pageSize != 0 {
		return 0, fmt.Errorf("%s does not fit: its entry point cannot be at %#x", f.Path, entry)
	}
	return bias, nil
}
