package mem

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/exe"
)

// Types of the notes in a core (include/uapi/linux/elf.h).
const (
	notePRSTATUS = 1          // NT_PRSTATUS: one thread and its registers
	notePRPSINFO = 3          // NT_PRPSINFO: the process
	noteAUXV     = 6          // NT_AUXV
	noteSIGINFO  = 0x53494749 // NT_SIGINFO: the signal
	noteFILE     = 0x46494c45 // NT_FILE: the mapped files
	noteARMTLS   = 0x401      // NT_ARM_TLS: thread pointer of the last thread
)

// Offsets in struct elf_prstatus, the same on amd64 and arm64
// (include/linux/elfcore.h: struct elf_prstatus_common, then pr_reg).
const (
	prstatusCursig = 12
	prstatusPID    = 32
	prstatusReg    = 112
)

// Offsets in struct elf_prpsinfo on 64-bit Linux, and its size.
const (
	prpsinfoPID   = 24
	prpsinfoFname = 40
	prpsinfoArgs  = 56
	prpsinfoSize  = 136
)

// Signal is the signal that ended a process.
type Signal struct {
	// Number is the signal's number, Code its si_code.
	Number, Code int
	// Addr is the faulting address of SIGSEGV, SIGBUS, SIGILL, SIGFPE and
	// SIGTRAP, and meaningless for others.
	Addr Addr
}

// notes is what the notes of a core say.
type notes struct {
	threads []arch.Thread
	signal  Signal
	pid     int
	name    string
	command string
	auxv    auxv
	files   []mappedFile
	// entry is the relocated entry point as Delve recorded it, 0 if not.
	entry uint64
	// instant is set in rtdbg's own captures.
	instant *Instant
}

// mappedFile is an entry of NT_FILE.
type mappedFile struct {
	start, end Addr
	off        uint64 // in bytes
	path       string
}

// parseCoreNotes reads all the notes of a core for architecture a. Delve
// leaves the owner's name of the kernel's notes empty.
func parseCoreNotes(list []exe.Note, a *arch.Arch) (*notes, error) {
	n := new(notes)
	for _, note := range list {
		switch note.Name {
		case "CORE", "":
			if err := n.addCore(note, a); err != nil {
				return nil, err
			}
		case "LINUX":
			if note.Type == noteARMTLS && len(note.Desc) >= 8 && len(n.threads) > 0 {
				n.threads[len(n.threads)-1].Regs.TLS = binary.LittleEndian.Uint64(note.Desc)
			}
		case "Delve Header":
			if err := n.addDelveHeader(note.Desc); err != nil {
				return nil, err
			}
		case CaptureNote:
			if err := n.addCapture(note.Type, note.Desc); err != nil {
				return nil, err
			}
		case "FreeBSD", "NetBSD-CORE", "OpenBSD":
			return nil, fmt.Errorf("is a %s core: only Linux cores are supported", strings.TrimSuffix(note.Name, "-CORE"))
		}
	}
	if n.instant != nil {
		// In two lists, which the kernel would write as one.
		sortByStart(n.files, func(f mappedFile) Addr { return f.start })
	}
	return n, nil
}

func (n *notes) addCore(note exe.Note, a *arch.Arch) error {
	d := note.Desc
	switch note.Type {
	case notePRSTATUS:
		return n.addThread(d, a)
	case notePRPSINFO:
		n.addProcess(d)
	case noteAUXV:
		n.auxv = parseAuxv(d)
	case noteFILE:
		files, err := parseMappedFiles(d)
		if err != nil {
			return err
		}
		n.files = append(n.files, files...)
	case noteSIGINFO:
		n.addSignal(d)
	case noteDelveThread:
		return n.addDelveThread(d, a)
	}
	return nil
}

func (n *notes) addThread(d []byte, a *arch.Arch) error {
	if len(d) < prstatusReg+a.RegsSize() {
		return fmt.Errorf("is damaged: a thread's status has %d bytes, want %d", len(d), prstatusReg+a.RegsSize())
	}
	regs, err := a.DecodeRegs(d[prstatusReg:])
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	tid := int(int32(le.Uint32(d[prstatusPID:])))
	if len(n.threads) == 0 && n.signal.Number == 0 {
		n.signal.Number = int(le.Uint16(d[prstatusCursig:]))
	}
	n.threads = append(n.threads, arch.Thread{TID: tid, Regs: regs})
	return nil
}

func (n *notes) addProcess(d []byte) {
	if len(d) < prpsinfoSize {
		return
	}
	n.pid = int(int32(binary.LittleEndian.Uint32(d[prpsinfoPID:])))
	n.name = fixedString(d[prpsinfoFname:prpsinfoArgs])
	// The kernel separates the arguments by spaces, Delve by NULs.
	args := bytes.TrimRight(d[prpsinfoArgs:prpsinfoSize], "\x00 ")
	n.command = string(bytes.ReplaceAll(args, []byte{0}, []byte{' '}))
}

func fixedString(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}

// addSignal reads a siginfo_t. gdb writes one for each thread; the first is
// that of the thread that comes first.
func (n *notes) addSignal(d []byte) {
	if len(d) < 24 || n.signal.Code != 0 || n.signal.Addr != 0 || len(n.threads) > 1 {
		return
	}
	le := binary.LittleEndian
	number := int(int32(le.Uint32(d)))
	if number == 0 {
		return
	}
	n.signal = Signal{
		Number: number,
		Code:   int(int32(le.Uint32(d[8:]))),
		Addr:   Addr(le.Uint64(d[16:])),
	}
}

// parseMappedFiles reads NT_FILE (fs/binfmt_elf.c, fill_files_note): count,
// page size, count × (start, end, offset in pages), then the paths.
func parseMappedFiles(d []byte) ([]mappedFile, error) {
	le := binary.LittleEndian
	if len(d) < 16 {
		return nil, fmt.Errorf("is damaged: its list of mapped files has %d bytes", len(d))
	}
	count, pageSize := le.Uint64(d), le.Uint64(d[8:])
	d = d[16:]
	if count > uint64(len(d))/24 {
		return nil, fmt.Errorf("is damaged: its list of mapped files claims %d files in %d bytes", count, len(d))
	}
	paths := d[count*24:]
	files := make([]mappedFile, 0, count)
	for i := range count {
		path, rest, ok := bytes.Cut(paths, []byte{0})
		if !ok {
			return nil, fmt.Errorf("is damaged: its list of mapped files ends after %d of %d paths", i, count)
		}
		paths = rest
		e := d[i*24:]
		files = append(files, mappedFile{
			start: Addr(le.Uint64(e)), end: Addr(le.Uint64(e[8:])),
			off: le.Uint64(e[16:]) * pageSize, path: string(path),
		})
	}
	return files, nil
}
