package pcln

import (
	"bytes"
	"fmt"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
)

// Limits against corrupt headers. The largest known Go binaries have about a
// million functions and 200 MB of tables.
const (
	maxFuncs     = 1 << 24
	maxTableSize = 1 << 30
)

// header is runtime.pcHeader (runtime/symtab.go), the same since Go 1.18 but
// for textStart, which Go 1.26 leaves zero. Offsets are from the header.
type header struct {
	magic                              uint32
	nfunc                              int
	textStart                          uint64
	funcname, cu, filetab, pctab, pcln int
}

// headerSize returns the size of runtime.pcHeader in bytes.
func headerSize(a *arch.Arch) int { return 8 + 8*a.PtrSize }

// parseHeader decodes the header at the start of b and checks that it is
// one: known magic, the architecture's quantum and pointer size, and tables
// that follow one another in the linker's order.
func parseHeader(b []byte, a *arch.Arch) (header, error) {
	var h header
	if len(b) < headerSize(a) {
		return h, fmt.Errorf("pcln: header of %d bytes, want %d", len(b), headerSize(a))
	}
	h.magic = a.Order.Uint32(b)
	if h.magic != magic118 && h.magic != magic120 {
		return h, fmt.Errorf("pcln: unknown magic %#x", h.magic)
	}
	if b[4] != 0 || b[5] != 0 || int(b[6]) != a.PCQuantum || int(b[7]) != a.PtrSize {
		return h, fmt.Errorf("pcln: header % x is not for %s", b[:8], a.Name)
	}
	var w [8]uint64
	for i := range w {
		if a.PtrSize == 4 {
			w[i] = uint64(a.Order.Uint32(b[8+4*i:]))
		} else {
			w[i] = a.Order.Uint64(b[8+8*i:])
		}
	}
	if w[0] == 0 || w[0] > maxFuncs {
		return h, fmt.Errorf("pcln: %d functions", w[0])
	}
	prev := uint64(headerSize(a))
	for _, off := range w[3:] {
		if off < prev || off > maxTableSize {
			return h, fmt.Errorf("pcln: table offset %#x after %#x", off, prev)
		}
		prev = off
	}
	h.nfunc, h.textStart = int(w[0]), w[2]
	h.funcname, h.cu, h.filetab, h.pctab, h.pcln = int(w[3]), int(w[4]), int(w[5]), int(w[6]), int(w[7])
	return h, nil
}

// FindHeader returns the offset in b, at or after from, of the next thing
// that looks like a pclntab header for a, or -1. The header is aligned to
// the pointer size when b starts at an aligned address. A hit is confirmed
// by New, which reads the tables.
func FindHeader(b []byte, from int, a *arch.Arch) int {
	var m [4]byte
	a.Order.PutUint32(m[:], magic120)
	// The two magics differ in one byte, so search for the others.
	tail := m[1:]
	if m[0] == 0xff {
		tail = m[:3]
	}
	back := 0
	if m[0] != 0xff {
		back = 1
	}
	for i := max(from, 0); i < len(b); {
		j := bytes.Index(b[i:], tail)
		if j < 0 {
			return -1
		}
		at := i + j - back
		if at >= from && at >= 0 && at%a.PtrSize == 0 {
			if _, err := parseHeader(b[at:], a); err == nil {
				return at
			}
		}
		i += j + 1
	}
	return -1
}

// FindHeaders returns the addresses in ranges that hold something that looks
// like a pclntab header, in order. Ranges that cannot be read are skipped.
func FindHeaders(v mem.Viewer, a *arch.Arch, ranges []mem.Range) []mem.Addr {
	const chunk = 4 << 20
	var found []mem.Addr
	for _, r := range ranges {
		for at := r.Start; at < r.End; at += chunk {
			// Overlap so that a header on a chunk's edge is seen whole.
			n := min(uint64(r.End-at), chunk+uint64(headerSize(a))-1)
			b, err := v.View(at, int(n))
			if err != nil {
				continue
			}
			for i := FindHeader(b, 0, a); i >= 0; i = FindHeader(b, i+1, a) {
				if len(found) == 0 || found[len(found)-1] != at+mem.Addr(i) {
					found = append(found, at+mem.Addr(i))
				}
			}
			if r.End-at <= chunk {
				break
			}
		}
	}
	return found
}
