// Package cstack walks the stack of a thread through C code by the unwind tables
// that compilers write beside it (.eh_frame, Linux Standard Base 5.0, 10.6), as
// far as they prove the way, and names the functions on it. It knows nothing of Go,
// whose compiler writes no such tables.
package cstack

import (
	"errors"
	"fmt"
	"sort"

	"rtdbg/inspect/mem"
)

// ErrNoTable: no unwind table says how to leave the function at a PC.
var ErrNoTable = errors.New("no unwind table")

// errDamaged: an unwind table that does not follow its format, or that uses
// what this package does not know.
var errDamaged = errors.New("unwind table is damaged or of an unknown form")

// maxEntry bounds a CIE or FDE, and what is read of each, in bytes.
const maxEntry = 1 << 16

// header is the start of .eh_frame_hdr in the only form that linkers write: a
// version, three encodings, the place of .eh_frame and the number of entries,
// four bytes each, and then the entries: pairs of function and FDE, relative to
// the header, ascending.
const (
	headerSize      = 12
	headerEntry     = 8
	headerEncodings = 0x3b_03_1b_01 // sdata4|datarel, udata4, sdata4|pcrel, version 1
)

// searchTable returns the address of the FDE that the image's sorted table at hdr,
// of the given size, has for pc.
func (t *Tables) searchTable(img *mem.Loaded, hdr mem.Addr, size, pc uint64) (mem.Addr, error) {
	if size < headerSize {
		return 0, fmt.Errorf("%w in %s", ErrNoTable, img.Path)
	}
	head, err := t.mem.View(hdr, headerSize)
	if err != nil {
		return 0, err
	}
	order := t.arch.Order
	n := uint64(order.Uint32(head[8:]))
	if order.Uint32(head) != headerEncodings || n > (size-headerSize)/headerEntry {
		return 0, fmt.Errorf("%s: %w", img.Path, errDamaged)
	}
	table, err := t.mem.View(hdr+headerSize, int(n)*headerEntry)
	if err != nil {
		return 0, err
	}
	at := func(i, off int) mem.Addr {
		return hdr + mem.Addr(int32(order.Uint32(table[i*headerEntry+off:])))
	}
	i := sort.Search(int(n), func(i int) bool { return uint64(at(i, 0)) > pc }) - 1
	if i < 0 {
		return 0, fmt.Errorf("%w for %#x in %s", ErrNoTable, pc, img.Path)
	}
	return at(i, 4), nil
}

// cie is a common information entry: what the FDEs of a compile unit share.
type cie struct {
	codeAlign uint64
	dataAlign int64
	// ret is the register or column of the return address.
	ret uint64
	// fdeEncoding is how FDEs write addresses; augmented that they have
	// augmentation data.
	fdeEncoding byte
	augmented   bool
	// signal says that its functions are called by signals: what they return
	// to is not behind a call.
	signal  bool
	program reader
}

// fde is a frame description entry: how to leave one function.
type fde struct {
	*cie
	begin, size uint64
	program     reader
}

// entry reads the CIE or FDE at a: what follows its length, of which the first
// four bytes tell the two apart.
func (t *Tables) entry(a mem.Addr) (r reader, err error) {
	head, err := t.mem.View(a, 4)
	if err != nil {
		return r, err
	}
	size := t.arch.Order.Uint32(head)
	if size < 4 || size > maxEntry {
		return r, errDamaged
	}
	b, err := t.mem.View(a+4, int(size))
	if err != nil {
		return r, err
	}
	return reader{b: b, at: uint64(a + 4), order: t.arch.Order}, nil
}

// fdeAt reads the FDE at a.
func (t *Tables) fdeAt(a mem.Addr) (*fde, error) {
	r, err := t.entry(a)
	if err != nil {
		return nil, err
	}
	id := r.at
	back := r.u32()
	if back == 0 {
		return nil, errDamaged // a CIE
	}
	common, err := t.cieAt(mem.Addr(id - uint64(back)))
	if err != nil {
		return nil, err
	}
	f := &fde{cie: common}
	f.begin = r.pointer(common.fdeEncoding)
	f.size = r.pointer(common.fdeEncoding & encodingFormat)
	if common.augmented {
		r.skip(r.uleb())
	}
	f.program = r
	return f, r.err
}

// cieAt reads the CIE at a.
func (t *Tables) cieAt(a mem.Addr) (*cie, error) {
	r, err := t.entry(a)
	if err != nil {
		return nil, err
	}
	id, version := r.u32(), r.u8()
	if id != 0 || version != 1 && version != 3 {
		return nil, errDamaged
	}
	augmentation := r.cstring()
	c := &cie{codeAlign: r.uleb(), dataAlign: r.sleb()}
	if version == 1 {
		c.ret = uint64(r.u8())
	} else {
		c.ret = r.uleb()
	}
	if augmentation != "" {
		if augmentation[0] != 'z' {
			return nil, errDamaged
		}
		data := r.sub(r.uleb())
		if err := c.augment(augmentation[1:], &data); err != nil {
			return nil, err
		}
		c.augmented = true
	}
	c.program = r
	return c, r.err
}

// augment reads the augmentation data of a CIE.
func (c *cie) augment(letters string, r *reader) error {
	for _, letter := range letters {
		switch letter {
		case 'R':
			c.fdeEncoding = r.u8()
		case 'P':
			r.pointer(r.u8() &^ encodingIndirect) // of the personality routine
		case 'L':
			r.u8() // the encoding of language-specific data
		case 'S':
			c.signal = true
		case 'B': // pointers are signed with key B: which key does not matter
		default:
			return errDamaged
		}
	}
	return r.err
}
