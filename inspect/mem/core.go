package mem

import (
	"debug/elf"
	"fmt"
	"slices"
	"sync"
	"time"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/exe"
)

// Core is the memory of a process at the instant that a core file captured.
// It reads cores written by the Linux kernel, by gdb's gcore, by Delve's dump
// and by QEMU's user-mode emulation. All its methods may be called concurrently.
//
// What a core lacks reads as ErrMissing, never as zeros: a segment whose
// p_filesz is less than its p_memsz was left out by the writer, and that says
// nothing of its content. The kernel omits so both memory that was never
// touched and memory excluded by coredump_filter or MADV_DONTDUMP
// (fs/coredump.c, vma_dump_size). The exception are the file-backed pages
// that nothing can have written: those of read-only segments of the
// executable and of shared libraries, see backing.
type Core struct {
	mapped *exe.Mapped
	exe    *exe.File
	arch   *arch.Arch
	notes  *notes
	loads  []load
	ranges []Range
	// own is what the core file itself holds, all that and the pages that
	// come from other files.
	own, all spans
	images   []*exe.File
	// libs are the files other than the executable whose bytes complete the
	// core, by path.
	libs     map[string]image
	loaded   func() []Loaded
	check    Check
	bias     uint64
	biasErr  error
	resident *resident
}

// load is a PT_LOAD segment of a core.
type load struct {
	Range
	off    uint64 // of its bytes in the core file
	filesz uint64 // bytes that the core should have, at most Size
	avail  uint64 // bytes that it has: less than filesz when truncated
}

// OpenCore opens the core file at corePath. f is the executable of the
// process, which stays the caller's to close, after the Core; it may be nil,
// and then file-backed pages that the core lacks are missing. When f provably
// is another program than the core's (see CheckExecutable) its bytes are not
// used either. Errors are one line that names the core file.
func OpenCore(corePath string, f *exe.File) (*Core, error) {
	m, err := exe.Map(corePath)
	if err != nil {
		return nil, fmt.Errorf("core file %w", err)
	}
	c := &Core{mapped: m, exe: f}
	if err := c.parse(); err != nil {
		m.Close()
		return nil, fmt.Errorf("core file %s %w", corePath, err)
	}
	c.own.list = joinPieces(c.ownPieces())
	c.bias, c.biasErr = c.findBias()
	c.check = c.identify()
	c.addBacking()
	c.loaded = sync.OnceValue(c.findLoaded)
	c.resident = limitResident(m.Bytes)
	return c, nil
}

// parse reads headers and notes; its errors are predicates on the core file.
func (c *Core) parse() error {
	b := c.mapped.Bytes
	h, err := exe.ParseHeader(b)
	if err != nil {
		return err
	}
	switch h.Type {
	case elf.ET_CORE:
	case elf.ET_EXEC, elf.ET_DYN:
		return fmt.Errorf("is an executable, not a core file: the order is EXE CORE")
	default:
		return fmt.Errorf("is not a core file (ELF type %v)", h.Type)
	}
	a, ok := arch.ByMachine(uint16(h.Machine))
	if !ok {
		return fmt.Errorf("is of a process on %v: supported are %v", h.Machine, arch.Names())
	}
	c.arch = a
	if c.exe != nil && c.exe.Arch.Name != a.Name {
		return fmt.Errorf("is of a process on %s, but %s is an executable for %s", a.Name, c.exe.Path, c.exe.Arch.Name)
	}
	segs, err := exe.ParseSegments(b, h)
	if err != nil {
		return err
	}
	if c.notes, err = readNotes(b, segs, a); err != nil {
		return err
	}
	if c.loads, err = readLoads(uint64(len(b)), segs); err != nil {
		return err
	}
	if len(c.loads) == 0 {
		return fmt.Errorf("has no memory in it")
	}
	c.addUndumpedFiles()
	for i := range c.loads {
		c.nameRange(&c.loads[i].Range)
		c.ranges = append(c.ranges, c.loads[i].Range)
	}
	return nil
}

