package exe

import (
	"encoding/binary"
	"math"
)

// The operators of location expressions that cmd/compile uses (DWARF 5, 7.7.1).
const (
	opAddr         = 0x03
	opPlusUconst   = 0x23
	opReg0         = 0x50
	opReg31        = 0x6f
	opRegx         = 0x90
	opFbreg        = 0x91
	opPiece        = 0x93
	opCallFrameCFA = 0x9c
	opAddrx        = 0xa1
)

// maxPieces bounds the pieces of a variable.
const maxPieces = 64

// pieces returns the parts of a variable that an expression places on the stack.
// The frame base of Go functions is the canonical frame address.
func pieces(expr []byte) []Piece {
	var list []Piece
	var at, off int64
	stack := false
	for len(expr) > 0 && len(list) < maxPieces {
		op := expr[0]
		expr = expr[1:]
		switch {
		case op == opFbreg:
			at, expr = sleb(expr)
			stack = expr != nil // else it is cut off
		case op == opCallFrameCFA:
			at, stack = 0, true
		case op == opPlusUconst:
			var n uint64
			n, expr = uleb(expr)
			at += int64(n)
		case op >= opReg0 && op <= opReg31:
			stack = false
		case op == opRegx:
			_, expr = uleb(expr)
			stack = false
		case op == opPiece:
			var n uint64
			if n, expr = uleb(expr); n == 0 || n > math.MaxInt32 {
				return list
			}
			if stack {
				list = append(list, Piece{at, off, int64(n)})
			}
			off += int64(n)
			stack = false
		default:
			// Another operator computes a value: what follows is read no further.
			return list
		}
	}
	if stack && off == 0 {
		list = append(list, Piece{At: at})
	}
	return list
}

// staticAddress returns the address that an expression of one address is.
func (d *DebugInfo) staticAddress(u *unit, expr []byte) (addr uint64, ok bool) {
	if len(expr) < 2 {
		return 0, false
	}
	switch expr[0] {
	case opAddr:
		if len(expr) == 9 {
			addr, _ = word(expr[1:])
			return addr, true
		}
	case opAddrx:
		n, _ := uleb(expr[1:])
		return d.address(u, n), true
	}
	return 0, false
}

// The kinds of entries of .debug_loclists (DW_LLE_*; DWARF 5, 7.7.3).
const (
	lleEndOfList       = 0
	lleBaseAddressx    = 1
	lleStartxEndx      = 2
	lleStartxLength    = 3
	lleOffsetPair      = 4
	lleDefaultLocation = 5
	lleBaseAddress     = 6
	lleStartEnd        = 7
	lleStartLength     = 8
)

// maxPlaces bounds the entries of a location list.
const maxPlaces = 1 << 14

// locationList reads the list at an offset of .debug_loclists or, in DWARF 4,
// of .debug_loc.
func (d *DebugInfo) locationList(u *unit, off uint64) []place {
	if b := d.sections["debug_loclists"]; off < uint64(len(b)) && len(d.sections["debug_loc"]) == 0 {
		return d.locationList5(u, b[off:])
	}
	b := d.sections["debug_loc"]
	if off >= uint64(len(b)) {
		return nil
	}
	return locationList4(u.base, b[off:])
}

// locationList4 reads a list of DWARF 4 (2.6.2).
func locationList4(base uint64, b []byte) []place {
	var list []place
	le := binary.LittleEndian
	for len(b) >= 16 && len(list) < maxPlaces {
		low, high := le.Uint64(b), le.Uint64(b[8:])
		b = b[16:]
		switch {
		case low == 0 && high == 0:
			return list
		case low == math.MaxUint64:
			base = high
			continue
		case len(b) < 2:
			return list
		}
		n := int(le.Uint16(b))
		if b = b[2:]; n > len(b) {
			return list
		}
		list = append(list, place{base + low, base + high, pieces(b[:n])})
		b = b[n:]
	}
	return list
}

// locationList5 reads a list of DWARF 5 (2.6.2).
func (d *DebugInfo) locationList5(u *unit, b []byte) []place {
	var list []place
	base := u.base
	for len(b) > 0 && len(list) < maxPlaces {
		kind := b[0]
		b = b[1:]
		var low, high uint64
		switch kind {
		case lleEndOfList:
			return list
		case lleBaseAddressx:
			low, b = uleb(b)
			base = d.address(u, low)
			continue
		case lleBaseAddress:
			base, b = word(b)
			continue
		case lleStartxEndx:
			low, b = uleb(b)
			high, b = uleb(b)
			low, high = d.address(u, low), d.address(u, high)
		case lleStartxLength:
			low, b = uleb(b)
			high, b = uleb(b)
			low = d.address(u, low)
			high += low
		case lleOffsetPair:
			low, b = uleb(b)
			high, b = uleb(b)
			low, high = base+low, base+high
		case lleDefaultLocation:
			high = math.MaxUint64
		case lleStartEnd:
			low, b = word(b)
			high, b = word(b)
		case lleStartLength:
			low, b = word(b)
			high, b = uleb(b)
			high += low
		default:
			return list
		}
		var n uint64
		if n, b = uleb(b); n > uint64(len(b)) {
			return list
		}
		list = append(list, place{low, high, pieces(b[:n])})
		b = b[n:]
	}
	return list
}

// address returns the address with this number in a unit's part of .debug_addr.
func (d *DebugInfo) address(u *unit, n uint64) uint64 {
	b := d.sections["debug_addr"]
	at := uint64(u.addrs) + 8*n
	if n > uint64(len(b)) || at+8 > uint64(len(b)) {
		return 0
	}
	return binary.LittleEndian.Uint64(b[at:])
}

func word(b []byte) (uint64, []byte) {
	if len(b) < 8 {
		return 0, nil
	}
	return binary.LittleEndian.Uint64(b), b[8:]
}

// uleb reads an unsigned LEB128 number; a number that is cut off is 0.
func uleb(b []byte) (uint64, []byte) {
	var v uint64
	for i := 0; i < len(b) && i < 10; i++ {
		v |= uint64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return v, b[i+1:]
		}
	}
	return 0, nil
}

// sleb reads a signed LEB128 number.
func sleb(b []byte) (int64, []byte) {
	var v int64
	for i := 0; i < len(b) && i < 10; i++ {
		v |= int64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			if shift := 7 * (i + 1); b[i]&0x40 != 0 && shift < 64 {
				v |= -1 << shift
			}
			return v, b[i+1:]
		}
	}
	return 0, nil
}
