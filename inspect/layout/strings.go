package layout

import (
	"encoding/binary"
	"fmt"

	"rtdbg/inspect/mem"
)

// Limits on arrays of strings that are read from a target, against corrupt
// headers: the runtime's own have at most 47 strings of at most 40 bytes.
const (
	maxStrings   = 1 << 12
	maxStringLen = 1 << 12
)

// ReadStrings reads the array of strings that the variable called name
// ("runtime.waitReasonStrings") is, of a target that loads its executable bias
// bytes above the addresses it is linked for. The table must be from the
// target's DWARF: built-in tables have no addresses.
func (t *Table) ReadStrings(r mem.Reader, name string, bias uint64) ([]string, error) {
	v, ok := t.Vars[name]
	if !ok || v.Addr == 0 {
		return nil, fmt.Errorf("%s: no address in %s", name, t.describe())
	}
	n, elem, ok := t.Array(v.Type)
	if !ok || t.kindOf(elem) != kindString || n == 0 || n > maxStrings {
		return nil, fmt.Errorf("%s: %s is not an array of strings", name, v.Type)
	}
	word := v.Size / n / 2
	if word*n*2 != v.Size || (word != 4 && word != 8) {
		return nil, fmt.Errorf("%s: %s has %d bytes", name, v.Type, v.Size)
	}
	headers := make([]byte, v.Size)
	if err := r.ReadAt(headers, v.Addr+mem.Addr(bias)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	strs := make([]string, n)
	for i := range strs {
		h := headers[uint64(i)*2*word:]
		s, err := readString(r, String{Ptr: loadWord(h, word), Len: loadWord(h[word:], word)})
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", name, i, err)
		}
		strs[i] = s
	}
	return strs, nil
}

// loadWord decodes a word of 4 or 8 bytes.
func loadWord(b []byte, size uint64) uint64 {
	if size == 4 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

func readString(r mem.Reader, s String) (string, error) {
	if s.Len > maxStringLen {
		return "", fmt.Errorf("a string of %d bytes", s.Len)
	}
	if s.Len == 0 {
		return "", nil
	}
	b := make([]byte, s.Len)
	if err := r.ReadAt(b, mem.Addr(s.Ptr)); err != nil {
		return "", err
	}
	return string(b), nil
}
