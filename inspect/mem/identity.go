package mem

import (
	"bytes"
	"debug/elf"
	"fmt"
	"strings"

	"rtdbg/inspect/exe"
)

// Verdict is the outcome of a comparison of an executable with a core.
type Verdict uint8

// The verdicts.
const (
	// Undecided: nothing contradicts, and nothing proves that they belong
	// together.
	Undecided Verdict = iota
	// Match: the core is of this very build, or of a stripped twin. Where
	// it has no build id, as QEMU's cores, the read-only data decide:
	// functions, lines, frames and constants are the same then, but single
	// instructions, which such a core lacks, may differ.
	Match
	// Mismatch: the core is of another program, or of another build.
	Mismatch
)

func (v Verdict) String() string {
	switch v {
	case Match:
		return "match"
	case Mismatch:
		return "mismatch"
	}
	return "undecided"
}

// Check says whether an executable belongs to a core, and why.
type Check struct {
	Verdict Verdict
	// Reason is what was compared: one line.
	Reason string
}

// CheckExecutable says whether the executable that OpenCore was given is the
// one that the core is of. The evidence, the strongest first: the build ids
// in the core's copy of the executable's first page; the program headers
// there, the entry point and AT_PHNUM; the build information in the data
// segment; read-only data where the core has it. A twin made by strip or
// objcopy keeps all of that; one linked with other -ldflags (-s, -w) is
// another build with another build id.
func (c *Core) CheckExecutable() Check { return c.check }

// Err returns an error for a mismatch and nil otherwise.
func (c Check) Err() error {
	if c.Verdict == Mismatch {
		return fmt.Errorf("the executable is not the one that the core is of: %s", c.Reason)
	}
	return nil
}

// coreImage is the start of a mapped ELF file as the core has it.
type coreImage struct {
	header   *exe.Header
	segments []exe.Segment
	ids      exe.BuildIDs
}

// imageInCore reads the ELF header at base, its program headers and its build
// ids from the core's own bytes.
func (c *Core) imageInCore(base Addr) (coreImage, bool) {
	page, err := c.own.view(base, defaultPageSize)
	if err != nil {
		return coreImage{}, false
	}
	var img coreImage
	if img.header, err = exe.ParseHeader(page); err != nil {
		return coreImage{}, false
	}
	if img.segments, err = exe.ParseSegments(page, img.header); err != nil {
		return coreImage{}, false
	}
	start := imageStart(img.segments)
	var notes []exe.Note
	for _, s := range img.segments {
		if s.Type != elf.PT_NOTE || s.Filesz > defaultPageSize {
			continue
		}
		if b, err := c.own.view(base+Addr(s.Vaddr-start), int(s.Filesz)); err == nil {
			list, _ := exe.ParseNotes(b, s.Align)
			notes = append(notes, list...)
		}
	}
	img.ids = exe.BuildIDsOf(notes)
	return img, true
}

// exeInCore finds the core's copy of the executable's first page.
func (c *Core) exeInCore() (coreImage, bool) {
	var bases []Addr
	if phdr, ok := c.notes.auxv.lookup(AuxPhdr); ok {
		bases = append(bases, Addr(phdr&^(c.notes.auxv.pageSize()-1)))
	}
	if path := c.exePath(); path != "" {
		for _, f := range c.notes.files {
			if f.path == path && f.off == 0 {
				bases = append(bases, f.start)
				break
			}
		}
	}
	if c.biasErr == nil {
		bases = append(bases, Addr(imageStart(c.exe.Segments())+c.bias))
	}
	for _, base := range bases {
		if img, ok := c.imageInCore(base); ok {
			return img, true
		}
	}
	return coreImage{}, false
}

// identify compares the executable with the core's own bytes.
func (c *Core) identify() Check {
	if c.exe == nil {
		return Check{Undecided, "no executable was given"}
	}
	img, haveImage := c.exeInCore()
	if haveImage {
		if check := compareIDs(img.ids, c.exe.BuildIDs()); check.Verdict != Undecided {
			return check
		}
	}
	for _, difference := range []string{
		c.auxDifference(), c.imageDifference(img, haveImage), c.buildInfoDifference(),
	} {
		if difference != "" {
			return Check{Mismatch, difference}
		}
	}
	equal, difference := c.compareContent()
	switch {
	case difference != "":
		return Check{Mismatch, difference}
	case equal >= enoughContent:
		return Check{Match, fmt.Sprintf("%d bytes of read-only data are the same (there is no build id to compare)", equal)}
	case !haveImage:
		return Check{Undecided, "the core has neither the executable's first page, with its build id, nor its read-only data"}
	}
	return Check{Undecided, "the executable or the core has no distinctive build id, and the core has no read-only data"}
}

