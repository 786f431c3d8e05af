package exe

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNoDWARF is the cause of DWARF's error for a file without DWARF.
var ErrNoDWARF = errors.New("no DWARF (linked with -s or -w, or stripped)")

// maxRatio is the largest compression ratio that is taken for honest: deflate
// cannot exceed 1032, and real debug sections reach 10.
const maxRatio = 1032

// DWARF returns the file's DWARF, read on the first call, for types, constants
// and variables: without the tables of lines and of address ranges, which are
// as long as all the rest. It does not depend on the mapping. Without DWARF the
// error wraps ErrNoDWARF.
func (f *File) DWARF() (*dwarf.Data, error) { return f.dwarf() }

// DebugSection returns the content of a debug section by its name without
// the dot, "debug_info", decompressed. It is for readers that need sections
// which debug/dwarf does not hand out. The result may be a fresh slice.
func (f *File) DebugSection(name string) (b []byte, err error) {
	ef, err := f.debugELF()
	if err != nil {
		return nil, err
	}
	defer recoverTo(&err, f.Path)
	b, ok, err := f.debugSection(ef, name)
	if err == nil && !ok {
		err = fmt.Errorf("%s has no section .%s", f.Path, name)
	}
	return b, err
}

// debugSection reads a debug section; ok is false if there is none.
func (f *File) debugSection(ef *elf.File, name string) (b []byte, ok bool, err error) {
	for _, prefix := range []string{".", ".z"} {
		if s := ef.Section(prefix + name); s != nil {
			if b, err = s.Data(); err != nil {
				return nil, true, fmt.Errorf("%s: section %s: %w", f.Path, s.Name, err)
			}
			return b, true, nil
		}
	}
	return nil, false, nil
}

func (f *File) readDWARF() (d *dwarf.Data, err error) {
	content, err := f.dwarfContent()
	if err != nil {
		return nil, err
	}
	defer recoverTo(&err, f.Path)
	if d, err = newDWARF(content, nil, nil); err != nil {
		return nil, fmt.Errorf("%s: DWARF: %w", f.Path, err)
	}
	return d, nil
}

// readDWARFContent reads the sections of the entries and their values.
func (f *File) readDWARFContent() (content map[string][]byte, err error) {
	if !f.hasDebugInfo() {
		return nil, fmt.Errorf("%s: %w", f.Path, ErrNoDWARF)
	}
	ef, err := f.debugELF()
	if err != nil {
		return nil, err
	}
	defer recoverTo(&err, f.Path)
	content = make(map[string][]byte)
	for _, name := range slices.Concat(entrySections, valueSections) {
		if content[name], _, err = f.debugSection(ef, name); err != nil {
			return nil, err
		}
	}
	return content, nil
}

// newDWARF parses sections; lines is .debug_line, ranges .debug_ranges, each or nil.
func newDWARF(content map[string][]byte, lines, ranges []byte) (*dwarf.Data, error) {
	d, err := dwarf.New(content["debug_abbrev"], nil, nil, content["debug_info"], lines, nil, ranges, content["debug_str"])
	if err != nil {
		return nil, err
	}
	for _, name := range valueSections {
		if len(content[name]) == 0 {
			continue
		}
		if err := d.AddSection("."+name, content[name]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// The sections that hold the entries and the values of their attributes;
// valueSections are those of DWARF 5. cmd/link writes strings into the entries
// and has no sections for them; an external linker adds those of C code.
var (
	entrySections = []string{"debug_abbrev", "debug_info", "debug_str"}
	valueSections = []string{"debug_addr", "debug_line_str", "debug_str_offsets"}
)

// recoverTo makes an error of a panic in debug/elf or debug/dwarf, which
// hostile input can still cause.
func recoverTo(err *error, path string) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: damaged debug sections: %v", path, r)
	}
}

// hasDebugInfo reports whether there is a .debug_info with bytes.
func (f *File) hasDebugInfo() bool {
	for _, s := range f.sections {
		if (s.Name == ".debug_info" || s.Name == ".zdebug_info") && s.Type != elf.SHT_NOBITS && s.Size > 0 {
			return true
		}
	}
	return false
}

// openDebugELF hands the file to debug/elf, after the checks that keep
// debug/elf from allocating more than the file justifies.
func (f *File) openDebugELF() (ef *elf.File, err error) {
	if len(f.sections) == 0 {
		return nil, fmt.Errorf("%s has no section headers", f.Path)
	}
	for _, s := range f.sections {
		if err := f.checkDebugSection(s); err != nil {
			return nil, err
		}
	}
	defer recoverTo(&err, f.Path)
	ef, err = elf.NewFile(bytes.NewReader(f.mapped.Bytes))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return ef, nil
}

// checkDebugSection checks that a debug section lies in the file and claims
// a believable uncompressed size.
func (f *File) checkDebugSection(s Section) error {
	if s.Type == elf.SHT_NOBITS || !strings.HasPrefix(s.Name, ".debug_") && !strings.HasPrefix(s.Name, ".zdebug_") {
		return nil
	}
	b, ok := slice(f.mapped.Bytes, s.Off, s.Size)
	if !ok {
		return fmt.Errorf("%s: section %s lies beyond the end of the file", f.Path, s.Name)
	}
	var size uint64
	switch {
	case s.Flags&elf.SHF_COMPRESSED != 0 && len(b) >= 24: // Elf64_Chdr.ch_size
		size = binary.LittleEndian.Uint64(b[8:])
	case len(b) >= 12 && string(b[:4]) == "ZLIB": // .zdebug_*
		size = binary.BigEndian.Uint64(b[4:])
	}
	if size/maxRatio > s.Size {
		return fmt.Errorf("%s: section %s claims %d bytes compressed to %d", f.Path, s.Name, size, s.Size)
	}
	return nil
}
