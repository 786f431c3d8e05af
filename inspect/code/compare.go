package code

import "encoding/binary"

// comparesAMD64 knows TESTQ AX, AX and CMPQ AX, $n.
func comparesAMD64(code []byte) (n int64, ok bool) {
	if len(code) < 6 || code[0] != 0x48 {
		return 0, false
	}
	switch {
	case code[1] == 0x85 && code[2] == 0xc0:
		return 0, true
	case code[1] == 0x83 && code[2] == 0xf8:
		return int64(int8(code[3])), code[3] < 0x80
	case code[1] == 0x3d:
		n = int64(int32(binary.LittleEndian.Uint32(code[2:])))
		return n, n >= 0
	}
	return 0, false
}

// comparesARM64 knows CMP $n, R0, CBZ R0 and CBNZ R0.
func comparesARM64(code []byte) (n int64, ok bool) {
	if len(code) < 4 {
		return 0, false
	}
	switch w := binary.LittleEndian.Uint32(code); {
	case w&0xffc003ff == 0xf100001f:
		return int64(w >> 10 & 0xfff), true
	case w&0xfe00001f == 0xb4000000:
		return 0, true
	}
	return 0, false
}
