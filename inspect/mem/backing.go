package mem

import (
	"debug/elf"
	"fmt"
	"path/filepath"
	"slices"
	"sort"

	"rtdbg/inspect/exe"
)

// maxImages bounds how many files a core can make us open.
const maxImages = 256

// image is an ELF file that the process had mapped, with its load bias.
type image struct {
	file *exe.File
	bias uint64
}

// phdrVaddr returns the unrelocated address of f's program headers, what
// AT_PHDR is less the load bias.
func phdrVaddr(f *exe.File) (uint64, bool) {
	var phoff uint64
	for _, s := range f.Segments() {
		if s.Type == elf.PT_PHDR {
			return s.Vaddr, true
		}
	}
	phoff = f.Header.ProgramHeaderOffset()
	for _, s := range f.Segments() {
		if s.Type == elf.PT_LOAD && phoff >= s.Off && phoff-s.Off < s.Filesz {
			return phoff - s.Off + s.Vaddr, true
		}
	}
	return 0, false
}

// findBias computes the load bias of the executable.
func (c *Core) findBias() (uint64, error) {
	if c.exe == nil {
		return 0, fmt.Errorf("load address is not known: no executable was given")
	}
	entry, ok := c.notes.auxv.lookup(AuxEntry)
	if !ok {
		entry = c.notes.entry
	}
	phdr, _ := c.notes.auxv.lookup(AuxPhdr)
	if entry == 0 && phdr == 0 {
		// Neither an auxiliary vector nor Delve's header: the mapping of
		// the executable's first page tells as well.
		for _, f := range c.notes.files {
			if f.off == 0 && filepath.Base(f.path) == filepath.Base(c.exe.Path) {
				vaddr, _ := phdrVaddr(c.exe)
				phdr = uint64(f.start) + vaddr - imageStart(c.exe.Segments())
				break
			}
		}
	}
	return biasFrom(c.exe, entry, phdr, c.notes.auxv.pageSize())
}

// imageStart is the unrelocated address of an image's first byte, its ELF
// header: that of the PT_LOAD segment at file offset 0, rounded as the loader
// does for one that starts a bit later.
func imageStart(segs []exe.Segment) uint64 {
	for _, s := range segs {
		if s.Type == elf.PT_LOAD && s.Off < defaultPageSize {
			return s.Vaddr - s.Off
		}
	}
	return 0
}

// exePath is the path of the executable as the process had it mapped, "" if
// the core does not tell.
func (c *Core) exePath() string {
	for _, tag := range []AuxTag{AuxEntry, AuxPhdr} {
		if a, ok := c.notes.auxv.lookup(tag); ok {
			if f := c.fileAt(Addr(a)); f != nil {
				return f.path
			}
		}
	}
	if c.notes.entry != 0 {
		if f := c.fileAt(Addr(c.notes.entry)); f != nil {
			return f.path
		}
	}
	return ""
}

// addBacking completes what the core holds by pages from the executable and
// from shared libraries, and fills in c.all.
//
// Only pages of segments that are read-only, both in the process and in the
// file, are taken: a writable private mapping may have been written (RELRO
// data is, by the dynamic linker), and then the file has the wrong bytes. The
// place of a page is found by its address, not by its offset in NT_FILE:
// stripping an executable moves offsets. A capture has all pages that were
// written: for what it lacks of a read-only mapping the file can be trusted.
func (c *Core) addBacking() {
	c.libs = c.libraries()
	var pieces []piece
	for _, l := range c.loads {
		split := l.Start + Addr(l.avail)
		pieces = append(pieces, piece{start: l.Start, end: split, src: c.mapped.Bytes, off: l.off})
		if l.Perm&PermWrite != 0 {
			pieces = append(pieces, piece{start: split, end: l.End})
			continue
		}
		pieces = append(pieces, c.backGap(split, l.End)...)
	}
	pieces = c.addOmitted(pieces)
	c.all.list = joinPieces(pieces)
}

// executable returns the executable as an image, unless it is not usable.
func (c *Core) executable() (image, bool) {
	ok := c.exe != nil && c.biasErr == nil && c.check.Verdict != Mismatch
	return image{c.exe, c.bias}, ok
}

