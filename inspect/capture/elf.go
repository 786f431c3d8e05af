package capture

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/tracee"
)

// Types of the kernel's notes (include/uapi/linux/elf.h).
const (
	notePRSTATUS  = 1
	notePRFPREG   = 2
	notePRPSINFO  = 3
	noteAUXV      = 6
	noteX86XSTATE = 0x202
	noteARMTLS    = 0x401
	noteFILE      = 0x46494c45
)

// Offsets and sizes in struct elf_prstatus and elf_prpsinfo, the same on amd64
// and arm64 (include/linux/elfcore.h).
const (
	prstatusPID   = 32
	prstatusReg   = 112
	prstatusAfter = 8 // pr_fpvalid and padding
	prpsinfoPID   = 24
	prpsinfoFname = 40
	prpsinfoArgs  = 56
	prpsinfoSize  = 136
)

// description is what the notes of a core say.
type description struct {
	arch    *arch.Arch
	pid     int
	name    string
	command string
	auxv    []byte
	ranges  []mem.Range
	threads []tracee.Thread
	instant mem.Instant
}

// notes encodes the content of the PT_NOTE segment.
func (d *description) notes() ([]byte, error) {
	var b noteWriter
	b.add("CORE", notePRPSINFO, d.psinfo())
	b.add("CORE", noteAUXV, d.auxv)
	own, others := d.files()
	b.add("CORE", noteFILE, own)
	instant, err := json.Marshal(d.instant)
	if err != nil {
		return nil, err
	}
	b.add(mem.CaptureNote, mem.CaptureNoteInstant, instant)
	b.add(mem.CaptureNote, mem.CaptureNoteFiles, others)
	for _, t := range d.threads {
		b.add("CORE", notePRSTATUS, d.status(t))
		b.addSome("CORE", notePRFPREG, t.Float)
		b.addSome("LINUX", noteX86XSTATE, t.Extended)
		b.addSome("LINUX", noteARMTLS, t.TLS)
	}
	return b.Bytes(), nil
}

// psinfo encodes NT_PRPSINFO.
func (d *description) psinfo() []byte {
	b := make([]byte, prpsinfoSize)
	binary.LittleEndian.PutUint32(b[prpsinfoPID:], uint32(d.pid))
	copy(b[prpsinfoFname:prpsinfoArgs-1], d.name)
	copy(b[prpsinfoArgs:prpsinfoSize-1], d.command)
	return b
}

// status encodes NT_PRSTATUS. Of a thread whose registers the kernel did not
// give it has what /proc says: where it entered the kernel.
func (d *description) status(t tracee.Thread) []byte {
	regs := t.General
	if regs == nil {
		w := d.instant.Kernel[uint64(t.TID)]
		regs = d.arch.EncodeRegs(arch.Regs{PC: uint64(w.PC), SP: uint64(w.SP), InSyscall: true, Syscall: w.Number, Arg: w.Args[0]})
	}
	b := make([]byte, prstatusReg+d.arch.RegsSize()+prstatusAfter)
	binary.LittleEndian.PutUint32(b[prstatusPID:], uint32(t.TID))
	copy(b[prstatusReg:], regs)
	return b
}

// files encodes the lists of mapped files: of the executable, and of all others.
func (d *description) files() (own, others []byte) {
	var exe, rest []mem.Range
	path := d.exePath()
	for _, r := range d.ranges {
		switch {
		case r.File == "":
		case r.File == path:
			exe = append(exe, r)
		default:
			rest = append(rest, r)
		}
	}
	return fileList(exe), fileList(rest)
}

// exePath is the path of the file that holds the entry point.
func (d *description) exePath() string {
	for b := d.auxv; len(b) >= 16; b = b[16:] {
		if mem.AuxTag(binary.LittleEndian.Uint64(b)) != mem.AuxEntry {
			continue
		}
		entry := mem.Addr(binary.LittleEndian.Uint64(b[8:]))
		for _, r := range d.ranges {
			if r.Contains(entry) {
				return r.File
			}
		}
	}
	return ""
}

