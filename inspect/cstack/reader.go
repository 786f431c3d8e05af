package cstack

import (
	"bytes"
	"encoding/binary"
)

// reader reads the encodings of unwind tables. After the end of its bytes it has
// errDamaged and reads zeros.
type reader struct {
	b []byte
	// at is the target's address of b[0].
	at    uint64
	order binary.ByteOrder
	err   error
}

// take returns the next n bytes, nil if there are not as many.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.err, r.b = errDamaged, nil
		return nil
	}
	b := r.b[:n]
	r.b, r.at = r.b[n:], r.at+n
	return b
}

func (r *reader) skip(n uint64) { r.take(n) }

// sub returns a reader of the next n bytes.
func (r *reader) sub(n uint64) reader {
	at := r.at
	return reader{b: r.take(n), at: at, order: r.order, err: r.err}
}

func (r *reader) u8() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return r.order.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return r.order.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.take(8); b != nil {
		return r.order.Uint64(b)
	}
	return 0
}

// uleb reads an unsigned LEB128 number; bits beyond the 64th are lost.
func (r *reader) uleb() uint64 {
	v, _ := r.leb()
	return v
}

// sleb reads a signed LEB128 number.
func (r *reader) sleb() int64 {
	v, bits := r.leb()
	if bits < 64 && v>>(bits-1)&1 != 0 {
		v |= ^uint64(0) << bits
	}
	return int64(v)
}

func (r *reader) leb() (v uint64, bits int) {
	for {
		c := r.u8()
		if bits < 64 {
			v |= uint64(c&0x7f) << bits
		}
		bits += 7
		if c&0x80 == 0 || r.err != nil {
			return v, bits
		}
	}
}

func (r *reader) cstring() string {
	i := bytes.IndexByte(r.b, 0)
	if i < 0 {
		r.err, r.b = errDamaged, nil
		return ""
	}
	return string(r.take(uint64(i + 1))[:i])
}

// The encodings of pointers (DW_EH_PE): a format, what the value is relative
// to, and whether it is where the pointer is.
const (
	encodingFormat   = 0x0f
	encodingPCRel    = 0x10
	encodingIndirect = 0x80
	encodingOmitted  = 0xff
)

// pointer reads a pointer in the given encoding.
func (r *reader) pointer(encoding byte) uint64 {
	if encoding == encodingOmitted {
		return 0
	}
	at := r.at
	var v uint64
	switch encoding & encodingFormat {
	case 0x0, 0x4, 0x8, 0xc:
		v = r.u64()
	case 0x1:
		v = r.uleb()
	case 0x2:
		v = uint64(r.u16())
	case 0x3:
		v = uint64(r.u32())
	case 0x9:
		v = uint64(r.sleb())
	case 0xa:
		v = uint64(int16(r.u16()))
	case 0xb:
		v = uint64(int32(r.u32()))
	default:
		r.err = errDamaged
	}
	switch encoding &^ encodingFormat {
	case 0:
	case encodingPCRel:
		v += at
	default:
		r.err = errDamaged
	}
	return v
}