// backGap returns the pieces of the gap [start, end) in a read-only mapping.
func (c *Core) backGap(start, end Addr) []piece {
	img, ok := c.executable()
	if len(c.notes.files) > 0 {
		f := c.fileAt(start)
		if f == nil {
			return []piece{{start: start, end: end}} // anonymous
		}
		if path := c.exePath(); f.path != path || path == "" {
			img, ok = c.libs[f.path]
		}
	}
	if !ok {
		return []piece{{start: start, end: end}}
	}
	return img.fill(start, end, c.notes.instant != nil)
}

// fill returns pieces that cover [start, end): the bytes of the image's segments,
// of those only that are read-only unless no page has been written, and gaps.
func (img image) fill(start, end Addr, unwritten bool) []piece {
	var pieces []piece
	pos := start
	// PT_LOAD segments ascend by address (ELF specification); those of a
	// file that breaks this are passed over.
	for _, s := range img.file.Segments() {
		if s.Type != elf.PT_LOAD || s.Flags&elf.PF_W != 0 && !unwritten {
			continue
		}
		b := img.file.SegmentBytes(s)
		segStart := Addr(s.Vaddr + img.bias)
		segEnd := segStart + Addr(len(b))
		lo, hi := max(pos, segStart), min(end, segEnd)
		if segEnd < segStart || lo >= hi {
			continue
		}
		pieces = append(pieces, piece{start: pos, end: lo}, piece{start: lo, end: hi, src: b, off: uint64(lo - segStart)})
		pos = hi
	}
	return append(pieces, piece{start: pos, end: end})
}

// addOmitted adds the read-only segments of the executable that a core without
// NT_FILE does not mention at all: Delve's dumps leave them out. The kernel
// and gdb list every mapping.
func (c *Core) addOmitted(pieces []piece) []piece {
	img, ok := c.executable()
	if !ok || len(c.notes.files) > 0 {
		return pieces
	}
	for _, s := range c.exe.Segments() {
		if s.Type != elf.PT_LOAD || s.Flags&elf.PF_W != 0 {
			continue
		}
		start := Addr(s.Vaddr + c.bias)
		end := start + Addr(len(c.exe.SegmentBytes(s)))
		if end <= start || c.mapsAnyOf(start, end) {
			continue
		}
		pieces = append(pieces, img.fill(start, end, false)...)
		c.ranges = append(c.ranges, Range{Start: start, End: end, Perm: permOf(s.Flags), File: c.exe.Path, Off: s.Off})
	}
	sortByStart(pieces, func(p piece) Addr { return p.start })
	sortByStart(c.ranges, func(r Range) Addr { return r.Start })
	return pieces
}

// mapsAnyOf reports whether a segment of the core lies in [start, end).
func (c *Core) mapsAnyOf(start, end Addr) bool {
	i := sort.Search(len(c.loads), func(i int) bool { return c.loads[i].End > start })
	return i < len(c.loads) && c.loads[i].Start < end
}

// libraries opens the files other than the executable that back read-only
// gaps, as far as they exist here and have the build id that the core's copy
// of their first page names.
func (c *Core) libraries() map[string]image {
	libs := make(map[string]image)
	tried := make(map[string]bool)
	exePath := c.exePath()
	for _, l := range c.loads {
		if l.avail == l.Size() || l.Perm&PermWrite != 0 || l.File == "" || l.File == exePath {
			continue
		}
		if tried[l.File] || len(tried) == maxImages {
			continue
		}
		tried[l.File] = true
		if img, ok := c.openLibrary(l.File); ok {
			libs[l.File] = img
			c.images = append(c.images, img.file)
		}
	}
	return libs
}

// openLibrary opens the file at path if it is the one that the process had
// mapped: by path alone it may be another version, or another machine's.
func (c *Core) openLibrary(path string) (image, bool) {
	i := slices.IndexFunc(c.notes.files, func(f mappedFile) bool { return f.path == path && f.off == 0 })
	if i < 0 {
		return image{}, false
	}
	base := c.notes.files[i].start
	inCore, ok := c.imageInCore(base)
	if !ok {
		return image{}, false
	}
	file, err := exe.OpenImage(path)
	if err != nil {
		return image{}, false
	}
	if compareIDs(inCore.ids, file.BuildIDs()).Verdict != Match {
		file.Close()
		return image{}, false
	}
	return image{file, uint64(base) - imageStart(file.Segments())}, true
}