// compareIDs compares build ids as far as both sides have them.
func compareIDs(core, file exe.BuildIDs) Check {
	if core.Go != "" && file.Go != "" && core.Go != file.Go {
		return Check{Mismatch, goIDReason(core.Go, file.Go)}
	}
	if core.GNU != "" && file.GNU != "" && core.GNU != file.GNU {
		return Check{Mismatch, fmt.Sprintf("GNU build id %s in the core, %s in the file", core.GNU, file.GNU)}
	}
	// A build id that the build fixed to a constant ("redacted") proves
	// nothing, and neither does the GNU build id that was derived from it.
	distinct := file.Go == "" || strings.Count(file.Go, "/") == 3
	switch {
	case !distinct:
	case core.Go != "" && file.Go != "":
		return Check{Match, "the Go build id is the same"}
	case core.GNU != "" && file.GNU != "":
		return Check{Match, "the GNU build id is the same"}
	}
	return Check{}
}

// goIDReason tells how two Go build ids differ. Their third part stands for
// the content of package main, the last for that of the linked file.
func goIDReason(core, file string) string {
	c, f := strings.Split(core, "/"), strings.Split(file, "/")
	if len(c) == 4 && len(f) == 4 && c[2] == f[2] {
		return "package main is the same, but not the link: other linker flags, or another version of a dependency (Go build id)"
	}
	return fmt.Sprintf("Go build id %.80s in the core, %.80s in the file", core, file)
}

// auxDifference compares entry point and program headers with the auxiliary
// vector.
func (c *Core) auxDifference() string {
	if c.biasErr != nil && c.notes.auxv != nil {
		return c.biasErr.Error()
	}
	entry, ok := c.notes.auxv.lookup(AuxEntry)
	if !ok && c.notes.entry != 0 {
		entry, ok = c.notes.entry, true
	}
	if want := c.exe.Entry() + c.bias; ok && entry != want {
		return fmt.Sprintf("the entry point is at %#x in the core, at %#x in the file", entry, want)
	}
	if phdr, ok := c.notes.auxv.lookup(AuxPhdr); ok {
		if vaddr, ok := phdrVaddr(c.exe); ok && phdr != vaddr+c.bias {
			return fmt.Sprintf("the program headers are at %#x in the core, at %#x in the file", phdr, vaddr+c.bias)
		}
	}
	if n, ok := c.notes.auxv.lookup(AuxPhnum); ok && n != uint64(len(c.exe.Segments())) {
		return fmt.Sprintf("%d program headers in the core, %d in the file", n, len(c.exe.Segments()))
	}
	return ""
}

// imageDifference compares the loaded segments with the core's copy of the
// program headers. File offsets may differ: strip moves them.
func (c *Core) imageDifference(img coreImage, ok bool) string {
	if !ok {
		return ""
	}
	if img.header.Entry != c.exe.Entry() {
		return fmt.Sprintf("the entry point is %#x in the core, %#x in the file", img.header.Entry, c.exe.Entry())
	}
	core, file := loadSegments(img.segments), loadSegments(c.exe.Segments())
	if len(core) != len(file) {
		return fmt.Sprintf("%d loaded segments in the core, %d in the file", len(core), len(file))
	}
	for i := range core {
		a, b := core[i], file[i]
		if a.Vaddr != b.Vaddr || a.Memsz != b.Memsz || a.Flags != b.Flags {
			return fmt.Sprintf("segment %d has %d bytes at %#x in the core, %d bytes at %#x in the file", i, a.Memsz, a.Vaddr, b.Memsz, b.Vaddr)
		}
	}
	return ""
}

func loadSegments(segs []exe.Segment) []exe.Segment {
	var loads []exe.Segment
	for _, s := range segs {
		if s.Type == elf.PT_LOAD {
			loads = append(loads, s)
		}
	}
	return loads
}

// buildInfoDifference compares the build information, which lies in the data
// segment and so is in every core.
func (c *Core) buildInfoDifference() string {
	info, err := c.exe.BuildInfo()
	if err != nil || c.biasErr != nil {
		return ""
	}
	b, err := c.own.view(Addr(info.Addr+c.bias), len(info.Blob))
	if err != nil || bytes.Equal(b, info.Blob) {
		return ""
	}
	return fmt.Sprintf("the build information at %#x differs", info.Addr+c.bias)
}

// Amounts of read-only data in bytes: how much is compared, how much in
// common makes a match.
const (
	maxContent    = 4 << 20
	enoughContent = 64 << 10
)

// compareContent compares the read-only data of the executable with what the
// core itself has of it, in pages, and returns the number of equal bytes.
// Code is left out, as debuggers write breakpoints into it, and so are pages
// of zeros, which some writers put for what they could not read.
func (c *Core) compareContent() (equal int, difference string) {
	if c.biasErr != nil {
		return 0, ""
	}
	for _, s := range loadSegments(c.exe.Segments()) {
		if s.Flags&(elf.PF_W|elf.PF_X) != 0 {
			continue
		}
		want := c.exe.SegmentBytes(s)
		for off := 0; off+defaultPageSize <= len(want) && equal < maxContent; off += defaultPageSize {
			a := Addr(s.Vaddr + c.bias + uint64(off))
			page, err := c.own.view(a, defaultPageSize)
			if err != nil || bytes.Count(page, []byte{0}) == len(page) {
				continue
			}
			if !bytes.Equal(page, want[off:off+defaultPageSize]) {
				return equal, fmt.Sprintf("read-only data at %v differs", a)
			}
			equal += defaultPageSize
		}
	}
	return equal, ""
}