// addUndumpedFiles adds the mappings that NT_FILE lists and that no PT_LOAD
// covers: gdb leaves unmodified file mappings out where the kernel writes a
// segment without bytes. Their permissions are not known; they count as
// readable only.
func (c *Core) addUndumpedFiles() {
	dumped := c.loads
	var last Addr // a list that does not ascend is damaged
	for _, f := range c.notes.files {
		i, _ := slices.BinarySearchFunc(dumped, f.start, func(l load, a Addr) int {
			if l.End <= a {
				return -1
			}
			return 1
		})
		if f.start < last || f.start >= f.end || i < len(dumped) && dumped[i].Start < f.end {
			continue
		}
		c.loads = append(c.loads, load{Range: Range{Start: f.start, End: f.end, Perm: PermRead}})
		last = f.end
	}
	sortByStart(c.loads, func(l load) Addr { return l.Start })
}

// readNotes reads all PT_NOTE segments.
func readNotes(b []byte, segs []exe.Segment, a *arch.Arch) (*notes, error) {
	var all []exe.Note
	for _, s := range segs {
		if s.Type != elf.PT_NOTE {
			continue
		}
		size := uint64(len(b))
		if s.Off > size || s.Filesz > size-s.Off {
			return nil, fmt.Errorf("is cut off within its notes: they need %d bytes at offset %#x, the file has %d", s.Filesz, s.Off, size)
		}
		list, complete := exe.ParseNotes(b[s.Off:s.Off+s.Filesz], s.Align)
		if !complete {
			return nil, fmt.Errorf("is damaged: its notes at offset %#x do not add up", s.Off)
		}
		all = append(all, list...)
	}
	return parseCoreNotes(all, a)
}

// readLoads returns the PT_LOAD segments in ascending order of address. size
// is the core file's length.
func readLoads(size uint64, segs []exe.Segment) ([]load, error) {
	var loads []load
	for i, s := range segs {
		if s.Type != elf.PT_LOAD || s.Memsz == 0 {
			continue
		}
		if s.Vaddr+s.Memsz < s.Vaddr {
			return nil, fmt.Errorf("is damaged: segment %d at %#x ends beyond the address space", i, s.Vaddr)
		}
		l := load{
			Range:  Range{Start: Addr(s.Vaddr), End: Addr(s.Vaddr + s.Memsz), Perm: permOf(s.Flags)},
			off:    s.Off,
			filesz: min(s.Filesz, s.Memsz),
		}
		if s.Off < size {
			l.avail = min(l.filesz, size-s.Off)
		}
		loads = append(loads, l)
	}
	sortByStart(loads, func(l load) Addr { return l.Start })
	for i := 1; i < len(loads); i++ {
		if loads[i].Start < loads[i-1].End {
			return nil, fmt.Errorf("is damaged: its segments at %v and %v overlap", loads[i-1].Start, loads[i].Start)
		}
	}
	return loads, nil
}

func permOf(flags elf.ProgFlag) Perm {
	var p Perm
	if flags&elf.PF_R != 0 {
		p |= PermRead
	}
	if flags&elf.PF_W != 0 {
		p |= PermWrite
	}
	if flags&elf.PF_X != 0 {
		p |= PermExec
	}
	return p
}

// nameRange fills in the file behind r, as NT_FILE has it.
func (c *Core) nameRange(r *Range) {
	if f := c.fileAt(r.Start); f != nil && f.end >= r.End {
		r.File, r.Off = f.path, f.off+uint64(r.Start-f.start)
	}
}

// fileAt returns the file mapping that holds a, or nil.
func (c *Core) fileAt(a Addr) *mappedFile {
	files := c.notes.files
	// The kernel and gdb write them in ascending order; a damaged list that
	// is not sorted just finds less.
	i, _ := slices.BinarySearchFunc(files, a, func(f mappedFile, a Addr) int {
		if f.end <= a {
			return -1
		}
		return 1
	})
	if i < len(files) && files[i].start <= a && a < files[i].end {
		return &files[i]
	}
	return nil
}

// ownPieces are the segments' bytes in the core file and the gaps after them.
func (c *Core) ownPieces() []piece {
	pieces := make([]piece, 0, 2*len(c.loads))
	for _, l := range c.loads {
		split := l.Start + Addr(l.avail)
		pieces = append(pieces,
			piece{start: l.Start, end: split, src: c.mapped.Bytes, off: l.off},
			piece{start: split, end: l.End})
	}
	return pieces
}

