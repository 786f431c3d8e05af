package exe

import (
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// Note is one entry of a PT_NOTE segment.
type Note struct {
	// Name is the note's owner without the final NUL: "GNU", "CORE", "Go".
	Name string
	Type uint32
	// Desc is the note's content, a slice of the bytes that were parsed.
	Desc []byte
}

// Types of the notes that carry build ids.
const (
	noteGNUBuildID = 3 // NT_GNU_BUILD_ID, owner "GNU"
	noteGoBuildID  = 4 // cmd/internal/buildid, owner "Go"
)

// ParseNotes reads the notes in b, the content of a segment whose p_align is
// align. It returns those before the first one that is cut off or damaged,
// and whether b was read to its end.
func ParseNotes(b []byte, align uint64) (notes []Note, complete bool) {
	if align != 8 {
		align = 4 // 0 and 1 are in use too, and mean 4
	}
	le := binary.LittleEndian
	for pos := uint64(0); pos < uint64(len(b)); {
		h, ok := slice(b, pos, 12)
		if !ok {
			return notes, isZero(b[pos:])
		}
		namesz, descsz := uint64(le.Uint32(h)), uint64(le.Uint32(h[4:]))
		name, ok := slice(b, pos+12, namesz)
		if !ok {
			return notes, false
		}
		descOff := roundUp(pos+12+namesz, align)
		desc, ok := slice(b, descOff, descsz)
		if !ok {
			return notes, false
		}
		// The NUL belongs to the name, but Delve's dumps leave it out.
		notes = append(notes, Note{strings.TrimRight(string(name), "\x00"), le.Uint32(h[8:]), desc})
		pos = roundUp(descOff+descsz, align)
	}
	return notes, true
}

// roundUp rounds n up to a multiple of align, a power of two.
func roundUp(n, align uint64) uint64 { return (n + align - 1) &^ (align - 1) }

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// BuildIDs are the build ids of an image; "" where there is none.
type BuildIDs struct {
	// Go is the Go build id, four hashes separated by slashes (action of
	// the link, action and content of package main, content of the link;
	// cmd/go/internal/work/buildid.go). -ldflags=-buildid= empties it.
	Go string
	// GNU is the GNU build id in hexadecimal. Go's linker writes one by
	// default since 1.24, derived from the Go build id.
	GNU string
}

// BuildIDsOf collects the build ids among notes.
func BuildIDsOf(notes []Note) BuildIDs {
	var ids BuildIDs
	for _, n := range notes {
		switch {
		case n.Name == "Go" && n.Type == noteGoBuildID && ids.Go == "":
			ids.Go = string(n.Desc)
		case n.Name == "GNU" && n.Type == noteGNUBuildID && ids.GNU == "":
			ids.GNU = hex.EncodeToString(n.Desc)
		}
	}
	return ids
}

// notes returns the notes of all PT_NOTE segments and note sections. Go's
// linker has only .note.go.buildid in its PT_NOTE segment; the GNU build id
// follows it, outside.
func (f *File) notes() []Note {
	var all []Note
	add := func(off, size, align uint64) {
		if b, ok := slice(f.mapped.Bytes, off, size); ok {
			notes, _ := ParseNotes(b, align)
			all = append(all, notes...)
		}
	}
	for _, s := range f.segments {
		if s.Type == elf.PT_NOTE {
			add(s.Off, s.Filesz, s.Align)
		}
	}
	for _, s := range f.sections {
		if s.Type == elf.SHT_NOTE {
			add(s.Off, s.Size, s.align)
		}
	}
	return all
}
