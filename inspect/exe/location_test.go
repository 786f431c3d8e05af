package exe

import (
	"encoding/binary"
	"reflect"
	"testing"
)

// The examples are of DWARF 5, 2.6.1, with the frame base of Go.
func TestPiecesOfALocation(t *testing.T) {
	tests := []struct {
		name string
		expr []byte
		want []Piece
	}{
		{"nowhere", nil, nil},
		{"register", []byte{opReg0}, nil},
		{"frame address", []byte{opCallFrameCFA}, []Piece{{At: 0}}},
		{"below it", []byte{opFbreg, 0x68}, []Piece{{At: -24}}},
		{"above it", []byte{opFbreg, 0x08}, []Piece{{At: 8}}},
		{"far below", []byte{opFbreg, 0x80, 0x7f}, []Piece{{At: -128}}},
		{"frame address and more", []byte{opCallFrameCFA, opPlusUconst, 16}, []Piece{{At: 16}}},
		{"first in a register", []byte{opReg0, opPiece, 8, opFbreg, 0x68, opPiece, 8}, []Piece{{At: -24, Off: 8, Size: 8}}},
		{"second in no place", []byte{opFbreg, 0x68, opPiece, 8, opPiece, 8}, []Piece{{At: -24, Off: 0, Size: 8}}},
		{"computed", []byte{0x30, 0x9f}, nil},
		{"cut off", []byte{opFbreg, 0x80}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := pieces(test.expr); !reflect.DeepEqual(got, test.want) {
				t.Errorf("%x: %+v, want %+v", test.expr, got, test.want)
			}
		})
	}
}

// Both forms of location lists say the same.
func TestLocationLists(t *testing.T) {
	want := []place{{0x1010, 0x1020, nil}, {0x1020, 0x1030, []Piece{{At: -8}}}}
	le := binary.LittleEndian
	entry4 := func(b []byte, low, high uint64, expr ...byte) []byte {
		b = le.AppendUint64(le.AppendUint64(b, low), high)
		return append(le.AppendUint16(b, uint16(len(expr))), expr...)
	}
	v4 := entry4(nil, 0x10, 0x20, opReg0)
	v4 = entry4(v4, 0x20, 0x30, opFbreg, 0x78)
	v4 = append(v4, make([]byte, 16)...)
	if got := locationList4(0x1000, v4); !reflect.DeepEqual(got, want) {
		t.Errorf("DWARF 4: %+v, want %+v", got, want)
	}
	d := &DebugInfo{sections: map[string][]byte{"debug_addr": le.AppendUint64(make([]byte, 8), 0x1000)}}
	v5 := []byte{lleBaseAddressx, 0, lleOffsetPair, 0x10, 0x20, 1, opReg0, lleOffsetPair, 0x20, 0x30, 2, opFbreg, 0x78, lleEndOfList}
	if got := d.locationList5(&unit{addrs: 8}, v5); !reflect.DeepEqual(got, want) {
		t.Errorf("DWARF 5: %+v, want %+v", got, want)
	}
	for n := range v5 {
		d.locationList5(&unit{addrs: 8}, v5[:n])
	}
	for n := range v4 {
		locationList4(0, v4[:n])
	}
}
