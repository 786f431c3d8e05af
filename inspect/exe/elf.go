package exe

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
)

// Sizes in bytes of the structures of a 64-bit ELF file.
const (
	headerSize  = 64
	segmentSize = 56
	sectionSize = 64
	symbolSize  = 24
)

// pnXNum in e_phnum says that the number of program headers is in sh_info of
// section 0 (a core of a process with more than 65,534 mappings).
const pnXNum = 0xffff

// Header is the header of a 64-bit little-endian ELF image.
type Header struct {
	Type    elf.Type
	Machine elf.Machine
	OSABI   elf.OSABI
	// Entry is the entry point's address, unrelocated.
	Entry uint64

	phoff, shoff             uint64
	phnum, phentsize         uint64
	shnum, shstrndx, sentsiz uint16
}

// ProgramHeaderOffset is the offset of the program headers in the file, in
// bytes.
func (h *Header) ProgramHeaderOffset() uint64 { return h.phoff }

// Segment is a program header. Addresses are unrelocated.
type Segment struct {
	Type  elf.ProgType
	Flags elf.ProgFlag
	// Off and Filesz are the segment's place in the file, in bytes; the
	// file may end before it does.
	Off, Filesz uint64
	// Vaddr and Memsz are its place in memory.
	Vaddr, Memsz uint64
	Align        uint64
}

// ParseHeader reads the ELF header at the start of b, which is a whole file
// or the first page of an image in memory. Its errors are predicates: put the
// file's name in front.
func ParseHeader(b []byte) (*Header, error) {
	if len(b) < 4 || string(b[:4]) != elf.ELFMAG {
		return nil, fmt.Errorf("is not an ELF file (%s)", guessFormat(b))
	}
	if len(b) < headerSize {
		return nil, fmt.Errorf("is cut off within its ELF header (%d bytes)", len(b))
	}
	if c := elf.Class(b[elf.EI_CLASS]); c == elf.ELFCLASS32 {
		return nil, fmt.Errorf("is a 32-bit ELF file (%v): only 64-bit ones are supported", elf.Machine(word16(b[18:], elf.Data(b[elf.EI_DATA]))))
	} else if c != elf.ELFCLASS64 {
		return nil, fmt.Errorf("is a damaged ELF file (class %d)", byte(c))
	}
	if d := elf.Data(b[elf.EI_DATA]); d == elf.ELFDATA2MSB {
		return nil, fmt.Errorf("is a big-endian ELF file (%v): only little-endian ones are supported", elf.Machine(word16(b[18:], d)))
	} else if d != elf.ELFDATA2LSB {
		return nil, fmt.Errorf("is a damaged ELF file (byte order %d)", byte(d))
	}
	le := binary.LittleEndian
	h := &Header{
		Type:      elf.Type(le.Uint16(b[16:])),
		Machine:   elf.Machine(le.Uint16(b[18:])),
		OSABI:     elf.OSABI(b[elf.EI_OSABI]),
		Entry:     le.Uint64(b[24:]),
		phoff:     le.Uint64(b[32:]),
		shoff:     le.Uint64(b[40:]),
		phentsize: uint64(le.Uint16(b[54:])),
		phnum:     uint64(le.Uint16(b[56:])),
		sentsiz:   le.Uint16(b[58:]),
		shnum:     le.Uint16(b[60:]),
		shstrndx:  le.Uint16(b[62:]),
	}
	if h.phnum == pnXNum {
		s, ok := slice(b, h.shoff, sectionSize)
		if !ok {
			return nil, fmt.Errorf("is cut off: the number of its program headers is at offset %#x, beyond its end (%d bytes)", h.shoff, len(b))
		}
		h.phnum = uint64(le.Uint32(s[44:]))
	}
	return h, nil
}

func word16(b []byte, d elf.Data) uint16 {
	if d == elf.ELFDATA2MSB {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

// guessFormat says what a file that is not ELF looks like.
func guessFormat(b []byte) string {
	for _, f := range []struct{ magic, what string }{
		{"\x1f\x8b", "compressed with gzip: decompress it first"},
		{"\x28\xb5\x2f\xfd", "compressed with zstd: decompress it first"},
		{"\x04\x22\x4d\x18", "compressed with lz4: decompress it first"},
		{"\xfd7zXZ\x00", "compressed with xz: decompress it first"},
		{"BZh", "compressed with bzip2: decompress it first"},
		{"PK\x03\x04", "a zip archive"},
		{"MZ", "a Windows executable"},
		{"\xcf\xfa\xed\xfe", "a macOS executable or core"},
		{"#!", "a script"},
		{"!<arch>", "an archive"},
	} {
		if bytes.HasPrefix(b, []byte(f.magic)) {
			return f.what
		}
	}
	return fmt.Sprintf("it starts with %q", b[:min(len(b), 8)])
}

// ParseSegments reads the program headers of the image whose header is h.
// The error is a predicate as that of ParseHeader.
func ParseSegments(b []byte, h *Header) ([]Segment, error) {
	if h.phnum == 0 || h.phoff == 0 {
		return nil, fmt.Errorf("has no program headers: it was not written to its end")
	}
	if h.phentsize != segmentSize {
		return nil, fmt.Errorf("is damaged: its program headers have %d bytes, want %d", h.phentsize, segmentSize)
	}
	// phnum has 32 bits at most: the product does not wrap.
	table, ok := slice(b, h.phoff, h.phnum*segmentSize)
	if !ok {
		return nil, fmt.Errorf("is cut off: its %d program headers at offset %#x lie beyond its end (%d bytes)", h.phnum, h.phoff, len(b))
	}
	le := binary.LittleEndian
	segs := make([]Segment, h.phnum)
	for i := range segs {
		p := table[i*segmentSize:]
		segs[i] = Segment{
			Type: elf.ProgType(le.Uint32(p)), Flags: elf.ProgFlag(le.Uint32(p[4:])),
			Off: le.Uint64(p[8:]), Vaddr: le.Uint64(p[16:]),
			Filesz: le.Uint64(p[32:]), Memsz: le.Uint64(p[40:]), Align: le.Uint64(p[48:]),
		}
	}
	return segs, nil
}

// slice returns b[off:off+n] if b has it all.
func slice(b []byte, off, n uint64) ([]byte, bool) {
	if off > uint64(len(b)) || n > uint64(len(b))-off {
		return nil, false
	}
	return b[off : off+n : off+n], true
}