// fileList encodes NT_FILE (fs/binfmt_elf.c, fill_files_note).
func fileList(ranges []mem.Range) []byte {
	var b bytes.Buffer
	word := func(v uint64) { b.Write(binary.LittleEndian.AppendUint64(nil, v)) }
	word(uint64(len(ranges)))
	word(pageSize)
	for _, r := range ranges {
		word(uint64(r.Start))
		word(uint64(r.End))
		word(r.Off / pageSize)
	}
	for _, r := range ranges {
		b.WriteString(strings.ReplaceAll(r.File, "\x00", ""))
		b.WriteByte(0)
	}
	return b.Bytes()
}

// noteWriter encodes notes one after the other.
type noteWriter struct{ bytes.Buffer }

// addSome adds a note unless it is empty.
func (w *noteWriter) addSome(owner string, typ uint32, desc []byte) {
	if len(desc) > 0 {
		w.add(owner, typ, desc)
	}
}

func (w *noteWriter) add(owner string, typ uint32, desc []byte) {
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(owner)+1))
	head = binary.LittleEndian.AppendUint32(head, uint32(len(desc)))
	w.Write(binary.LittleEndian.AppendUint32(head, typ))
	w.padded(append([]byte(owner), 0))
	w.padded(desc)
}

func (w *noteWriter) padded(b []byte) {
	w.Write(b)
	w.Write(make([]byte, -len(b)&3))
}

// Sizes of ELF64 structures in bytes.
const (
	headerSize  = 64
	segmentSize = 56
)

// frame encodes what stands around the memory in a core: the header, and at off,
// where the memory ends, the notes and the table of segments. size is that of the
// whole core.
func frame(a *arch.Arch, off uint64, notes []byte, segments []segment) (size uint64, tail, head []byte, err error) {
	if len(segments) > maxSegments {
		return 0, nil, nil, fmt.Errorf("the memory is in %d pieces, and a core can have %d", len(segments), maxSegments)
	}
	table, err := programHeaders(run{off: off, size: uint64(len(notes))}, segments)
	if err != nil {
		return 0, nil, nil, err
	}
	tail = append(tail, notes...)
	tail = append(tail, make([]byte, -(off+uint64(len(tail)))&7)...)
	if head, err = header(a, off+uint64(len(tail)), len(segments)+1); err != nil {
		return 0, nil, nil, err
	}
	tail = append(tail, table...)
	return off + uint64(len(tail)), tail, head, nil
}

// header encodes the ELF header of a core with n program headers at phoff.
func header(a *arch.Arch, phoff uint64, n int) ([]byte, error) {
	h := elf.Header64{
		Type: uint16(elf.ET_CORE), Machine: a.Machine(), Version: uint32(elf.EV_CURRENT),
		Phoff: phoff, Ehsize: headerSize, Phentsize: segmentSize, Phnum: uint16(n),
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	return binary.Append(nil, binary.LittleEndian, h)
}

// programHeaders encodes the table of segments: the notes, and the memory.
func programHeaders(notes run, segments []segment) ([]byte, error) {
	list := []elf.Prog64{{Type: uint32(elf.PT_NOTE), Flags: uint32(elf.PF_R), Off: notes.off, Filesz: notes.size, Align: 4}}
	for _, s := range segments {
		p := elf.Prog64{
			Type: uint32(elf.PT_LOAD), Flags: flags(s.perm), Off: s.off,
			Vaddr: uint64(s.start), Memsz: uint64(s.end - s.start), Align: pageSize,
		}
		if s.has {
			p.Filesz = p.Memsz
		}
		list = append(list, p)
	}
	return binary.Append(nil, binary.LittleEndian, list)
}

func flags(p mem.Perm) uint32 {
	var f elf.ProgFlag
	for _, e := range []struct {
		perm mem.Perm
		flag elf.ProgFlag
	}{{mem.PermRead, elf.PF_R}, {mem.PermWrite, elf.PF_W}, {mem.PermExec, elf.PF_X}} {
		if p&e.perm != 0 {
			f |= e.flag
		}
	}
	return uint32(f)
}
