// Package exe reads the executable file of a Go program: its segments,
// sections, symbols, build information and DWARF. Addresses are those of the
// file, unrelocated; who loads it adds the load bias.
package exe

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"rtdbg/inspect/arch"
)

// maxSegments is far above the number of program headers of any real
// executable, about ten.
const maxSegments = 1024

// ErrNotGo is the cause of Open's error for an executable that no Go
// toolchain linked.
var ErrNotGo = errors.New("not a Go program")

// File is an ELF executable or shared object, mapped read-only. Its methods
// may be called concurrently; slices that they return die with Close.
type File struct {
	// Path is the path that was opened.
	Path string
	// Header is the ELF header.
	Header Header
	// Arch is the architecture.
	Arch *arch.Arch

	mapped   *Mapped
	segments []Segment
	sections []Section
	ids      BuildIDs
	build    *BuildInfo
	buildErr error
	// Each is read when it is first asked for.
	dwarf        func() (*dwarf.Data, error)
	dwarfContent func() (map[string][]byte, error)
	debugInfo    func() (*DebugInfo, error)
	lines        func() (*dwarf.Data, error)
	debugELF     func() (*elf.File, error)
}

// Open opens the executable of a Go program. Errors are one line that names
// the file; for a program that is not Go's they wrap ErrNotGo.
func Open(path string) (*File, error) {
	f, err := OpenImage(path)
	if err != nil {
		return nil, err
	}
	if f.build == nil && !f.hasGoTraces() {
		packed := f.packed()
		f.Close()
		if packed {
			return nil, fmt.Errorf("%s is packed with UPX: unpack it first (upx -d)", path)
		}
		return nil, fmt.Errorf("%s is %w: it has neither Go build information, nor a Go build id, nor a pclntab", path, ErrNotGo)
	}
	return f, nil
}