// Close unmaps the core and the files it opened itself. Views die with it.
func (c *Core) Close() error {
	c.resident.close()
	c.resident = nil
	for _, f := range c.images {
		f.Close()
	}
	c.images, c.own.list, c.all.list = nil, nil, nil
	return c.mapped.Close()
}

// ReadAt implements Reader.
func (c *Core) ReadAt(b []byte, a Addr) error {
	c.touch(a, len(b))
	return c.all.readAt(b, a)
}

// View implements Viewer. It copies only where the bytes are not contiguous
// in one file.
func (c *Core) View(a Addr, n int) ([]byte, error) {
	c.touch(a, n)
	return c.all.view(a, n)
}

// touch notes that n bytes at a are about to be read, as far as they are in one
// piece in the core file.
func (c *Core) touch(a Addr, n int) {
	i, ok := c.all.find(a)
	if !ok || n < 0 {
		return
	}
	if s := &c.all.list[i]; s.src == &c.mapped.Bytes[0] {
		off := uint64(a - s.start)
		c.resident.touch(s.off+off, min(uint64(n), uint64(len(s.data))-off))
	}
}

// Ranges implements Memory: what the target had mapped, whether or not the
// core holds the bytes. The slice belongs to the Core.
func (c *Core) Ranges() []Range { return c.ranges }

// Present returns the parts of Ranges whose bytes can be read, with adjacent
// parts of one range joined.
func (c *Core) Present() []Range { return c.all.present(c.ranges) }

// Describe implements Memory.
func (c *Core) Describe() string { return "core file " + c.mapped.Path }

// Arch is the target's architecture.
func (c *Core) Arch() *arch.Arch { return c.arch }

// Threads are the target's threads in the core's order. The kernel and gdb
// put the thread that died, or that was current, first; Delve keeps no order.
func (c *Core) Threads() []arch.Thread { return c.notes.threads }

// Signal is the signal that ended the process. It reports false for a capture
// of a process that went on (gcore, Delve), unless that was stopped by one.
func (c *Core) Signal() (Signal, bool) { return c.notes.signal, c.notes.signal.Number != 0 }

// PID is the process id, 0 if the core does not tell.
func (c *Core) PID() int { return c.notes.pid }

// Name is the process's name as the kernel knew it, at most 15 bytes; ""
// if the core does not tell.
func (c *Core) Name() string { return c.notes.name }

// Command is the start of the command line, at most 79 bytes; "" if the core
// does not tell.
func (c *Core) Command() string { return c.notes.command }

// Aux returns an entry of the auxiliary vector.
func (c *Core) Aux(tag AuxTag) (uint64, bool) { return c.notes.auxv.lookup(tag) }

// CaptureTime is the best guess at the wall-clock time of the capture. The
// core file is created when the process stops and last written when the dump
// ends, so that its creation tells, unless the file was copied since and is
// younger than its modification time, which then is the guess. It is wrong
// for a copy that did not preserve times.
func (c *Core) CaptureTime() time.Time {
	birth, mod := c.mapped.BirthTime, c.mapped.ModTime
	if birth.IsZero() || birth.After(mod) {
		return mod
	}
	return birth
}

// Truncated reports whether the core file ends before its segments do, how
// many bytes are missing and at which addresses. What is there is readable.
func (c *Core) Truncated() (missing uint64, ranges []Range, truncated bool) {
	for _, l := range c.loads {
		if l.avail < l.filesz {
			missing += l.filesz - l.avail
			ranges = append(ranges, l.cut(l.Start+Addr(l.avail), l.Start+Addr(l.filesz)))
		}
	}
	return missing, ranges, len(ranges) > 0
}

// ExePath is the path of the executable as the process had it mapped, which
// may be gone or be another file by now; "" if the core does not tell.
func (c *Core) ExePath() string { return c.exePath() }

// LoadBias is what has to be added to an address of the executable file to
// get the address in the process: 0 unless the executable is PIE.
func (c *Core) LoadBias() (uint64, error) { return c.bias, c.biasErr }
