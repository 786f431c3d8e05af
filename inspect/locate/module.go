package locate

import (
	"errors"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
	"rtdbg/inspect/rt"
)

// maxRange bounds the ranges that are searched for a moduledata or a pclntab.
const maxRange = 1 << 30

// Headers returns the addresses of what looks like a pclntab in the target's
// memory. There is none where a core lacks the program's read-only pages.
func Headers(m mem.Memory, a *arch.Arch) []mem.Addr {
	writable, other := searched(m)
	// A PIE's pclntab is relocated: it lies in RELRO, or in data.
	return pcln.FindHeaders(m, a, append(other, writable...))
}

// searched lists the ranges that may hold a moduledata or a pclntab, those
// that files back first: what a program has mapped besides is larger.
func searched(m mem.Memory) (writable, other []mem.Range) {
	for _, backed := range []bool{true, false} {
		for _, r := range Present(m) {
			switch {
			case r.Size() > maxRange || r.Perm&mem.PermRead == 0 || (r.File != "") != backed:
			case r.Perm&mem.PermWrite != 0 && r.Perm&mem.PermExec == 0:
				writable = append(writable, r)
			default:
				other = append(other, r)
			}
		}
	}
	return writable, other
}

// Present lists the ranges whose bytes the memory has: a core lacks parts of
// what it maps.
func Present(m mem.Memory) []mem.Range {
	if c, ok := m.(interface{ Present() []mem.Range }); ok {
		return c.Present()
	}
	return m.Ranges()
}

// moduleData finds the moduledata: the word in memory that holds the address
// of a pclntab and is followed by that of its table of names. Where there is
// no pclntab, as in a core without the executable, any two words that can be
// such addresses are tried, and the rest must be a moduledata in every respect.
func (f *finder) moduleData() (mem.Addr, error) {
	headers := f.Headers()
	isHeader := make(map[mem.Addr]bool, len(headers))
	for _, h := range headers {
		isHeader[h] = true
	}
	writable, other := searched(f.RT.Mem)
	ranges := append(writable, other...)
	for _, r := range ranges {
		if a := f.moduleDataIn(r, isHeader); a != 0 {
			return a, nil
		}
	}
	if len(headers) > 0 {
		// They may be those of programs that the target carries as data,
		// its own being damaged.
		for _, r := range ranges {
			if a := f.moduleDataIn(r, nil); a != 0 {
				return a, nil
			}
		}
	}
	if len(headers) == 0 {
		return 0, errors.New("there is neither a pclntab nor a moduledata in the target's memory: is it a Go program?")
	}
	return 0, errors.New("no moduledata points to the pclntab")
}

// maxHeader bounds the distance of the table of names from the start of the
// pclntab, which is the header's size (runtime.pcHeader, symtab.go).
const maxHeader = 4096

// moduleDataIn searches one range for a moduledata.
func (f *finder) moduleDataIn(r mem.Range, isHeader map[mem.Addr]bool) mem.Addr {
	b, err := f.RT.Mem.View(r.Start, int(r.Size()))
	if err != nil {
		return 0
	}
	o := f.Arch.Order
	for i := 0; i+32 <= len(b); i += 8 {
		// The start of a moduledata: pcHeader and the slice funcnametab.
		h, names := mem.Addr(o.Uint64(b[i:])), mem.Addr(o.Uint64(b[i+8:]))
		if h < maxHeader || names <= h || names-h >= maxHeader {
			continue
		}
		n, c := o.Uint64(b[i+16:]), o.Uint64(b[i+24:])
		if n == 0 || n != c || len(isHeader) > 0 && !isHeader[h] {
			continue
		}
		a := r.Start + mem.Addr(i)
		if m, err := f.RT.ReadModule(a); err == nil && plausibleModule(&m) {
			return a
		}
	}
	return 0
}

// plausibleModule reports whether all bounds that m records are in order and
// its tables are not empty.
func plausibleModule(m *rt.Module) bool {
	code := m.Text < m.EText && m.MinPC >= m.Text && m.MinPC < m.EText && m.MinPC < m.MaxPC
	data := m.NoPtrData <= m.ENoPtrData && m.Data <= m.EData && m.BSS <= m.EBSS && m.NoPtrBSS <= m.ENoPtrBSS && m.NoPtrData < m.ENoPtrBSS
	return code && data && m.FTab.Len > 1 && m.FTab.Len == m.FTab.Cap && m.Types < m.ETypes && m.GoFunc != 0
}