// OpenImage opens any ELF executable or shared object, Go or not.
func OpenImage(path string) (*File, error) {
	m, err := Map(path)
	if err != nil {
		return nil, err
	}
	f, err := newFile(m)
	if err != nil {
		m.Close()
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return f, nil
}

// FromMemory reads an image that a process has in its memory and no file, the vDSO,
// from a copy of all of it. path names it.
func FromMemory(path string, b []byte) (*File, error) {
	f, err := newFile(&Mapped{Path: path, Bytes: b})
	if err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return f, nil
}

// newFile parses the mapped file; its errors are predicates on it.
func newFile(m *Mapped) (*File, error) {
	h, err := ParseHeader(m.Bytes)
	if err != nil {
		return nil, err
	}
	switch h.Type {
	case elf.ET_EXEC, elf.ET_DYN:
	case elf.ET_CORE:
		return nil, fmt.Errorf("is a core file, not an executable: the order is EXE CORE")
	case elf.ET_REL:
		return nil, fmt.Errorf("is an object file, not an executable")
	default:
		return nil, fmt.Errorf("is a damaged ELF file (type %d)", uint16(h.Type))
	}
	a, ok := arch.ByMachine(uint16(h.Machine))
	if !ok {
		return nil, fmt.Errorf("is for %v: supported are %v", h.Machine, arch.Names())
	}
	segs, err := ParseSegments(m.Bytes, h)
	if err != nil {
		return nil, err
	}
	if len(segs) > maxSegments {
		return nil, fmt.Errorf("is damaged: it has %d program headers", len(segs))
	}
	for i, s := range segs {
		if s.Type == elf.PT_LOAD && s.Vaddr+s.Memsz < s.Vaddr {
			return nil, fmt.Errorf("is damaged: segment %d ends beyond the address space", i)
		}
	}
	f := &File{Path: m.Path, Header: *h, Arch: a, mapped: m, segments: segs}
	f.sections, _ = parseSections(m.Bytes, h)
	f.ids = BuildIDsOf(f.notes())
	f.build, f.buildErr = f.findBuildInfo()
	f.debugELF = sync.OnceValues(f.openDebugELF)
	f.dwarfContent = sync.OnceValues(f.readDWARFContent)
	f.dwarf = sync.OnceValues(f.readDWARF)
	f.debugInfo = sync.OnceValues(f.readDebugInfo)
	f.lines = sync.OnceValues(f.readLines)
	return f, nil
}

// Close unmaps the file.
func (f *File) Close() error { return f.mapped.Close() }

// PIE reports whether the file is position-independent, so that it may be
// loaded anywhere (ET_DYN).
func (f *File) PIE() bool { return f.Header.Type == elf.ET_DYN }

// Entry is the address of the entry point.
func (f *File) Entry() uint64 { return f.Header.Entry }

// GOARCH is the architecture's name in Go.
func (f *File) GOARCH() string { return f.Arch.Name }

// GOOS is the target's operating system: as the build information says, else
// as the header says, "linux" where that leaves it open (ELFOSABI_NONE).
func (f *File) GOOS() string {
	if f.build != nil {
		if goos, ok := f.build.Setting("GOOS"); ok {
			return goos
		}
	}
	switch f.Header.OSABI {
	case elf.ELFOSABI_FREEBSD:
		return "freebsd"
	case elf.ELFOSABI_NETBSD:
		return "netbsd"
	case elf.ELFOSABI_OPENBSD:
		return "openbsd"
	case elf.ELFOSABI_SOLARIS:
		return "solaris"
	}
	return "linux"
}

// BuildIDs are the file's build ids.
func (f *File) BuildIDs() BuildIDs { return f.ids }

// Reopen is a path by which this process opens the same file again, even if it
// has been replaced or deleted, until Close.
func (f *File) Reopen() string { return "/proc/self/fd/" + strconv.Itoa(int(f.mapped.file.Fd())) }

// Segments are all program headers, in the file's order. The slice belongs
// to the File.
func (f *File) Segments() []Segment { return f.segments }

// DataSegments are the loaded segments that the program can write to.
func (f *File) DataSegments() []Segment {
	var data []Segment
	for _, s := range f.segments {
		if s.Type == elf.PT_LOAD && s.Flags&elf.PF_W != 0 {
			data = append(data, s)
		}
	}
	return data
}

// Size is the file's length in bytes.
func (f *File) Size() uint64 { return uint64(len(f.mapped.Bytes)) }

// View returns n bytes at offset off of the file, as a slice of the mapping.
func (f *File) View(off uint64, n int) ([]byte, error) {
	if n >= 0 {
		if b, ok := slice(f.mapped.Bytes, off, uint64(n)); ok {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%s has no %d bytes at offset %#x (its size is %d)", f.Path, n, off, len(f.mapped.Bytes))
}

// SegmentBytes returns the bytes of a segment that the file has: Filesz of
// them, fewer when the file is cut off.
func (f *File) SegmentBytes(s Segment) []byte {
	size := uint64(len(f.mapped.Bytes))
	if s.Off >= size {
		return nil
	}
	end := s.Off + min(s.Filesz, s.Memsz, size-s.Off)
	return f.mapped.Bytes[s.Off:end:end]
}

// At returns the n bytes that the file holds for unrelocated address vaddr,
// as a slice of the mapping: the initial content for writable segments. It
// reports false when one PT_LOAD segment does not hold them all; zero-filled
// memory (.bss) is not in the file.
func (f *File) At(vaddr uint64, n int) ([]byte, bool) {
	for _, s := range f.segments {
		if s.Type != elf.PT_LOAD || vaddr < s.Vaddr || vaddr-s.Vaddr >= s.Memsz || n < 0 {
			continue
		}
		return slice(f.SegmentBytes(s), vaddr-s.Vaddr, uint64(n))
	}
	return nil, false
}

// packed reports whether the file was made by UPX, which puts its magic
// (l_info.l_magic, behind the program headers) near the start of the file and
// compresses all the rest.
func (f *File) packed() bool {
	const searched = 4096
	return bytes.Contains(f.mapped.Bytes[:min(searched, len(f.mapped.Bytes))], []byte("UPX!"))
}

// hasGoTraces looks for what the Go linker leaves besides build information.
func (f *File) hasGoTraces() bool {
	if f.ids.Go != "" {
		return true
	}
	for _, s := range f.sections {
		if s.Name == ".gopclntab" || s.Name == ".data.rel.ro.gopclntab" {
			return true
		}
	}
	// The magic of runtime.pcHeader since Go 1.18 (F0) and 1.20 (F1).
	for _, magic := range []byte{0xf0, 0xf1} {
		pattern := []byte{magic, 0xff, 0xff, 0xff, 0, 0, byte(f.Arch.PCQuantum), byte(f.Arch.PtrSize)}
		for _, s := range f.segments {
			if s.Type == elf.PT_LOAD && bytes.Contains(f.SegmentBytes(s), pattern) {
				return true
			}
		}
	}
	return false
}
